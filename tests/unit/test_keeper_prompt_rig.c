/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_keeper_prompt_rig.h"

#include "agent/card_token.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_keeper_cards_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

struct prompt prompt;

static struct ceremony {
    struct ceremony_events events;
    struct session_key *key;
} ceremony;

size_t ceremonies_count(const struct ceremonies *ceremonies)
{
    (void)ceremonies;
    return prompt.out ? 1 : 0;
}

struct ceremony *ceremony_begin(struct ceremonies *ceremonies,
                                const struct ceremony_request *request,
                                const struct ceremony_events *events, int *refusal)
{
    (void)ceremonies;
    (void)refusal;
    assert_false(prompt.out); /* one prompt at a time */
    prompt.out = true;
    prompt.begun++;
    prompt.fetching = false;
    prompt.request = *request;
    ceremony.events = *events;
    return &ceremony;
}

void ceremony_free(struct ceremony **it)
{
    if (*it)
        prompt.out = false;
    *it = NULL;
}

void ceremony_algorithms(struct ceremony *it, const uint8_t *algorithms, unsigned count)
{
    assert_ptr_equal(it, &ceremony);
    assert_int_equal(count, 1);
    assert_int_equal(algorithms[0], CARD_RS256);
}

void ceremony_challenge(struct ceremony *it, int result, const char *challenge)
{
    assert_ptr_equal(it, &ceremony);
    assert_true(prompt.fetching);
    prompt.fetching = false;
    if (result != OUTCOME_OK)
        give_up(outcome_of(result));
    else
        assert_true(strlen(challenge) >= 43);
}

void fetch(void)
{
    prompt.fetching = true;
    ceremony.events.fetch(ceremony.events.context);
}

void ceremony_waits(enum waiting_for what)
{
    ceremony.events.waiting(ceremony.events.context, what, NULL, -1);
}

void sign(int person)
{
    assert_true(prompt.out);
    prompt.out = false;
    struct token_answer token = {.result = {.jws = "header.payload.signature"}};
    struct session_key *no_key = NULL;
    struct ceremony_result result = {.result = OUTCOME_OK,
                                     .token = &token,
                                     .key = &no_key,
                                     .card = card_now(),
                                     .reader = "reader-0",
                                     .algorithm = "ES256"};
    memset(result.identity, person, sizeof result.identity);
    ceremony.events.done(ceremony.events.context, &result);
}

void give_up(int outcome)
{
    assert_true(prompt.out);
    prompt.out = false;
    struct session_key *no_key = NULL;
    struct ceremony_result result = {.result = outcome, .key = &no_key};
    ceremony.events.done(ceremony.events.context, &result);
}

void prompt_begin(void)
{
    prompt = (struct prompt){0};
}

void prompt_end(void)
{
    assert_false(prompt.out);
}
