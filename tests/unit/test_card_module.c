/* SPDX-License-Identifier: MIT */
/*
 * The agent's end of a card module, with a helper that misbehaves: this very program, started again
 * under the name lanyard-card, with what it shall do wrong as its module's path.
 */
#include "agent/card_module.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/frame.h"
#include "test_folder_rig.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the helper ---- */

static int send_list(uint32_t number, uint32_t result)
{
    CLEANUP(bytes_deinit) struct bytes out = {0};
    struct card_reply reply = {.type = CARD_REQUEST_LIST, .number = number, .result = result};
    int r = card_reply_encode(&reply, &out);
    return r < 0 ? r : frame_send(STDIN_FILENO, out.data, out.len, FRAME_MAX_HELPER);
}

/* Says with a file that it is at work, and does not come back from it: for ever, or until another
 * file is there, when it dies. */
static void stay_away(const char *self)
{
    char asked[PATH_MAX], die[PATH_MAX];
    int folder = (int)(strrchr(self, '/') - self);
    snprintf(asked, sizeof asked, "%.*s/asked", folder, self);
    snprintf(die, sizeof die, "%.*s/die", folder, self);
    fclose(fopen(asked, "w"));
    while (access(die, F_OK) != 0)
        usleep(1000);
    _exit(EXIT_FAILURE);
}

/* Answers lists until it is asked for what it does wrong. */
static int play_helper(const char *self, const char *wish)
{
    struct secret *body = secret_new(CARD_REQUEST_BYTES_MAX);
    while (body && frame_receive_secret(STDIN_FILENO, body) == 0) {
        CLEANUP(card_request_deinit) struct card_request request = {0};
        if (card_request_decode(secret_peek(body), secret_len(body), &request) < 0)
            return EXIT_FAILURE;
        if (strcmp(wish, "die") == 0)
            return EXIT_FAILURE;
        if (strcmp(wish, "stay-away") == 0 && request.number == 1)
            stay_away(self);
        if (strcmp(wish, "flood") == 0)
            while (write(STDIN_FILENO, "\0\0\0\1x", 5) == 5)
                continue;
        bool missed = strcmp(wish, "missed") == 0 && request.number != 3;
        if (strcmp(wish, "misses") == 0)
            missed = true;
        if (send_list(strcmp(wish, "other-number") == 0 ? request.number + 1 : request.number,
                      missed ? OUTCOME_CARD_CHANGED : OUTCOME_OK) < 0)
            return EXIT_FAILURE;
        if (strcmp(wish, "twice") == 0)
            send_list(request.number, OUTCOME_OK);
    }
    return EXIT_SUCCESS;
}

/* ---- the agent's side ---- */

struct bench {
    char folder[64];
    struct loop *loop;
    struct helpers *helpers;
    struct card_module *module;
    int answers, last_result, restarts;
    bool stop_at_restart;
    void *forget; /* what the callback forgets */
};

static void restarted(void *context)
{
    struct bench *b = context;
    b->restarts++;
    if (b->stop_at_restart)
        loop_stop(b->loop);
}

static void answered(void *context, int result, struct card_reply *reply)
{
    struct bench *b = context;
    (void)reply;
    b->answers++;
    b->last_result = result;
    if (b->forget)
        card_module_forget(b->module, b->forget);
    if (!b->stop_at_restart)
        loop_stop(b->loop);
}

static void start(struct bench *b, const char *wish)
{
    char self[PATH_MAX] = "", link[128];
    strcpy(b->folder, "/tmp/lanyard-test-XXXXXX");
    assert_non_null(folder_make(b->folder));
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    snprintf(link, sizeof link, "%s/lanyard-card", b->folder);
    assert_int_equal(symlink(self, link), 0);
    b->loop = loop_new();
    b->helpers = helpers_new(b->loop, b->folder);
    b->module = card_module_new(b->loop, b->helpers, wish, restarted, b);
    assert_non_null(b->module);
}

static void end(struct bench *b)
{
    card_module_free(&b->module);
    helpers_free(&b->helpers);
    loop_free(&b->loop);
    folder_remove(b->folder);
}

enum { SLOT = 4 };

static int ask_to_sign(struct bench *b, void *context)
{
    static const uint8_t pin[] = "123456";
    struct card_sign_request sign = {
        .slot = SLOT, .algorithm = CARD_ES256, .digest_len = 32, .pin = pin, .pin_len = 6};
    return card_module_sign(b->module, &sign, answered, context);
}

static bool file_there(const struct bench *b, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", b->folder, name);
    return access(path, F_OK) == 0;
}

static void look_again(void *context)
{
    loop_stop(context);
}

/* Runs the loop until the process is at work on what it was asked. */
static void run_until_asked(struct bench *b)
{
    struct loop_timer *timer = loop_timer_new(b->loop, look_again, b->loop);
    while (!file_there(b, "asked")) {
        loop_timer_set(timer, 1);
        loop_run(b->loop);
    }
    loop_timer_free(&timer);
}

static void a_list_is_answered(void **state)
{
    (void)state;
    struct bench b = {0};
    start(&b, "");
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    assert_int_equal(b.answers, 0); /* never from within the call */
    loop_run(b.loop);
    assert_int_equal(b.last_result, OUTCOME_OK);
    assert_string_equal(card_module_state(b.module), "ready");
    end(&b);
}

static void whoever_lies_has_failed_and_starts_again(void **state)
{
    (void)state;
    static const char *const wishes[] = {"die", "flood", "other-number"};
    for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
        struct bench b = {0};
        start(&b, wishes[i]);
        assert_int_equal(card_module_list(b.module, answered, &b), 0);
        loop_run(b.loop);
        assert_int_equal(b.last_result, OUTCOME_CARD_MODULE_FAILED);
        assert_string_equal(card_module_state(b.module), "failed");
        b.stop_at_restart = true;
        loop_run(b.loop);
        assert_int_equal(b.restarts, 1);
        assert_int_equal(b.answers, 1);
        end(&b);
    }
}

static void an_answer_nobody_asked_for_ends_the_helper(void **state)
{
    (void)state;
    struct bench b = {0};
    start(&b, "twice");
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    loop_run(b.loop);
    assert_int_equal(b.last_result, OUTCOME_OK);
    b.stop_at_restart = true;
    loop_run(b.loop);
    assert_int_equal(b.restarts, 1);
    end(&b);
}

/* Whoever missed an exchange is replaced, which is no failure, unless it goes on. */
static void a_module_that_missed_something_is_replaced(void **state)
{
    (void)state;
    struct bench b = {0};
    start(&b, "missed");
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(card_module_list(b.module, answered, &b), 0);
        loop_run(b.loop);
        assert_int_equal(b.answers, i);
        assert_int_equal(b.last_result, i < 3 ? OUTCOME_CARD_CHANGED : OUTCOME_OK);
        assert_int_equal(card_module_problem(b.module), OUTCOME_OK);
    }
    assert_int_equal(b.restarts, 0);
    end(&b);

    b = (struct bench){0};
    start(&b, "misses");
    do {
        assert_int_equal(card_module_list(b.module, answered, &b), 0);
        loop_run(b.loop);
    } while (b.last_result == OUTCOME_CARD_CHANGED);
    assert_int_equal(b.last_result, OUTCOME_CARD_MODULE_FAILED);
    assert_string_equal(card_module_state(b.module), "failed");
    end(&b);
}

static void whoever_is_told_of_a_failure_may_forget_the_next(void **state)
{
    (void)state;
    struct bench b = {0};
    int somebody_else;
    start(&b, "die");
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    assert_int_equal(ask_to_sign(&b, &somebody_else), 0);
    b.forget = &somebody_else;
    loop_run(b.loop);
    assert_int_equal(b.answers, 1);
    assert_int_equal(b.last_result, OUTCOME_CARD_MODULE_FAILED);
    end(&b);
}

static void what_is_asked_of_no_process_fails_later(void **state)
{
    (void)state;
    struct bench b = {0};
    start(&b, "die");
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    loop_run(b.loop);
    assert_int_equal(ask_to_sign(&b, &b), 0);
    assert_int_equal(b.answers, 1);
    loop_run(b.loop);
    assert_int_equal(b.answers, 2);
    assert_int_equal(b.last_result, OUTCOME_CARD_MODULE_FAILED);
    end(&b);
}

/* ---- a card that has left ---- */

/* Not a failure: another process goes on with what else was asked. */
static void assert_replaced(struct bench *b, int result)
{
    assert_int_equal(b->last_result, result);
    assert_int_equal(b->answers, 1);
    assert_int_equal(b->restarts, 1);
    assert_int_equal(card_module_problem(b->module), OUTCOME_OK);
    assert_string_not_equal(card_module_state(b->module), "failed");
    loop_run(b->loop);
    assert_int_equal(b->answers, 2);
    assert_int_equal(b->last_result, OUTCOME_OK);
}

static void whoever_lists_a_card_that_has_left_is_replaced(void **state)
{
    (void)state;
    struct bench b = {0};
    start(&b, "stay-away");
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    run_until_asked(&b);
    card_module_card_left(b.module, NULL);
    loop_run(b.loop);
    assert_replaced(&b, OUTCOME_CARD_CHANGED);
    end(&b);
}

static void whoever_signs_with_a_card_that_has_left_is_replaced(void **state)
{
    (void)state;
    const uint64_t slot = SLOT;
    struct bench b = {0};
    start(&b, "stay-away");
    assert_int_equal(ask_to_sign(&b, &b), 0);
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    run_until_asked(&b);
    card_module_card_left(b.module, &slot);
    loop_run(b.loop);
    assert_replaced(&b, OUTCOME_CARD_REMOVED);
    end(&b);
}

static void whoever_dies_of_a_card_that_has_left_is_replaced(void **state)
{
    (void)state;
    const uint64_t slot = SLOT;
    char die[128];
    struct bench b = {0};
    start(&b, "stay-away");
    assert_int_equal(ask_to_sign(&b, &b), 0);
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    run_until_asked(&b);
    card_module_card_left(b.module, &slot);
    snprintf(die, sizeof die, "%s/die", b.folder);
    fclose(fopen(die, "w"));
    loop_run(b.loop);
    assert_replaced(&b, OUTCOME_CARD_REMOVED);
    end(&b);
}

/* Of the other card in another reader nothing is known to be wrong. */
static void whoever_signs_with_another_card_is_left_alone(void **state)
{
    (void)state;
    const uint64_t other = SLOT + 1;
    char die[128];
    struct bench b = {0};
    start(&b, "stay-away");
    assert_int_equal(ask_to_sign(&b, &b), 0);
    run_until_asked(&b);
    card_module_card_left(b.module, &other);
    card_module_card_left(b.module, NULL);
    snprintf(die, sizeof die, "%s/die", b.folder);
    fclose(fopen(die, "w"));
    loop_run(b.loop);
    assert_int_equal(b.last_result, OUTCOME_CARD_MODULE_FAILED);
    assert_string_equal(card_module_state(b.module), "failed");
    end(&b);
}

static void whoever_does_nothing_is_left_alone(void **state)
{
    (void)state;
    const uint64_t slot = SLOT;
    struct bench b = {0};
    start(&b, "");
    card_module_card_left(b.module, &slot);
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    card_module_card_left(b.module, NULL);
    loop_run(b.loop);
    assert_int_equal(b.last_result, OUTCOME_OK);
    assert_int_equal(b.restarts, 0);
    end(&b);
}

static void a_pin_pad_that_is_cancelled_is_no_failure(void **state)
{
    (void)state;
    int somebody_else;
    struct card_sign_request sign = {.slot = SLOT, .algorithm = CARD_ES256, .digest_len = 32};
    struct bench b = {0};
    start(&b, "stay-away");
    assert_int_equal(card_module_sign(b.module, &sign, answered, &somebody_else), 0);
    assert_int_equal(card_module_list(b.module, answered, &b), 0);
    run_until_asked(&b);
    card_module_forget(b.module, &somebody_else);
    assert_int_equal(b.restarts, 1);
    assert_string_not_equal(card_module_state(b.module), "failed");
    loop_run(b.loop);
    assert_int_equal(b.answers, 1);
    assert_int_equal(b.last_result, OUTCOME_OK);
    end(&b);
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');
    if (argc == 3 && name && strcmp(name, "/lanyard-card") == 0)
        return play_helper(argv[0], argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_answered),
        cmocka_unit_test(whoever_lies_has_failed_and_starts_again),
        cmocka_unit_test(an_answer_nobody_asked_for_ends_the_helper),
        cmocka_unit_test(a_module_that_missed_something_is_replaced),
        cmocka_unit_test(whoever_is_told_of_a_failure_may_forget_the_next),
        cmocka_unit_test(what_is_asked_of_no_process_fails_later),
        cmocka_unit_test(whoever_lists_a_card_that_has_left_is_replaced),
        cmocka_unit_test(whoever_signs_with_a_card_that_has_left_is_replaced),
        cmocka_unit_test(whoever_dies_of_a_card_that_has_left_is_replaced),
        cmocka_unit_test(whoever_signs_with_another_card_is_left_alone),
        cmocka_unit_test(whoever_does_nothing_is_left_alone),
        cmocka_unit_test(a_pin_pad_that_is_cancelled_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
