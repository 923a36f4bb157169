/* SPDX-License-Identifier: MIT */
/* card.signIn: each request is answered once and written down once, and its key goes where it is
 * wanted. The door and the journal are played here, the rest by the ceremony's rig. */
#include "agent/sign_in.h"

#include "agent/audit.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_ceremony_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- the door and the journal ---- */

struct request {
    struct caller caller;
    unsigned answers;
    int result;
    bool jws, web_eid;
    int waiting; /* the last; -1: nothing was said */
};

const struct caller *request_caller(const struct request *request)
{
    return &request->caller;
}

void request_waiting(struct request *request, enum waiting_for what, const char *reader,
                     int tries_left)
{
    (void)reader;
    (void)tries_left;
    assert_int_equal(request->answers, 0);
    request->waiting = (int)what;
}

void answer_sign_in(struct request **request, const struct sign_in_result *result)
{
    struct request *r = STEAL(*request);
    r->answers++;
    r->result = OUTCOME_OK;
    r->jws = result->jws != NULL;
    r->web_eid = result->web_eid != NULL;
}

void answer_error(struct request **request, int result)
{
    struct request *r = STEAL(*request);
    r->answers++;
    r->result = outcome_of(result);
}

static struct {
    unsigned entries;
    enum audit_event event;
    int result;
    char uid[32], origin[64], provider[64], reader[64], algorithm[16];
} journal;

void audit_write(const struct audit_entry *entry)
{
    journal.entries++;
    journal.event = entry->event;
    journal.result = entry->result;
    snprintf(journal.uid, sizeof journal.uid, "%s", entry->uid ? entry->uid : "");
    snprintf(journal.origin, sizeof journal.origin, "%s", entry->origin ? entry->origin : "");
    snprintf(journal.provider, sizeof journal.provider, "%s",
             entry->provider ? entry->provider : "");
    snprintf(journal.reader, sizeof journal.reader, "%s", entry->reader ? entry->reader : "");
    snprintf(journal.algorithm, sizeof journal.algorithm, "%s",
             entry->algorithm ? entry->algorithm : "");
}

const char *config_provider_name_of(const struct config *config, const char *origin)
{
    assert_ptr_equal(config, &world.config);
    return strcmp(origin, ORIGIN) == 0 ? "care-identity" : NULL;
}

static const char *unlisted; /* an origin that the administrator has taken out */

const struct config_provider *config_provider_of(const struct config *config, const char *origin)
{
    static const struct config_provider provider;
    assert_ptr_equal(config, &world.config);
    return unlisted && strcmp(origin, unlisted) == 0 ? NULL : &provider;
}

/* ---- who wants the key ---- */

static struct {
    unsigned calls;
    bool wants, after_answer;
    struct request *request; /* whose answer must have gone out before */
    struct session_key *key;
    uint64_t card;
    char origin[64];
} keeper;

static void on_made(void *context, const char *origin, struct ceremony_result *result)
{
    assert_ptr_equal(context, &keeper);
    keeper.calls++;
    keeper.after_answer = keeper.request->answers == 1;
    keeper.card = result->card;
    snprintf(keeper.origin, sizeof keeper.origin, "%s", origin);
    if (keeper.wants)
        keeper.key = STEAL(*result->key);
}

/* ---- the tests ---- */

static struct sign_ins *sign_ins;

static int set_up(void **state)
{
    (void)state;
    world_begin();
    memset(&journal, 0, sizeof journal);
    memset(&keeper, 0, sizeof keeper);
    sign_ins = sign_ins_new(world.ceremonies, &world.config, on_made, &keeper);
    assert_non_null(sign_ins);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sign_ins_free(&sign_ins);
    assert_null(sign_ins);
    world_end();
    return 0;
}

static void add(struct request *request, enum token_format format, enum interaction interaction)
{
    *request = (struct request){.caller = {.door = DOOR_WEB, .origin = ORIGIN}, .waiting = -1};
    struct sign_in_params params = {.format = format, .interaction = interaction};
    snprintf(params.challenge, sizeof params.challenge, "%s", CHALLENGE);
    snprintf(params.origin, sizeof params.origin, "%s", ORIGIN);
    sign_ins_add(sign_ins, request, &params);
    run();
}

static void sign(struct request *request, enum token_format format)
{
    keeper.request = request;
    add(request, format, INTERACTION_IF_NEEDED);
    assert_int_equal(request->waiting, WAITING_PIN);
    person_types("1234");
    assert_int_equal(request->waiting, WAITING_SIGNATURE);
    card_answers(OUTCOME_OK);
    assert_int_equal(request->answers, 1);
    assert_int_equal(request->result, OUTCOME_OK);
    assert_int_equal(sign_ins_count(sign_ins), 0);
}

static void a_token_is_answered_and_written_down(void **state)
{
    (void)state;
    card_in(ALICE);
    struct request request;
    sign(&request, TOKEN_JWS);
    assert_true(request.jws);
    assert_int_equal(journal.entries, 1);
    assert_int_equal(journal.event, AUDIT_SIGN_IN);
    assert_string_equal(journal.uid, ALICE);
    assert_string_equal(journal.origin, ORIGIN);
    assert_string_equal(journal.provider, "care-identity");
    assert_string_equal(journal.reader, "Reader of " ALICE);
    assert_string_equal(journal.algorithm, "ES256");
}

static void the_key_goes_to_whoever_wants_it_after_the_answer(void **state)
{
    (void)state;
    uint64_t card = card_in(ALICE)->id;
    keeper.wants = true;
    struct request request;
    sign(&request, TOKEN_JWS);
    assert_int_equal(keeper.calls, 1);
    assert_true(keeper.after_answer);
    assert_string_equal(keeper.origin, ORIGIN);
    assert_int_equal(keeper.card, card);
    assert_int_equal(world.keys, 1);
    session_key_free(&keeper.key);
}

static void a_key_that_nobody_wants_is_wiped(void **state)
{
    (void)state;
    card_in(ALICE);
    struct request request;
    sign(&request, TOKEN_JWS);
    assert_int_equal(keeper.calls, 1);
    assert_int_equal(world.keys, 0);

    sign_ins_free(&sign_ins);
    sign_ins = sign_ins_new(world.ceremonies, &world.config, NULL, NULL);
    sign(&request, TOKEN_JWS);
    assert_int_equal(keeper.calls, 1);
    assert_int_equal(world.keys, 0);
}

static void a_web_eid_token_hands_no_key_on(void **state)
{
    (void)state;
    card_in(ALICE);
    struct request request;
    sign(&request, TOKEN_WEB_EID);
    assert_true(request.web_eid);
    assert_int_equal(keeper.calls, 0);
}

static void a_silent_request_disturbs_nobody(void **state)
{
    (void)state;
    card_in(ALICE);
    struct request request;
    add(&request, TOKEN_JWS, INTERACTION_SILENT);
    assert_int_equal(request.answers, 1);
    assert_int_equal(request.result, OUTCOME_INTERACTION_REQUIRED);
    assert_int_equal(world.prompts, 0);
    assert_int_equal(journal.entries, 1);
    assert_int_equal(journal.event, AUDIT_REFUSED);
    assert_string_equal(journal.uid, "");
    assert_string_equal(journal.provider, "care-identity");
}

static void a_failed_sign_in_says_whose_card_it_was(void **state)
{
    (void)state;
    card_in(ALICE);
    struct request request;
    add(&request, TOKEN_JWS, INTERACTION_FORCE);
    person_answers(OUTCOME_TIMED_OUT);
    assert_int_equal(request.answers, 1);
    assert_int_equal(request.result, OUTCOME_TIMED_OUT);
    assert_int_equal(journal.entries, 1);
    assert_int_equal(journal.event, AUDIT_SIGN_IN_FAILED);
    assert_int_equal(journal.result, OUTCOME_TIMED_OUT);
    assert_string_equal(journal.uid, ALICE);
    assert_int_equal(keeper.calls, 0);
}

static void a_cancelled_request_is_answered_at_once(void **state)
{
    (void)state;
    card_in(ALICE);
    struct request first, second, stranger = {0};
    add(&first, TOKEN_JWS, INTERACTION_IF_NEEDED);
    add(&second, TOKEN_JWS, INTERACTION_IF_NEEDED);
    assert_int_equal(second.waiting, WAITING_TURN);
    assert_false(sign_ins_cancel(sign_ins, &stranger));
    assert_true(sign_ins_cancel(sign_ins, &first));
    assert_int_equal(first.answers, 1);
    assert_int_equal(first.result, OUTCOME_CANCELLED);
    assert_string_equal(journal.uid, ALICE);
    assert_false(world.prompt_out);
    assert_false(sign_ins_cancel(sign_ins, &first));
    run();
    assert_int_equal(second.waiting, WAITING_PIN);
    assert_true(sign_ins_cancel(sign_ins, &second));
    assert_int_equal(journal.entries, 2);
}

static void what_an_origin_has_asked_goes_with_it(void **state)
{
    (void)state;
    card_in(ALICE);
    struct request requests[3];
    for (size_t i = 0; i < 3; i++)
        add(&requests[i], TOKEN_JWS, INTERACTION_IF_NEEDED);
    sign_ins_config_changed(sign_ins);
    assert_int_equal(sign_ins_count(sign_ins), 3);
    assert_true(world.prompt_out);
    unlisted = ORIGIN;
    sign_ins_config_changed(sign_ins);
    unlisted = NULL;
    run();
    assert_int_equal(sign_ins_count(sign_ins), 0);
    assert_false(world.prompt_out);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(requests[i].answers, 1);
        assert_int_equal(requests[i].result, OUTCOME_CANCELLED);
    }
}

static void the_ninth_is_refused(void **state)
{
    (void)state;
    struct request requests[9];
    for (size_t i = 0; i < 9; i++)
        add(&requests[i], TOKEN_JWS, INTERACTION_IF_NEEDED);
    assert_int_equal(requests[8].result, OUTCOME_BUSY);
    assert_int_equal(journal.event, AUDIT_REFUSED);
    assert_int_equal(sign_ins_count(sign_ins), 8);
    sign_ins_free(&sign_ins); /* the agent ends */
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(requests[i].answers, 1);
        assert_int_equal(requests[i].result, OUTCOME_CANCELLED);
    }
    assert_int_equal(journal.entries, 9);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_answered_and_written_down),
        TEST(the_key_goes_to_whoever_wants_it_after_the_answer),
        TEST(a_key_that_nobody_wants_is_wiped),
        TEST(a_web_eid_token_hands_no_key_on),
        TEST(a_silent_request_disturbs_nobody),
        TEST(a_failed_sign_in_says_whose_card_it_was),
        TEST(a_cancelled_request_is_answered_at_once),
        TEST(what_an_origin_has_asked_goes_with_it),
        TEST(the_ninth_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
