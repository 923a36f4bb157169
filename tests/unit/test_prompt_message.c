/* SPDX-License-Identifier: MIT */
/*
 * Properties of the prompt's messages: what is encoded is decoded to the same, nothing shorter or
 * longer is accepted, and one flipped bit gives a refusal or another valid message.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/prompt_message.h"
#include "test_message_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 100 };

static void random_question(struct prompt_question *question)
{
    *question = (struct prompt_question){0};
    question->kind = (uint8_t)(PROMPT_PIN + random_below(4));
    question->timeout_seconds = random_below(UINT32_MAX);
    random_text(question->title, sizeof question->title);
    random_text(question->text, sizeof question->text);
    for (char *blank = question->text; (blank = strchr(blank, ' ')); blank++)
        *blank = random_below(2) ? '\n' : ' ';
    random_text(question->label, sizeof question->label);
    random_text(question->error, sizeof question->error);
    random_text(question->yes, sizeof question->yes);
    random_text(question->no, sizeof question->no);
    question->choice_count = (uint8_t)random_below(PROMPT_CHOICES_MAX + 1);
    if (question->kind == PROMPT_CHOICE && question->choice_count == 0)
        question->choice_count = 1;
    for (size_t i = 0; i < question->choice_count; i++)
        random_text(question->choices[i], sizeof question->choices[i]);
}

static int decode_question(const uint8_t *data, size_t len)
{
    uint8_t *copy = exact(data, len);
    struct prompt_question question = {0};
    int r = prompt_question_decode(copy, len, &question);
    if (r == 0) {
        CLEANUP(bytes_deinit) struct bytes again = {0};
        assert_int_equal(prompt_question_encode(&question, &again), 0);
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
        struct prompt_question question, decoded = {0};
        CLEANUP(bytes_deinit) struct bytes body = {0};
        random_question(&question);
        assert_int_equal(prompt_question_encode(&question, &body), 0);
        assert_in_range(body.len, 1, PROMPT_QUESTION_BYTES_MAX);
        assert_int_equal(prompt_question_decode(body.data, body.len, &decoded), 0);
        assert_int_equal(decoded.kind, question.kind);
        assert_int_equal(decoded.timeout_seconds, question.timeout_seconds);
        assert_string_equal(decoded.title, question.title);
        assert_string_equal(decoded.text, question.text);
        assert_string_equal(decoded.label, question.label);
        assert_string_equal(decoded.error, question.error);
        assert_string_equal(decoded.yes, question.yes);
        assert_string_equal(decoded.no, question.no);
        assert_int_equal(decoded.choice_count, question.choice_count);
        for (size_t i = 0; i < question.choice_count; i++)
            assert_string_equal(decoded.choices[i], question.choices[i]);

        assert_withstands(decode_question, body.data, body.len, 1);
    }
}

static void questions_out_of_bounds_are_refused(void **state)
{
    (void)state;
    static const struct prompt_question wrong[] = {
        {.kind = 0},
        {.kind = 5},
        {.kind = PROMPT_CHOICE},
        {.kind = PROMPT_PIN, .title = "two\nlines"},
        {.kind = PROMPT_PIN, .text = "escape \x1b[2J"},
        {.kind = PROMPT_PIN, .text = "\xff is no UTF-8"},
        {.kind = PROMPT_PIN, .label = "delete \x7f"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CLEANUP(bytes_deinit) struct bytes body = {0};
        assert_int_equal(prompt_question_encode(&wrong[i], &body), 0);
        assert_int_equal(decode_question(body.data, body.len), -EPROTO);
    }
}

static int decode_answer(const uint8_t *data, size_t len)
{
    uint8_t *copy = exact(data, len);
    struct prompt_answer answer = {0};
    int r = prompt_answer_decode(copy, len, &answer);
    if (r == 0) {
        CLEANUP(secret_free) struct secret *again = secret_new(PROMPT_ANSWER_BYTES_MAX);
        assert_int_equal(prompt_answer_encode(&answer, again), 0);
        assert_int_equal(secret_len(again), len);
        assert_memory_equal(secret_peek(again), data, len);
    }
    free(copy);
    return r;
}

static void answers_survive(void **state)
{
    (void)state;
    static const uint32_t results[] = {OUTCOME_OK, OUTCOME_CANCELLED, OUTCOME_TIMED_OUT,
                                       OUTCOME_PROMPT_UNAVAILABLE, OUTCOME_PIN_FORMAT};
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t pin[PROMPT_PIN_BYTES_MAX];
        for (size_t i = 0; i < sizeof pin; i++)
            pin[i] = (uint8_t)random_below(256);
        struct prompt_answer answer = {.result = results[random_below(5)],
                                       .choice = (uint8_t)random_below(8),
                                       .pin_len = (uint8_t)random_below(PROMPT_PIN_BYTES_MAX + 1),
                                       .pin = pin};
        struct prompt_answer decoded = {0};
        CLEANUP(secret_free) struct secret *body = secret_new(PROMPT_ANSWER_BYTES_MAX);
        assert_int_equal(prompt_answer_encode(&answer, body), 0);
        size_t len = secret_len(body);
        assert_int_equal(prompt_answer_decode(secret_peek(body), len, &decoded), 0);
        assert_int_equal(decoded.result, answer.result);
        assert_int_equal(decoded.choice, answer.choice);
        assert_int_equal(decoded.pin_len, answer.pin_len);
        if (answer.pin_len > 0)
            assert_memory_equal(decoded.pin, pin, answer.pin_len);

        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(decode_answer(secret_peek(body), cut), -EPROTO);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            secret_bytes(body)[bit / 8] ^= (uint8_t)(1 << bit % 8);
            decode_answer(secret_peek(body), len);
            secret_bytes(body)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_int_equal(secret_append(body, "", 1), 0);
        assert_int_equal(decode_answer(secret_peek(body), len + 1), -EPROTO);
    }
}

static void an_answer_that_does_not_fit_leaves_no_pin(void **state)
{
    (void)state;
    const uint8_t pin[] = "12345678";
    struct prompt_answer answer = {.pin = pin, .pin_len = 8};
    CLEANUP(secret_free) struct secret *body = secret_new(12);
    assert_int_equal(prompt_answer_encode(&answer, body), -ENOSPC);
    assert_int_equal(secret_len(body), 0);
    for (size_t i = 0; i < secret_capacity(body); i++)
        assert_int_equal(secret_peek(body)[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_survive),
        cmocka_unit_test(questions_out_of_bounds_are_refused),
        cmocka_unit_test(answers_survive),
        cmocka_unit_test(an_answer_that_does_not_fit_leaves_no_pin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
