/* SPDX-License-Identifier: MIT */
/*
 * The person shows who it is, with a smartcard and its PIN (agent/ceremony.h) or, where the
 * provider takes them, with a security key (agent/keys/key_work.h). What comes of it is evidence
 * for the provider, made over a challenge of the provider's.
 *
 * Where anybody may come, the card goes first: one that will do is asked for its PIN, and whatever
 * a key was being asked for is taken away. Keys count as long as no card is at work: then the
 * provider is asked whether it takes them, and a key that is in, or comes, is put to work. Where it
 * must be the session's own card or key, or one insertion, nothing else counts.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/ceremony.h"
#include "agent/cis/cis.h"
#include "agent/keys/key_work.h"
#include "agent/session/key_holder.h"

/* All borrowed for the opener's life. */
struct opener_setup {
    struct loop *loop;
    const struct config *config;
    struct ceremonies *ceremonies;
    struct cis *cis;
    struct key_works *works;      /* NULL: no keys */
    const struct key_watch *keys; /* likewise */
};

/* All borrowed for the opener's life. */
struct opener_request {
    const struct config_provider *provider;
    const struct caller *caller; /* NULL: the agent itself */
    const char *site;            /* whom the prompt names */
    struct session_key *key;     /* that the evidence vouches for */
    /* at most one of three: whose it must be */
    const uint8_t *card_identity;    /* CERTIFICATE_HASH_BYTES: the card's with this certificate */
    const struct key_holder *holder; /* the key's with this credential */
    uint64_t card;                   /* this insertion's */
    bool another_pin;                /* the session continues with it */
    bool without_server; /* a card will do also where the provider cannot be reached: the challenge
                            is then the agent's own */
};

struct opener_result {
    int result;      /* enum outcome, or a fault; but for uid the rest counts with OUTCOME_OK */
    const char *uid; /* of a card's certificate, also of a failure; NULL or "": not known */
    struct cis_evidence evidence; /* borrowed for the call */
    bool local;                   /* its challenge was the agent's own */
    uint8_t identity[SESSION_IDENTITY_BYTES];
    uint64_t card;             /* the insertion that signed; 0: it was a key */
    struct key_holder *holder; /* NULL: it was a card. May be taken */
    uint64_t plugged;          /* the key's plugging in; 0: it has left since */
};

struct opener_events {
    void *context;
    /* As request_waiting takes it. */
    void (*waiting)(void *context, enum waiting_for what, const char *name, int tries_left);
    /* Called exactly once, unless the opener is freed first; prompt and opener are gone when it
     * returns. Never called from within opener_begin. */
    void (*done)(void *context, const struct opener_result *result);
};

struct opener;

/* NULL: *refusal then says why, an outcome or a fault (logged). */
struct opener *opener_begin(const struct opener_setup *setup, const struct opener_request *request,
                            const struct opener_events *events, int *refusal);
/* To be called when keys came or went. */
void opener_keys_changed(struct opener *opener);
/* Whether a card is at work: then the smartcard service matters. */
bool opener_has_card(const struct opener *opener);
/* Takes prompt and all away; done is not called. Takes NULL, and one whose done is being called. */
void opener_free(struct opener **opener);
