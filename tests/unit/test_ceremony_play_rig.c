/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_ceremony_play_rig.h"

#include "ipc/base/cleanup.h"

#include <stdio.h>
#include <string.h>

static void on_waiting(void *context, enum waiting_for what, const char *reader, int tries_left)
{
    struct play *p = context;
    (void)reader;
    assert_false(p->quiet);
    assert_int_equal(p->dones, 0);
    p->waiting = (int)what;
    p->tries_left = tries_left;
}

static void on_fetch(void *context)
{
    struct play *p = context;
    assert_false(p->quiet);
    assert_int_equal(p->dones, 0);
    p->fetches++;
}

static void read_payload(struct play *p, const char *jws)
{
    const char *payload = strchr(jws, '.') + 1;
    CLEANUP(bytes_deinit) struct bytes text = {0};
    assert_int_equal(base64url_decode(payload, strcspn(payload, "."), &text), 0);
    assert_true(text.len < sizeof p->payload);
    memcpy(p->payload, text.data, text.len);
    p->payload[text.len] = '\0';
}

static void on_done(void *context, const struct ceremony_result *result)
{
    struct play *p = context;
    assert_false(p->quiet);
    p->dones++;
    assert_int_equal(p->dones, 1);
    p->result = result->result;
    snprintf(p->uid, sizeof p->uid, "%s", result->uid ? result->uid : "");
    snprintf(p->reader, sizeof p->reader, "%s", result->reader ? result->reader : "");
    snprintf(p->algorithm, sizeof p->algorithm, "%s", result->algorithm ? result->algorithm : "");
    if (result->result == OUTCOME_OK) {
        p->card = result->card;
        memcpy(p->identity, result->identity, sizeof p->identity);
        if (result->token->result.jws)
            read_payload(p, result->token->result.jws);
        if (p->wants_key)
            p->key = STEAL(*result->key);
    }
    if (p->at_done)
        p->at_done(p);
    p->ceremony = NULL;
}

struct ceremony_request request_with(const char *challenge)
{
    static const struct caller page = {.door = DOOR_WEB, .origin = ORIGIN};
    struct ceremony_request request = {.caller = &page};
    snprintf(request.params.challenge, sizeof request.params.challenge, "%s", challenge);
    snprintf(request.params.origin, sizeof request.params.origin, "%s", ORIGIN);
    return request;
}

void play_begin(struct play *play, const struct ceremony_request *request)
{
    play->waiting = -1;
    struct ceremony_events events = {play, on_waiting, on_fetch, on_done};
    struct ceremony_request copy = *request; /* both are gone when this returns */
    uint8_t identity[CERTIFICATE_HASH_BYTES] = {0};
    if (request->identity) {
        memcpy(identity, request->identity, sizeof identity);
        copy.identity = identity;
    }
    play->quiet = true;
    play->ceremony = ceremony_begin(world.ceremonies, &copy, &events, &play->result);
    play->quiet = false;
    memset(identity, 0, sizeof identity);
    memset(&copy, 0, sizeof copy);
}

bool token_says(const struct play *play, const char *text)
{
    return strstr(play->payload, text) != NULL;
}

void begin(struct play *play, struct ceremony_request request)
{
    play_begin(play, &request);
    assert_non_null(play->ceremony);
    run();
}

static void answer(struct play *play, int result, const char *challenge)
{
    play->quiet = true;
    ceremony_challenge(play->ceremony, result, challenge);
    play->quiet = false;
    run();
}

void provider_gives(struct play *play, const char *challenge)
{
    answer(play, OUTCOME_OK, challenge);
}

void provider_fails(struct play *play, int result)
{
    answer(play, result, NULL);
}

void fetch_and_begin(struct play *play)
{
    begin(play, request_with(""));
    provider_gives(play, "first");
    assert_int_equal(play->waiting, WAITING_PIN);
}

void finish(struct play *play)
{
    person_types("1234");
    card_answers(OUTCOME_OK);
    assert_ended(play, OUTCOME_OK);
}

void assert_ended(const struct play *play, int result)
{
    assert_int_equal(world.secrets, 0);
    assert_int_equal(play->dones, 1);
    assert_int_equal(play->result, result);
    assert_null(play->ceremony);
    assert_false(world.prompt_out);
    assert_false(card_is_asked());
}

int play_set_up(void **state)
{
    (void)state;
    world_begin();
    return 0;
}

int play_tear_down(void **state)
{
    (void)state;
    world_end();
    return 0;
}
