/* SPDX-License-Identifier: MIT */
/*
 * Properties of the chooser's messages: what is encoded is decoded to the same, nothing shorter or
 * longer is accepted, and one flipped bit gives a refusal or another valid message.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/chooser_message.h"
#include "test_message_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 60 };

static struct chooser_question question, decoded; /* too large for the stack */

static void random_question(void)
{
    memset(&question, 0, sizeof question);
    question.kind = random_below(2) ? CHOOSER_ROLE : CHOOSER_ACCOUNT;
    question.timeout_seconds = 1 + random_below(CHOOSER_SECONDS_MAX);
    random_text(question.subject, sizeof question.subject);
    question.item_count = (uint16_t)(1 + random_below(6));
    question.current = (uint16_t)random_below(question.item_count + 1U);
    for (size_t i = 0; i < question.item_count; i++) {
        random_text(question.items[i].name, sizeof question.items[i].name);
        random_text(question.items[i].detail, sizeof question.items[i].detail);
        random_text(question.items[i].code, sizeof question.items[i].code);
    }
}

static int decode_question(const uint8_t *data, size_t len)
{
    uint8_t *copy = exact(data, len);
    int r = chooser_question_decode(copy, len, &decoded);
    if (r == 0) {
        CLEANUP(bytes_deinit) struct bytes again = {0};
        assert_int_equal(chooser_question_encode(&decoded, &again), 0);
        assert_int_equal(again.len, len);
        assert_memory_equal(again.data, data, len);
    }
    free(copy);
    return r;
}

static void questions_survive(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        CLEANUP(bytes_deinit) struct bytes body = {0};
        random_question();
        assert_int_equal(chooser_question_encode(&question, &body), 0);
        assert_in_range(body.len, 1, CHOOSER_QUESTION_BYTES_MAX);
        assert_int_equal(decode_question(body.data, body.len), 0);
        assert_int_equal(decoded.timeout_seconds, question.timeout_seconds);
        assert_string_equal(decoded.subject, question.subject);
        assert_int_equal(decoded.item_count, question.item_count);
        assert_int_equal(decoded.current, question.current);
        for (size_t i = 0; i < question.item_count; i++) {
            assert_string_equal(decoded.items[i].name, question.items[i].name);
            assert_string_equal(decoded.items[i].detail, question.items[i].detail);
            assert_string_equal(decoded.items[i].code, question.items[i].code);
        }

        assert_withstands(decode_question, body.data, body.len, 1);
    }
}

static void fill(char *text, size_t size)
{
    memset(text, 'x', size - 1);
}

static void the_longest_list_fits(void **state)
{
    (void)state;
    memset(&question, 0, sizeof question);
    question.kind = CHOOSER_ROLE;
    question.timeout_seconds = CHOOSER_SECONDS_MAX;
    question.item_count = question.current = CHOOSER_ITEMS_MAX;
    fill(question.subject, sizeof question.subject);
    for (size_t i = 0; i < CHOOSER_ITEMS_MAX; i++) {
        fill(question.items[i].name, sizeof question.items[i].name);
        fill(question.items[i].detail, sizeof question.items[i].detail);
        fill(question.items[i].code, sizeof question.items[i].code);
    }
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(chooser_question_encode(&question, &body), 0);
    assert_int_equal(decode_question(body.data, body.len), 0);
    assert_memory_equal(&decoded, &question, sizeof question);
}

static void refused(void)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(chooser_question_encode(&question, &body), 0);
    assert_int_equal(decode_question(body.data, body.len), -EPROTO);
}

static void plain_question(void)
{
    memset(&question, 0, sizeof question);
    question.kind = CHOOSER_ROLE;
    question.timeout_seconds = 60;
    question.item_count = 2;
}

static void questions_out_of_bounds_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"two\nlines", "escape \x1b[2J", "\xff is no UTF-8",
                                        "delete \x7f"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        plain_question();
        memcpy(question.items[1].name, texts[i], strlen(texts[i]));
        refused();
    }
    plain_question();
    question.kind = 0;
    refused();
    question.kind = 3;
    refused();
    plain_question();
    question.timeout_seconds = 0;
    refused();
    question.timeout_seconds = CHOOSER_SECONDS_MAX + 1;
    refused();
    plain_question();
    question.current = 3;
    refused();
    plain_question();
    question.item_count = 0;
    refused();
    plain_question();
    question.item_count = CHOOSER_ITEMS_MAX + 1;
    refused();
}

static int decode_answer(const uint8_t *data, size_t len, struct chooser_answer *answer)
{
    uint8_t *copy = exact(data, len);
    int r = chooser_answer_decode(copy, len, answer);
    if (r == 0) {
        CLEANUP(bytes_deinit) struct bytes again = {0};
        assert_int_equal(chooser_answer_encode(answer, &again), 0);
        assert_int_equal(again.len, len);
        assert_memory_equal(again.data, data, len);
    } else {
        assert_int_equal(answer->result, OUTCOME_PROMPT_UNAVAILABLE);
    }
    free(copy);
    return r;
}

static void answers_survive(void **state)
{
    (void)state;
    static const struct chooser_answer answers[] = {
        {.result = OUTCOME_OK, .item = 0},      {.result = OUTCOME_OK, .item = 255},
        {.result = OUTCOME_CANCELLED},          {.result = OUTCOME_TIMED_OUT},
        {.result = OUTCOME_PROMPT_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct chooser_answer answer;
        CLEANUP(bytes_deinit) struct bytes body = {0};
        assert_int_equal(chooser_answer_encode(&answers[i], &body), 0);
        assert_in_range(body.len, 1, CHOOSER_ANSWER_BYTES_MAX);
        assert_int_equal(decode_answer(body.data, body.len, &answer), 0);
        assert_int_equal(answer.result, answers[i].result);
        assert_int_equal(answer.item, answers[i].item);

        for (size_t cut = 0; cut < body.len; cut++)
            assert_int_equal(decode_answer(body.data, cut, &answer), -EPROTO);
        for (size_t bit = 0; bit < 8 * body.len; bit++) {
            body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            decode_answer(body.data, body.len, &answer);
            body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        bytes_append(&body, "", 1);
        assert_int_equal(decode_answer(body.data, body.len, &answer), -EPROTO);
    }
}

static void an_answer_says_one_thing(void **state)
{
    (void)state;
    static const struct chooser_answer wrong[] = {
        {.result = OUTCOME_CANCELLED, .item = 1}, /* none was chosen, and one was */
        {.result = OUTCOME_PIN_WRONG},            /* not a chooser's business */
        {.result = OUTCOME_INTERNAL},
        {.result = 7},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct chooser_answer answer;
        CLEANUP(bytes_deinit) struct bytes body = {0};
        assert_int_equal(chooser_answer_encode(&wrong[i], &body), 0);
        assert_int_equal(decode_answer(body.data, body.len, &answer), -EPROTO);
        assert_int_equal(answer.item, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_survive),
        cmocka_unit_test(the_longest_list_fits),
        cmocka_unit_test(questions_out_of_bounds_are_refused),
        cmocka_unit_test(answers_survive),
        cmocka_unit_test(an_answer_says_one_thing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
