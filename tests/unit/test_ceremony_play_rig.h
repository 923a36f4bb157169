/* SPDX-License-Identifier: MIT */
/*
 * One ceremony, watched from its beginning to its end, in the world of test_ceremony_rig.h. Nothing
 * may be told of it from within a call into it.
 */
#pragma once

#include "ipc/base/outcome.h"
#include "tests/unit/test_ceremony_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SECOND = 1000 };

struct play {
    struct ceremony *ceremony;
    bool quiet; /* no callback may come now */
    unsigned fetches, dones;
    int waiting; /* enum waiting_for, the last; -1: nothing was said */
    int tries_left;
    /* from done */
    int result;
    uint64_t card;
    uint8_t identity[CERTIFICATE_HASH_BYTES];
    char uid[32], reader[64], algorithm[16];
    char payload[1024]; /* of the JWS */
    bool wants_key;
    struct session_key *key; /* taken */
    void (*at_done)(struct play *play);
};

/* What most plays ask: a JWS for ORIGIN, by a page. challenge "": to be fetched. */
struct ceremony_request request_with(const char *challenge);
/* NULL in play->ceremony: refused, with the outcome in result. */
void play_begin(struct play *play, const struct ceremony_request *request);
/* The payload has this text. */
bool token_says(const struct play *play, const char *text);

/* Begins it, which must be possible, and lets the loop run. */
void begin(struct play *play, struct ceremony_request request);
/* The provider's answer to what it has fetched; the loop runs. */
void provider_gives(struct play *play, const char *challenge);
void provider_fails(struct play *play, int result);
/* Begins with a challenge to be fetched, "first", up to where a PIN is asked for. */
void fetch_and_begin(struct play *play);
/* At the PIN: it is right, the card signs, and all is well. */
void finish(struct play *play);
/* It has ended so, once, and nothing of it is left. */
void assert_ended(const struct play *play, int result);

int play_set_up(void **state);
int play_tear_down(void **state);
#define TEST(function) cmocka_unit_test_setup_teardown(function, play_set_up, play_tear_down)
