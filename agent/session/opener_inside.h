/* SPDX-License-Identifier: MIT */
/*
 * What the opener's own files share: opener.c (which of the two, and every way out), opener_card.c
 * (a ceremony and its challenges), opener_key.c (a security key and its). For them only.
 */
#pragma once

#include "agent/session/opener.h"

struct opener {
    struct opener_setup setup;
    struct opener_request request;
    struct opener_events events;
    bool ended; /* done is being called */

    /* the card */
    struct ceremony *ceremony; /* NULL: no card will do any more, or none was wanted */
    struct cis_call *fetching;
    bool local;
    bool at_work;    /* there is a card that will do */
    int card_waits;  /* WAITING_CARD or WAITING_READER, while none will do; -1: not known yet */
    int card_result; /* how its ceremony ended while a key could still do */

    /* the key */
    struct cis_call *asking;     /* for a challenge that a key can sign */
    bool asked, takes_keys;      /* the provider, and what it has said */
    uint64_t asked_at;           /* loop_now */
    struct key_work *work;       /* NULL: no key is in, or none will do */
    bool idle;                   /* the work waits for another key than those that are in */
    struct loop_timer *patience; /* for a key to come, where no ceremony waits */
    struct fido_start start;
    struct bytes client_data, assertion;
    struct key_holder holder; /* whose key has signed */
};

/* ---- opener.c ---- */

/* Ends it, and releases it. */
void opener_finish(struct opener *o, struct opener_result *result);
void opener_fail(struct opener *o, int result);
void opener_say(struct opener *o, enum waiting_for what, const char *name, int tries_left);
/* What is missing, a card or a key, as far as it is known. */
void opener_say_missing(struct opener *o);
/* The card's side has changed: whether keys count now. */
void opener_weigh(struct opener *o);

/* ---- opener_card.c ---- */

/* OUTCOME_OK, or why there is none. */
int opener_card_begin(struct opener *o);
void opener_card_stop(struct opener *o);

/* ---- opener_key.c ---- */

/* Whether a key may be used here at all. */
bool opener_key_counts(const struct opener *o);
/* Asks the provider, unless that is under way, and puts a key to work if one is in. False on fault
 * (logged). */
bool opener_key_begin(struct opener *o);
void opener_key_stop(struct opener *o);
