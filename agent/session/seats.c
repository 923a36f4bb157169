/* SPDX-License-Identifier: MIT */
/*
 * A seat in a PC/SC reader is known by the reader's name and the count of what has happened there
 * (struct card: reader, changes). A software token's has no reader and lasts as long as its module
 * names it.
 */
#include "agent/session/seats.h"

#include "agent/candidate.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEATS_MAX = CANDIDATES_MAX };

struct seat {
    uint64_t id;
    uint64_t card; /* as it was called last */
    bool in_reader;
    char reader[CARD_TEXT_MAX + 1];
    uint64_t changes;
    uint8_t identity[SESSION_IDENTITY_BYTES];
    bool invited;
};

struct seats {
    struct cards *cards;
    const struct issuers *issuers;
    seats_fn *fn;
    void *context;
    bool service_up;
    size_t count;
    struct seat at[SEATS_MAX];
    uint64_t last_id;
};

_Static_assert((int)SESSION_IDENTITY_BYTES == (int)CERTIFICATE_HASH_BYTES,
               "an identity is a certificate's hash");

struct seats *seats_new(struct cards *cards, const struct issuers *issuers, seats_fn *fn,
                        void *context)
{
    struct seats *seats = calloc(1, sizeof *seats);
    if (seats)
        *seats = (struct seats){
            .cards = cards, .issuers = issuers, .fn = fn, .context = context, .service_up = true};
    else
        log_fault(ENOMEM, "seats");
    return seats;
}

void seats_free(struct seats **seats)
{
    free(*seats);
    *seats = NULL;
}

static size_t find(const struct seats *seats, uint64_t id)
{
    size_t i = 0;
    while (i < seats->count && seats->at[i].id != id)
        i++;
    return i;
}

/* ---- who left ---- */

static void leave(struct seats *seats, size_t i, enum session_event_type how)
{
    uint64_t id = seats->at[i].id;
    seats->count--;
    memmove(&seats->at[i], &seats->at[i + 1], (seats->count - i) * sizeof *seats->at);
    seats->fn(seats->context, how, id, NULL);
}

/* True if it has left, and then *how. */
static bool has_left(const struct seats *seats, const struct seat *seat,
                     enum session_event_type *how)
{
    *how = SESSION_CARD_OUT;
    if (!seat->in_reader)
        return !cards_find(seats->cards, seat->card) && !cards_reading(seats->cards);
    switch (cards_place(seats->cards, seat->reader, seat->changes)) {
    case CARD_PLACE_SAME:
        return false;
    case CARD_PLACE_NO_READER:
        *how = SESSION_READER_GONE;
        return true;
    case CARD_PLACE_LEFT:
        break;
    }
    return true;
}

static void see_off(struct seats *seats)
{
    for (size_t i = seats->count; i-- > 0;) {
        enum session_event_type how;
        if (i < seats->count && has_left(seats, &seats->at[i], &how))
            leave(seats, i, how);
    }
}

/* ---- who came ---- */

static bool same_place(const struct seat *seat, const struct card *card)
{
    if (seat->in_reader != card->in_reader)
        return false;
    return card->in_reader
               ? strcmp(seat->reader, card->token.reader) == 0 && seat->changes == card->changes
               : seat->card == card->id;
}

static void take_seat(struct seats *seats, const struct card *card, const uint8_t *identity)
{
    for (size_t i = 0; i < seats->count; i++) {
        struct seat *seat = &seats->at[i];
        if (!same_place(seat, card))
            continue;
        if (memcmp(seat->identity, identity, sizeof seat->identity) == 0) {
            seat->card = card->id;
            seat->in_reader = card->in_reader;
            seat->changes = card->changes;
            return;
        }
        leave(seats, i, SESSION_CARD_OUT); /* exchanged without PC/SC noticing */
        break;
    }
    if (seats->count == SEATS_MAX)
        return;
    struct seat *seat = &seats->at[seats->count++];
    *seat = (struct seat){.id = ++seats->last_id,
                          .card = card->id,
                          .in_reader = card->in_reader,
                          .changes = card->changes};
    memcpy(seat->reader, card->token.reader, sizeof seat->reader);
    memcpy(seat->identity, identity, sizeof seat->identity);
    seats->fn(seats->context, SESSION_CARD_IN, seat->id, seat->identity);
}

static void seat_newcomers(struct seats *seats)
{
    for (size_t i = 0; i < cards_count(seats->cards); i++) {
        struct candidate candidate;
        if (candidate_of(cards_at(seats->cards, i), seats->issuers, &candidate))
            take_seat(seats, candidate.card, candidate_holder(&candidate)->hash);
    }
}

void seats_look(struct seats *seats)
{
    bool up = cards_service_up(seats->cards);
    if (up != seats->service_up) {
        seats->service_up = up;
        if (!up)
            seats->count = 0;
        seats->fn(seats->context, up ? SESSION_SERVICE_UP : SESSION_SERVICE_DOWN, 0, NULL);
    }
    see_off(seats);
    seat_newcomers(seats);
}

/* ---- questions ---- */

uint64_t seats_of_card(const struct seats *seats, uint64_t card)
{
    for (size_t i = 0; i < seats->count; i++)
        if (seats->at[i].card == card)
            return seats->at[i].id;
    return 0;
}

uint64_t seats_card(const struct seats *seats, uint64_t seat)
{
    size_t i = find(seats, seat);
    return i < seats->count && cards_find(seats->cards, seats->at[i].card) ? seats->at[i].card : 0;
}

struct place seats_place(const struct seats *seats, uint64_t seat)
{
    struct place place = {0};
    size_t i = find(seats, seat);
    if (i == seats->count || !seats->at[i].in_reader)
        return place;
    memcpy(place.reader, seats->at[i].reader, sizeof place.reader);
    place.events = seats->at[i].changes & 0xffff; /* pkcs11/reader_watch.h */
    return place;
}

uint64_t seats_of_identity(const struct seats *seats,
                           const uint8_t identity[SESSION_IDENTITY_BYTES])
{
    for (size_t i = 0; i < seats->count; i++)
        if (memcmp(seats->at[i].identity, identity, SESSION_IDENTITY_BYTES) == 0)
            return seats->at[i].id;
    return 0;
}

void seats_set_invited(struct seats *seats, uint64_t seat)
{
    size_t i = find(seats, seat);
    if (i < seats->count)
        seats->at[i].invited = true;
}

uint64_t seats_uninvited(const struct seats *seats)
{
    for (size_t i = 0; i < seats->count; i++)
        if (!seats->at[i].invited)
            return seats->at[i].id;
    return 0;
}

void seats_ask(struct seats *seats)
{
    cards_ask(seats->cards);
}

enum seats_found seats_find(const struct seats *seats,
                            const uint8_t identity[SESSION_IDENTITY_BYTES])
{
    if (cards_reading(seats->cards) || !cards_service_up(seats->cards))
        return SEATS_UNKNOWN;
    for (size_t i = 0; i < cards_count(seats->cards); i++) {
        const struct card *card = cards_at(seats->cards, i);
        struct candidate candidate;
        if (candidate_of(card, seats->issuers, &candidate) &&
            memcmp(candidate_holder(&candidate)->hash, identity, SESSION_IDENTITY_BYTES) == 0)
            return seats_of_identity(seats, identity) ? SEATS_HERE : SEATS_UNKNOWN;
        if (card->token.flags & (CARD_HELD | CARD_UNREADABLE))
            return SEATS_UNKNOWN; /* it may be the one */
    }
    /* A reader that is not back yet may hold it. */
    int absence = cards_count(seats->cards) > 0 ? OUTCOME_NO_CARD : cards_absence(seats->cards);
    return absence == OUTCOME_NO_CARD || absence == OUTCOME_REMOTE_SESSION ? SEATS_MISSING
                                                                           : SEATS_UNKNOWN;
}

void seats_repeat(struct seats *seats, const uint8_t identity[SESSION_IDENTITY_BYTES])
{
    for (size_t i = 0; i < seats->count; i++) {
        const struct seat *seat = &seats->at[i];
        if (memcmp(seat->identity, identity, sizeof seat->identity) != 0)
            seats->fn(seats->context, SESSION_CARD_IN, seat->id, seat->identity);
    }
}
