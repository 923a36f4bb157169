/* SPDX-License-Identifier: MIT */
/*
 * A helper that is kept ready, with real processes: this very program, started again under the name
 * of a helper, notes its number in a file and repeats what it hears.
 */
#include "agent/helper.h"
#include "ipc/base/cleanup.h"
#include "test_folder_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PROCESSES_MAX = 8, WORD = 4 + 1 /* a frame of one byte */ };

/* ---- the helper ---- */

static int play_helper(const char *self, const char *argument)
{
    char path[PATH_MAX], word[WORD];
    if (strcmp(argument, "forking") == 0) {
        int held = open(self, O_RDONLY); /* its lock is everybody's who has that descriptor */
        if (flock(held, LOCK_SH) < 0)
            return EXIT_FAILURE;
        if (fork() == 0)
            for (;;)
                pause();
    }
    if (strcmp(argument, "chatty") == 0 && write(STDIN_FILENO, "!", 1) < 0)
        return EXIT_FAILURE; /* before it is in the list: who is there has spoken */
    snprintf(path, sizeof path, "%.*s/processes", (int)(strrchr(self, '/') - self), self);
    FILE *processes = fopen(path, "a");
    fprintf(processes, "%d\n", (int)getpid());
    fclose(processes);
    while (read(STDIN_FILENO, word, sizeof word) > 0)
        if (write(STDIN_FILENO, word + 4, 1) < 0)
            return EXIT_FAILURE;
    return EXIT_SUCCESS;
}

/* ---- the agent's side ---- */

struct bench {
    char folder[64];
    struct loop *loop;
    struct helpers *helpers;
    struct helper *helper; /* the one that is out; a test that fails leaves it here */
    char heard;            /* by whoever has the helper; 0: it has ended */
};

static int begin(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    char self[PATH_MAX] = "", link[128];
    strcpy(b->folder, "/tmp/lanyard-test-XXXXXX");
    assert_non_null(folder_make(b->folder));
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    snprintf(link, sizeof link, "%s/lanyard-fido", b->folder);
    assert_int_equal(symlink(self, link), 0);
    b->loop = loop_new();
    b->helpers = helpers_new(b->loop, b->folder);
    *state = b;
    return b->helpers ? 0 : -1;
}

static int end(void **state)
{
    struct bench *b = *state;
    helper_free(&b->helper);
    helpers_free(&b->helpers);
    loop_free(&b->loop);
    folder_remove(b->folder);
    free(b);
    return 0;
}

/* The processes that were started and have come so far, the oldest first; their number. */
static size_t list(const struct bench *b, int pids[PROCESSES_MAX])
{
    char path[128];
    snprintf(path, sizeof path, "%s/processes", b->folder);
    size_t count = 0;
    FILE *processes = fopen(path, "r");
    while (processes && count < PROCESSES_MAX && fscanf(processes, "%d\n", &pids[count]) == 1)
        count++;
    if (processes)
        fclose(processes);
    return count;
}

/* Until so many have come, of which the last is returned. */
static int await(const struct bench *b, size_t count)
{
    int pids[PROCESSES_MAX];
    while (list(b, pids) < count)
        usleep(1000);
    return pids[count - 1];
}

static void on_readable(void *context, struct helper *helper)
{
    struct bench *b = context;
    b->heard = 0;
    helper_read(helper, &b->heard, 1);
    loop_stop(b->loop);
}

static void spawn(struct bench *b, const char *argument)
{
    b->helper = helper_spawn(b->helpers, HELPER_FIDO, argument, on_readable, b);
    assert_non_null(b->helper);
}

/* It says so after us, so it is there and alive. */
static void talk(struct bench *b)
{
    b->heard = 0;
    assert_int_equal(helper_send(b->helper, "a", 1), 0);
    assert_int_equal(loop_run(b->loop), 0);
    assert_int_equal(b->heard, 'a');
}

/* Ends before the loop hears of it; who reaps it is the loop's matter. */
static void kill_now(int pid)
{
    siginfo_t info;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* ---- tests ---- */

static void the_spare_is_handed_out_and_replaced(void **state)
{
    struct bench *b = *state;
    helpers_keep_spare(b->helpers, HELPER_FIDO, "");
    int spare = await(b, 1);
    spawn(b, "");
    talk(b);
    int pids[PROCESSES_MAX];
    assert_int_equal(list(b, pids), 1); /* it is that one, and no other is there beside it */
    helper_free(&b->helper);
    assert_int_not_equal(await(b, 2), spare);
    spawn(b, "");
    talk(b);
    assert_int_equal(list(b, pids), 2);
    helpers_keep_spare(b->helpers, HELPER_FIDO, NULL);
    helper_free(&b->helper);
    spawn(b, "");
    talk(b);
    assert_int_equal(list(b, pids), 3); /* of those two neither was kept */
    helper_free(&b->helper);
}

static void wanting_it_twice_starts_one(void **state)
{
    struct bench *b = *state;
    helpers_keep_spare(b->helpers, HELPER_FIDO, "");
    helpers_keep_spare(b->helpers, HELPER_FIDO, "");
    await(b, 1);
    spawn(b, "");
    talk(b);
    int pids[PROCESSES_MAX];
    assert_int_equal(list(b, pids), 1);
    helper_free(&b->helper);
}

static void another_argument_gets_its_own(void **state)
{
    struct bench *b = *state;
    helpers_keep_spare(b->helpers, HELPER_FIDO, "");
    await(b, 1);
    spawn(b, "elsewhere");
    talk(b);
    int pids[PROCESSES_MAX];
    assert_int_equal(list(b, pids), 2);
    helper_free(&b->helper);
}

static void a_spare_that_has_died_is_nobodys(void **state)
{
    struct bench *b = *state;
    helpers_keep_spare(b->helpers, HELPER_FIDO, "");
    kill_now(await(b, 1));
    spawn(b, "");
    talk(b);
    helper_free(&b->helper);
}

/* Or a program that cannot start would be started without end. */
static void a_spare_that_dies_is_not_replaced(void **state)
{
    struct bench *b = *state;
    helpers_keep_spare(b->helpers, HELPER_FIDO, "");
    kill_now(await(b, 1));
    spawn(b, "elsewhere");
    talk(b);
    talk(b); /* by now the loop has heard of both */
    int pids[PROCESSES_MAX];
    assert_int_equal(list(b, pids), 2);
    helper_free(&b->helper);
}

static void a_spare_that_speaks_unasked_is_nobodys(void **state)
{
    struct bench *b = *state;
    helpers_keep_spare(b->helpers, HELPER_FIDO, "chatty");
    await(b, 1);
    spawn(b, "chatty");
    assert_int_equal(loop_run(b->loop), 0);
    assert_int_equal(b->heard, '!');
    await(b, 2); /* a second one's */
    helper_free(&b->helper);
}

/* A card's software has no terminal of the person's to type into. */
static void a_helper_has_a_session_of_its_own(void **state)
{
    struct bench *b = *state;
    spawn(b, "");
    int pid = await(b, 1);
    assert_int_equal(getsid(pid), pid);
    assert_int_not_equal(getsid(0), pid);
    helper_free(&b->helper);
}

static void what_a_helper_has_forked_goes_with_it(void **state)
{
    struct bench *b = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/lanyard-fido", b->folder);
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    spawn(b, "forking");
    talk(b);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    helper_free(&b->helper);
    assert_int_equal(flock(fd, LOCK_EX), 0); /* comes when both are gone */
}

static void what_cannot_be_started_is_not_tried_again(void **state)
{
    struct bench *b = *state;
    helpers_keep_spare(b->helpers, HELPER_CARD, ""); /* there is no such program here */
    assert_null(helper_spawn(b->helpers, HELPER_CARD, "", on_readable, b));
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return play_helper(argv[0], argv[1]);
#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_spare_is_handed_out_and_replaced),
        TEST(wanting_it_twice_starts_one),
        TEST(another_argument_gets_its_own),
        TEST(a_spare_that_has_died_is_nobodys),
        TEST(a_spare_that_dies_is_not_replaced),
        TEST(a_spare_that_speaks_unasked_is_nobodys),
        TEST(a_helper_has_a_session_of_its_own),
        TEST(what_a_helper_has_forked_goes_with_it),
        TEST(what_cannot_be_started_is_not_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
