/* SPDX-License-Identifier: MIT */
/*
 * Two sources, one picture. The reader watch publishes snapshots from its own thread; whenever one
 * arrives, cards whose reader says otherwise are dropped at once, and every module is asked anew
 * what is in. An answer that was asked for before the latest snapshot is thrown away: it may still
 * show a card that has left. A module that is at work on what has left is given a second to notice.
 *
 * A card keeps its id while its module names it again in the same reader with the same count
 * of changes (insertions and removals) there. The count is the one at which the helper read it, so
 * that a card which it has seen before the watch said a word is not taken for the one before, nor
 * dropped when the watch says it. Cards of a module without PC/SC (a software token)
 * have no reader here and live as long as the module names them.
 *
 * Readers that are withheld are a snapshot without any. Until it is known whose they are, the first
 * snapshot has not come.
 *
 * Where two modules know the same card, the first in the configuration that can read its
 * certificates has it.
 */
#include "agent/cards.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRIES_MAX = CARDS_MAX,
    MODULES_MAX = ENTRIES_MAX / CARD_TOKENS_MAX,
    DESCRIPTION_BYTES = 64,
    HURRY_MS = 100,  /* until the watch has heard that it is asked */
    FRESH_MS = 2000, /* longer than from an insertion to its prompt, shorter than typing a PIN */
};

struct module {
    struct cards *home;
    struct card_module *module;
    bool asked;
    bool ask_again;
    uint64_t generation;  /* of the snapshot when it was asked */
    uint64_t answered_at; /* loop_now */
};

struct cards {
    struct loop *loop;
    const struct config *config;
    loop_fn *changed;
    void *context;

    enum cards_access access;
    struct reader_watch *watch;
    bool watch_spoke;
    struct loop_wakeup *watch_says;
    struct reader_snapshot readers;
    size_t shown_count; /* of them, those that count */
    const struct reader_info *shown[READERS_MAX];
    uint64_t generation; /* of snapshots; 0: none yet */

    const struct seat_watch *seats; /* borrowed; NULL: not told yet */
    char seat[SEAT_NAME_MAX + 1];   /* the session's; "": not known */
    unsigned places_wanted;         /* the readers were asked; 0: there is no other seat */
    struct loop_timer *hurry;

    size_t module_count;
    struct module modules[MODULES_MAX];
    size_t entry_count;
    struct card *entries[ENTRIES_MAX];
    size_t visible_count;
    const struct card *visible[ENTRIES_MAX];
    uint64_t last_id;
};

static void entry_free(struct card **e)
{
    if (*e) {
        card_token_deinit(&(*e)->token);
        certificate_set_deinit(&(*e)->certificates);
    }
    free(*e);
    *e = NULL;
}

/* ---- readers ---- */

/* A slot's description is the reader's name, cut to 64 bytes (CK_SLOT_INFO). NULL: there is none,
 * or, and then *ambiguous is set, there are several of which it could be. */
static const struct reader_info *reader_of(const struct cards *cards, const char *description,
                                           bool *ambiguous)
{
    const struct reader_info *found = NULL;
    *ambiguous = false;
    for (size_t i = 0; i < cards->readers.count; i++) {
        const struct reader_info *reader = &cards->readers.readers[i];
        if (strcmp(reader->name, description) == 0)
            return reader;
        if (strlen(description) == DESCRIPTION_BYTES &&
            strncmp(reader->name, description, DESCRIPTION_BYTES) == 0) {
            *ambiguous = found != NULL;
            found = reader;
        }
    }
    return *ambiguous ? NULL : found;
}

static bool ignored(const struct config *config, const char *reader)
{
    for (size_t i = 0; i < config->ignored_readers.count; i++)
        if (strcmp(config->ignored_readers.at[i], reader) == 0)
            return true;
    return false;
}

static bool is_of_our_seat(const struct cards *cards, const struct reader_info *reader)
{
    const char *seat = NULL;
    if (cards->places_wanted == 0 || cards->readers.places_asked == 0)
        return true;
    if (reader->place == READER_PLACE_USB)
        seat = seat_watch_of(cards->seats, reader->usb_bus, reader->usb_device);
    else if (reader->place == READER_PLACE_ELSEWHERE)
        seat = "seat0";
    return seat && strcmp(seat, cards->seat) == 0;
}

/* Neither left alone nor another seat's. */
static bool counts(const struct cards *cards, const struct reader_info *reader)
{
    return !ignored(cards->config, reader->name) && is_of_our_seat(cards, reader);
}

static bool holds_card(const struct reader_info *reader)
{
    return reader->state == READER_CARD || reader->state == READER_UNREADABLE;
}

/* ---- the picture ---- */

static size_t readable(const struct card *e)
{
    size_t count = 0;
    for (size_t i = 0; i < e->certificates.count; i++)
        count += e->certificates.at[i] != NULL;
    return count;
}

/* Of the entries for one reader: the first with certificates, else the first. */
static bool is_visible(const struct cards *cards, const struct card *e)
{
    if (!e->in_reader)
        return true;
    for (size_t i = 0; i < cards->entry_count; i++) {
        const struct card *other = cards->entries[i];
        if (!other->in_reader || strcmp(other->token.reader, e->token.reader) != 0)
            continue;
        if (other == e)
            return true;
        if (readable(other) > 0 || readable(e) == 0)
            return false;
    }
    return true;
}

static void look(struct cards *cards)
{
    cards->visible_count = 0;
    for (size_t i = 0; i < cards->entry_count; i++)
        if (is_visible(cards, cards->entries[i]))
            cards->visible[cards->visible_count++] = cards->entries[i];
}

static void drop(struct cards *cards, size_t i)
{
    entry_free(&cards->entries[i]);
    cards->entry_count--;
    memmove(&cards->entries[i], &cards->entries[i + 1],
            (cards->entry_count - i) * sizeof *cards->entries);
}

/* ---- asking the modules ---- */

static void on_list(void *context, int result, struct card_reply *reply);

static void ask(struct module *m)
{
    if (m->home->access != CARDS_OURS)
        return;
    if (m->asked) {
        m->ask_again = true;
        return;
    }
    m->ask_again = false;
    m->generation = m->home->generation;
    m->asked = card_module_list(m->module, on_list, m) == 0;
}

static void on_restarted(void *context)
{
    ask(context);
}

/* How much had happened in the reader when the card was read. The helper looked at the card, and at
 * pcscd's count just before; the watch may hear of an exchange later. Unless the helper does not
 * know, or the watch's count is 0, of which pcsc-lite tells no exchange (reader_watch.c). */
static uint64_t changes_when_read(const struct reader_info *reader, const struct card_token *token)
{
    if (token->events > CARD_EVENTS_MAX || (reader->changes & CARD_EVENTS_MAX) == 0)
        return reader->changes;
    return (reader->changes & ~(uint64_t)CARD_EVENTS_MAX) | token->events;
}

/* Moves the token out of the reply into an entry: that of the same card if there was one. NULL: the
 * card has left meanwhile, is to be ignored, or there is no memory. */
static struct card *make_entry(struct module *m, struct card_token *token)
{
    struct cards *cards = m->home;
    bool ambiguous;
    const struct reader_info *reader = reader_of(cards, token->reader, &ambiguous);
    if (ambiguous || (reader ? !counts(cards, reader) || !holds_card(reader)
                             : ignored(cards->config, token->reader)))
        return NULL;
    if (!reader && cards->places_wanted != 0 && token->events != CARD_EVENTS_UNKNOWN)
        return NULL; /* a reader that the watch has not seen yet: whose it is, is not known */
    if (!reader && token->certificate_count == 0)
        return NULL; /* SoftHSM always offers a blank token */

    CLEANUP(entry_free) struct card *e = calloc(1, sizeof *e);
    if (!e) {
        log_fault(ENOMEM, "card");
        return NULL;
    }
    e->in_reader = reader != NULL;
    e->changes = reader ? changes_when_read(reader, token) : 0;
    e->module = m->module;
    e->puk_tries_left = CARD_TRIES_UNKNOWN;
    e->token = *token;
    *token = (struct card_token){0};
    if (certificate_set_parse(&e->token, &e->certificates) < 0) {
        log_fault(ENOMEM, "certificates");
        return NULL;
    }
    for (size_t i = 0; i < cards->entry_count && e->id == 0; i++) {
        const struct card *old = cards->entries[i];
        /* A module may see a new reader before the watch does; the card in it stays the same. */
        bool same = old->module == m->module && old->token.slot == e->token.slot &&
                    strcmp(old->token.reader, e->token.reader) == 0 &&
                    (!old->in_reader || (e->in_reader && old->changes == e->changes));
        const struct certificate *before = old->certificates.at[0];
        const struct certificate *now = e->certificates.at[0];
        if (same && (!before) == (!now) &&
            (!now || memcmp(before->hash, now->hash, sizeof now->hash) == 0))
            e->id = old->id;
        if (e->id != 0)
            e->puk_tries_left = old->puk_tries_left;
    }
    if (e->id == 0)
        e->id = ++cards->last_id;
    return STEAL(e);
}

static void replace_entries(struct module *m, struct card_reply *reply)
{
    struct cards *cards = m->home;
    struct card *fresh[CARD_TOKENS_MAX];
    size_t fresh_count = 0;
    for (size_t i = 0; reply && i < reply->token_count; i++) {
        struct card *e = make_entry(m, &reply->tokens[i]);
        if (e)
            fresh[fresh_count++] = e;
    }
    for (size_t i = cards->entry_count; i-- > 0;)
        if (cards->entries[i]->module == m->module)
            drop(cards, i);
    /* Entries stand in the order of the modules. */
    size_t at = 0;
    while (at < cards->entry_count) {
        size_t k = 0;
        while (cards->modules[k].module != cards->entries[at]->module)
            k++;
        if (&cards->modules[k] > m)
            break;
        at++;
    }
    memmove(&cards->entries[at + fresh_count], &cards->entries[at],
            (cards->entry_count - at) * sizeof *cards->entries);
    memcpy(&cards->entries[at], fresh, fresh_count * sizeof *fresh);
    cards->entry_count += fresh_count;
}

static void on_list(void *context, int result, struct card_reply *reply)
{
    struct module *m = context;
    struct cards *cards = m->home;
    m->asked = false;
    m->answered_at = loop_now();
    bool missed = result == OUTCOME_CARD_CHANGED;
    bool stale = missed || m->ask_again || m->generation != cards->generation;
    if (result != OUTCOME_OK && !missed)
        replace_entries(m, NULL); /* a module that failed vouches for nothing */
    else if (!stale)
        replace_entries(m, reply);
    if (stale)
        ask(m);
    look(cards);
    cards->changed(cards->context);
}

/* ---- what the watch says ---- */

/* On the watch's thread. */
static void on_watch_thread(void *context)
{
    struct cards *cards = context;
    loop_wake(cards->watch_says);
}

/* True if a card, or a reader, that was there has left since the snapshot before. */
static bool something_left(const struct reader_snapshot *before, const struct reader_snapshot *now)
{
    for (size_t i = 0; i < before->count; i++) {
        const struct reader_info *then = &before->readers[i];
        bool same = false;
        for (size_t k = 0; k < now->count && !same; k++) {
            const struct reader_info *still = &now->readers[k];
            same = strcmp(still->name, then->name) == 0 &&
                   (!holds_card(then) || (holds_card(still) && still->changes == then->changes));
        }
        if (!same)
            return true;
    }
    return false;
}

static void show_readers(struct cards *cards)
{
    cards->shown_count = 0;
    for (size_t i = 0; i < cards->readers.count; i++)
        if (counts(cards, &cards->readers.readers[i]))
            cards->shown[cards->shown_count++] = &cards->readers.readers[i];
}

/* Whatever a module knows is no longer ours when cards are withheld, a software token too. */
static bool is_gone(const struct cards *cards, const struct card *e)
{
    bool ambiguous;
    const struct reader_info *reader = reader_of(cards, e->token.reader, &ambiguous);
    return cards->access == CARDS_WITHHELD ||
           (e->in_reader && (!reader || !holds_card(reader) || reader->changes != e->changes ||
                             !counts(cards, reader)));
}

/* *readers is the picture from now on. */
static void take_readers(struct cards *cards, const struct reader_snapshot *readers)
{
    struct reader_snapshot before = cards->readers;
    cards->readers = *readers;
    show_readers(cards);
    cards->generation++;

    for (size_t i = cards->entry_count; i-- > 0;) {
        const struct card *e = cards->entries[i];
        if (is_gone(cards, e)) {
            card_module_card_left(e->module, &e->token.slot);
            drop(cards, i);
        }
    }
    bool left = something_left(&before, &cards->readers);
    for (size_t i = 0; i < cards->module_count; i++) {
        if (left)
            card_module_card_left(cards->modules[i].module, NULL);
        ask(&cards->modules[i]);
    }
    look(cards);
    cards->changed(cards->context);
}

/* Where readers are told apart by their seats, they count as before until all have been asked. */
static void look_at_readers(struct cards *cards)
{
    struct reader_snapshot now = {.service_up = true};
    if (cards->access == CARDS_OURS)
        reader_watch_snapshot(cards->watch, &now);
    if (cards->access == CARDS_OURS && cards->places_wanted != 0 && now.service_up &&
        now.places_asked == 0)
        return;
    take_readers(cards, &now);
}

static void hurry(void *context)
{
    struct cards *cards = context;
    struct reader_snapshot now;
    reader_watch_snapshot(cards->watch, &now);
    if (!now.service_up || now.places_asked == cards->places_wanted)
        return;
    reader_watch_hurry(cards->watch);
    loop_timer_set(cards->hurry, HURRY_MS);
}

static void on_watch_says(void *context)
{
    struct cards *cards = context;
    cards->watch_spoke = true;
    if (cards->access == CARDS_OURS)
        look_at_readers(cards);
    if (cards->places_wanted != 0)
        hurry(cards);
}

/* ---- seats ---- */

void cards_seats_changed(struct cards *cards)
{
    bool others =
        cards->seats && cards->seat[0] != '\0' && seat_watch_has_others(cards->seats, cards->seat);
    if (!others && cards->places_wanted == 0)
        return;
    cards->places_wanted = others ? reader_watch_ask_places(cards->watch) : 0;
    if (others)
        loop_timer_set(cards->hurry, HURRY_MS);
    else
        loop_timer_stop(cards->hurry);
    cards_config_changed(cards);
}

void cards_set_seat(struct cards *cards, const struct seat_watch *seats, const char *seat)
{
    cards->seats = seats;
    snprintf(cards->seat, sizeof cards->seat, "%s", seat);
    cards_seats_changed(cards);
}

/* ---- from outside ---- */

void cards_set_access(struct cards *cards, enum cards_access access)
{
    if (cards->access == access)
        return;
    cards->access = access;
    if (access == CARDS_WITHHELD || cards->watch_spoke)
        look_at_readers(cards);
}

enum cards_access cards_access(const struct cards *cards)
{
    return cards->access;
}

struct cards *cards_new(struct loop *loop, struct helpers *helpers, const struct config *config,
                        loop_fn *changed, void *context)
{
    CLEANUP(cards_free) struct cards *cards = calloc(1, sizeof *cards);
    if (!cards) {
        log_fault(ENOMEM, "cards");
        return NULL;
    }
    cards->loop = loop;
    cards->config = config;
    cards->changed = changed;
    cards->context = context;
    for (size_t i = 0; i < config->modules.count; i++) {
        if (i == MODULES_MAX) {
            log_warning("only the first %d card modules are used", MODULES_MAX);
            break;
        }
        struct module *m = &cards->modules[i];
        m->home = cards;
        m->module = card_module_new(loop, helpers, config->modules.at[i], on_restarted, m);
        if (!m->module)
            return NULL;
        cards->module_count++;
    }
    cards->watch_says = loop_wakeup_new(loop, on_watch_says, cards);
    cards->hurry = loop_timer_new(loop, hurry, cards);
    if (!cards->watch_says || !cards->hurry)
        return NULL;
    cards->watch = reader_watch_new(on_watch_thread, cards);
    return cards->watch ? STEAL(cards) : NULL;
}

void cards_free(struct cards **cards)
{
    struct cards *c = *cards;
    if (!c)
        return;
    reader_watch_free(&c->watch);
    loop_wakeup_free(&c->watch_says);
    loop_timer_free(&c->hurry);
    for (size_t i = 0; i < c->module_count; i++)
        card_module_free(&c->modules[i].module);
    for (size_t i = 0; i < c->entry_count; i++)
        entry_free(&c->entries[i]);
    free(c);
    *cards = NULL;
}

void cards_config_changed(struct cards *cards)
{
    show_readers(cards);
    for (size_t i = cards->entry_count; i-- > 0;) {
        struct card *e = cards->entries[i];
        bool ambiguous;
        const struct reader_info *reader = reader_of(cards, e->token.reader, &ambiguous);
        if (reader ? counts(cards, reader) : !ignored(cards->config, e->token.reader))
            continue;
        card_module_card_left(e->module, &e->token.slot);
        drop(cards, i);
    }
    for (size_t i = 0; i < cards->module_count; i++)
        ask(&cards->modules[i]);
    look(cards);
    cards->changed(cards->context);
}

size_t cards_reader_count(const struct cards *cards)
{
    return cards->shown_count;
}

const struct reader_info *cards_reader(const struct cards *cards, size_t i)
{
    return cards->shown[i];
}

bool cards_service_up(const struct cards *cards)
{
    return cards->generation == 0 || cards->readers.service_up;
}

size_t cards_count(const struct cards *cards)
{
    return cards->visible_count;
}

const struct card *cards_at(const struct cards *cards, size_t i)
{
    return cards->visible[i];
}

const struct card *cards_find(const struct cards *cards, uint64_t id)
{
    for (size_t i = 0; i < cards->visible_count; i++)
        if (cards->visible[i]->id == id)
            return cards->visible[i];
    return NULL;
}

bool cards_reading(const struct cards *cards)
{
    if (cards->generation == 0)
        return true;
    for (size_t i = 0; i < cards->module_count; i++)
        if (cards->modules[i].asked)
            return true;
    return false;
}

/* Asks unless that was done lately. True if the last answer is a recent one. */
static bool fresh(struct module *m)
{
    if (!m->asked && loop_now() - m->answered_at > FRESH_MS)
        ask(m);
    return !m->asked;
}

bool cards_fresh(struct cards *cards, const struct card *card)
{
    for (size_t i = 0; i < cards->module_count; i++)
        if (cards->modules[i].module == card->module)
            return fresh(&cards->modules[i]);
    return true;
}

bool cards_known(struct cards *cards)
{
    bool known = true;
    for (size_t i = 0; i < cards->module_count; i++)
        known = fresh(&cards->modules[i]) && known;
    return known;
}

void cards_note_pin(struct cards *cards, uint64_t id, uint8_t flags, uint8_t tries_left)
{
    for (size_t i = 0; i < cards->entry_count; i++)
        if (cards->entries[i]->id == id) {
            cards->entries[i]->token.flags = flags;
            cards->entries[i]->token.tries_left = tries_left;
        }
}

void cards_note_puk(struct cards *cards, uint64_t id, uint8_t tries_left)
{
    for (size_t i = 0; i < cards->entry_count; i++)
        if (cards->entries[i]->id == id)
            cards->entries[i]->puk_tries_left = tries_left;
}

int cards_absence(const struct cards *cards)
{
    if (cards->access == CARDS_WITHHELD)
        return OUTCOME_REMOTE_SESSION;
    if (!cards_service_up(cards))
        return OUTCOME_READER_SERVICE_DOWN;
    int problem = OUTCOME_OK;
    for (size_t i = 0; i < cards->module_count; i++) {
        problem = card_module_problem(cards->modules[i].module);
        if (problem == OUTCOME_OK)
            break;
    }
    if (problem != OUTCOME_OK)
        return problem;
    /* A reader that is listed may be unplugged already. */
    int absence = OUTCOME_NO_READER;
    for (size_t i = 0; i < cards->shown_count; i++) {
        if (holds_card(cards->shown[i]))
            return OUTCOME_CARD_UNREADABLE;
        if (cards->shown[i]->state == READER_EMPTY)
            absence = OUTCOME_NO_CARD;
    }
    return absence;
}

void cards_gone(struct cards *cards, uint64_t id)
{
    for (size_t i = 0; i < cards->entry_count; i++) {
        if (cards->entries[i]->id != id)
            continue;
        struct card_module *module = cards->entries[i]->module;
        card_module_renew(module);
        for (size_t k = 0; k < cards->module_count; k++)
            if (cards->modules[k].module == module)
                cards->modules[k].answered_at = 0;
        drop(cards, i);
        look(cards);
        return;
    }
}

size_t cards_module_count(const struct cards *cards)
{
    return cards->module_count;
}

struct card_module *cards_module(const struct cards *cards, size_t i)
{
    return cards->modules[i].module;
}

void cards_ask(struct cards *cards)
{
    for (size_t i = 0; i < cards->module_count; i++)
        ask(&cards->modules[i]);
}

enum card_place cards_place(const struct cards *cards, const char *reader, uint64_t changes)
{
    bool ambiguous;
    const struct reader_info *info = reader_of(cards, reader, &ambiguous);
    if (!info || info->state == READER_UNAVAILABLE || !counts(cards, info))
        return CARD_PLACE_NO_READER;
    return holds_card(info) && info->changes == changes ? CARD_PLACE_SAME : CARD_PLACE_LEFT;
}
