/* SPDX-License-Identifier: MIT */
/*
 * The cards that are in now: what PC/SC says about readers and what the modules say about the cards
 * in them, put together.
 *
 * PC/SC tells first that something came or went, and at once; a module tells afterwards what it is.
 * So a card that was pulled is gone from here before any module has been asked, and a card that was
 * exchanged is another card (another id) even when it looks the same. Loop thread only; nothing
 * blocks.
 */
#pragma once

#include "agent/card_module.h"
#include "agent/certificate.h"
#include "agent/config.h"
#include "agent/seat_watch.h"
#include "pkcs11/reader_watch.h"

struct cards;

enum { CARDS_MAX = 8 * CARD_TOKENS_MAX }; /* of eight modules */

/* One card, from its insertion to its removal. Borrowed from cards until the next change. */
struct card {
    uint64_t id; /* never used again, not even for the same card inserted again */
    struct card_module *module;
    struct card_token token; /* its certificates are in the set */
    struct certificate_set certificates;
    uint8_t puk_tries_left; /* as it has said once; CARD_TRIES_UNKNOWN */
    bool in_reader;         /* a PC/SC reader; a software token has none */
    uint64_t changes; /* in_reader: so much had happened in the reader when the card was read */
};

/* changed: a reader or card came or went, or the modules have answered; called from the loop, never
 * from within a call of these. config is borrowed for its life. NULL on fault (logged). */
struct cards *cards_new(struct loop *loop, struct helpers *helpers, const struct config *config,
                        loop_fn *changed, void *context);
void cards_free(struct cards **cards);

/* Other readers are ignored now: what is in is looked at again, and `changed` comes, at once and
 * when the modules have answered. */
void cards_config_changed(struct cards *cards);

/* Whether readers and cards are this session's. */
enum cards_access {
    CARDS_WAIT, /* it is not known yet, as at first: the watch might as well not have spoken */
    CARDS_OURS,
    CARDS_WITHHELD, /* they are not: they count as not there, and no module is asked for any */
};
/* `changed` comes, at once and when the modules have answered. */
void cards_set_access(struct cards *cards, enum cards_access access);
enum cards_access cards_access(const struct cards *cards);

/* Of which seat the session is; "": not known, then every reader counts. Where there are USB
 * devices of other seats, a reader counts that is of this one; one that is no USB reader, or whose
 * driver does not say, is of seat0. `changed` comes if that makes a difference. */
void cards_set_seat(struct cards *cards, const struct seat_watch *seats, const char *seat);
/* Devices came, left, or are of other seats. */
void cards_seats_changed(struct cards *cards);

/* The readers, those that the configuration ignores, and those of other seats, left out. */
size_t cards_reader_count(const struct cards *cards);
const struct reader_info *cards_reader(const struct cards *cards, size_t i);
/* False once the smartcard service is known to be down. */
bool cards_service_up(const struct cards *cards);

size_t cards_count(const struct cards *cards);
const struct card *cards_at(const struct cards *cards, size_t i);
/* NULL when that card is gone. */
const struct card *cards_find(const struct cards *cards, uint64_t id);
/* True while a module is still being asked, so that more cards may turn up. */
bool cards_reading(const struct cards *cards);
/* True if the card's module has spoken of it recently; else it is being asked again, and `changed`
 * comes: what is known of a PIN's tries grows old when other programs use the card. */
bool cards_fresh(struct cards *cards, const struct card *card);

/* What the card said about its PIN after a login: enum card_token_flag, tries left. */
void cards_note_pin(struct cards *cards, uint64_t id, uint8_t flags, uint8_t tries_left);

/* What it said of its PUK. */
void cards_note_puk(struct cards *cards, uint64_t id, uint8_t tries_left);

/* Why there is no card to sign in with, once cards_count is 0 and cards_reading false:
 * REMOTE_SESSION (they are withheld), READER_SERVICE_DOWN, CARD_MODULE_FAILED or
 * CARD_MODULE_MISSING (of every module), CARD_UNREADABLE (a reader holds one that no module knows),
 * NO_CARD, NO_READER. */
int cards_absence(const struct cards *cards);

/* False if what is in may have been missed: then the modules are being asked again, and `changed`
 * comes. */
bool cards_known(struct cards *cards);

/* A module says that this card is gone or another one, before PC/SC has: it is forgotten, and a
 * fresh process of the module will say what is in when it is asked next. */
void cards_gone(struct cards *cards, uint64_t id);

size_t cards_module_count(const struct cards *cards);
struct card_module *cards_module(const struct cards *cards, size_t i);

/* Has every module say again what is in, from the cards themselves; `changed` comes. */
void cards_ask(struct cards *cards);

/* What PC/SC says of the place in which a card was read: no module needs to be well for that. */
enum card_place {
    CARD_PLACE_SAME,      /* it is in there still */
    CARD_PLACE_LEFT,      /* it has left, whatever is in there now */
    CARD_PLACE_NO_READER, /* the reader is gone, and the card with it */
};
enum card_place cards_place(const struct cards *cards, const char *reader, uint64_t changes);
