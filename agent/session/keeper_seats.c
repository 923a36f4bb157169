/* SPDX-License-Identifier: MIT */
/*
 * The cards and security keys as the session sees them: which one it hangs on, what their coming
 * and going is to the machine, and whether the session's own is still there after a time in which
 * nobody looked (a sleep, a switch to another user, an agent that was not running).
 */
#include "agent/session/keeper_inside.h"

#include <stdio.h>
#include <string.h>

/* ---- the smartcard service ---- */

/* The smartcard service is the machine's business only while something hangs on a card: somebody
 * with a security key can do without. */
static bool service_matters(const struct keeper *k)
{
    if (!k->setup.key_works)
        return true;
    if (k->machine.state <= SESSION_AUTHENTICATING)
        return k->opener && opener_has_card(k->opener);
    return !key_holder_is(&k->holder);
}

void keeper_tell_of_service(struct keeper *k)
{
    bool down = k->service_down && service_matters(k);
    if (down == k->service_told)
        return;
    k->service_told = down;
    keeper_put_type(k, down ? SESSION_SERVICE_DOWN : SESSION_SERVICE_UP);
}

/* ---- which one it hangs on ---- */

static void note_key_name(struct keeper *k, uint64_t plugged)
{
    const struct key_found *found = key_watch_find(k->setup.keys, plugged);
    if (found)
        memcpy(k->key_name, found->name, sizeof k->key_name);
}

uint64_t keeper_take_seat(struct keeper *k)
{
    const struct signer *signer = &k->signer;
    if (!key_holder_is(&signer->key)) {
        key_seat_hold(k->key_seat, NULL, 0);
        key_holder_deinit(&k->holder);
        return seats_of_card(k->seats, signer->card);
    }
    if (key_holder_set(&k->holder, signer->key.rp_id, &signer->key.credential) < 0)
        return 0;
    note_key_name(k, signer->plugged);
    uint64_t seat = key_seat_hold(k->key_seat, &k->holder, signer->plugged);
    if (k->about)
        key_seat_trust(k->key_seat, k->about->public_key, k->about->public_key_len);
    return seat;
}

uint64_t keeper_key(const struct keeper *k)
{
    return key_seat_key(k->key_seat);
}

/* ---- whether it is still there ---- */

/* An agent that was not there cannot know what happened to the card; PC/SC's count can. */
static bool has_stayed(const struct keeper *k, uint64_t seat)
{
    struct place place = seats_place(k->seats, seat);
    return k->restored.reader[0] == '\0' ||
           (strcmp(k->restored.reader, place.reader) == 0 && k->restored.events == place.events);
}

static void look_for_card(struct keeper *k)
{
    if (!k->verifying)
        return;
    enum seats_found found = seats_find(k->seats, k->machine.identity);
    if (found == SEATS_UNKNOWN)
        return;
    k->verifying = false;
    uint8_t holder[SESSION_IDENTITY_BYTES]; /* the machine may forget it on the way */
    memcpy(holder, k->machine.identity, sizeof holder);
    uint64_t seat = seats_of_identity(k->seats, holder);
    if (found == SEATS_MISSING || !has_stayed(k, seat))
        keeper_put_type(k, SESSION_CARD_MISSING);
    k->restored = (struct place){0};
    if (found == SEATS_HERE)
        keeper_put(
            k, &(struct session_event){.type = SESSION_CARD_IN, .card = seat, .identity = holder},
            NULL);
    seats_repeat(k->seats, holder);
}

void keeper_verify(struct keeper *k)
{
    if (key_holder_is(&k->holder)) {
        if (!key_seat_verify(k->key_seat))
            keeper_put_type(k, SESSION_CARD_MISSING);
        return;
    }
    k->verifying = true;
    seats_ask(k->seats);
    look_for_card(k);
}

/* ---- what comes and goes ---- */

static void on_seat(void *context, enum session_event_type type, uint64_t seat,
                    const uint8_t *identity)
{
    struct keeper *k = context;
    if (type == SESSION_SERVICE_DOWN || type == SESSION_SERVICE_UP) {
        k->service_down = type == SESSION_SERVICE_DOWN;
        keeper_tell_of_service(k);
        return;
    }
    keeper_put(k, &(struct session_event){.type = type, .card = seat, .identity = identity}, NULL);
}

static void on_key_seat(void *context, enum session_event_type type, uint64_t seat)
{
    struct keeper *k = context;
    if (type == SESSION_CARD_OUT && k->asleep)
        type = SESSION_READER_GONE; /* ports lose their power */
    note_key_name(k, key_seat_key(k->key_seat));
    uint8_t holder[SESSION_IDENTITY_BYTES]; /* the machine may forget it on the way */
    memcpy(holder, k->machine.identity, sizeof holder);
    keeper_put(k, &(struct session_event){.type = type, .card = seat, .identity = holder}, NULL);
}

bool keeper_begin_seats(struct keeper *k)
{
    k->seats = seats_new(k->setup.cards, k->setup.issuers, on_seat, k);
    k->key_seat = key_seat_new(k->setup.keys, k->setup.key_works, on_key_seat, k);
    return k->seats && k->key_seat;
}

void keeper_cards_changed(struct keeper *k)
{
    seats_look(k->seats);
    look_for_card(k);
}

void keeper_keys_changed(struct keeper *k)
{
    key_seat_look(k->key_seat);
    if (k->opener)
        opener_keys_changed(k->opener);
}

/* A sign-in without anybody's request. One that a page's own sign-in with this card stands before,
 * or that was tried with this card already, would be a second prompt. */
void keeper_invite(struct keeper *k)
{
    const struct config_provider *provider = config_provider_default(k->setup.config);
    uint64_t seat = seats_uninvited(k->seats);
    if (k->stopping || !provider || !k->setup.config->session_at_insertion || seat == 0)
        return;
    seats_set_invited(k->seats, seat);
    if (ceremonies_count(k->setup.ceremonies) > 0)
        return;
    struct ask *ask = ask_new(ASK_INSERTION, NULL);
    if (!ask)
        return;
    ask->provider = provider;
    ask->seat = seat;
    snprintf(ask->begin.origin, sizeof ask->begin.origin, "%s", provider->origins.at[0]);
    keeper_put(k, &(struct session_event){.type = SESSION_BEGIN}, ask);
}
