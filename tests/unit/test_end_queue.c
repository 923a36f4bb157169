/* SPDX-License-Identifier: MIT */
/*
 * The ends that servers have yet to hear of: what is armed, due, delivered and kept, in which
 * order, through crashes at every step, full disks and files that are not ours. The servers are
 * cis_end of this file, the audit trail its audit_write, and the time between two tries is noted,
 * not waited for.
 */
#include "agent/audit.h"
#include "agent/session/end_file.h"
#include "agent/session/end_queue.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SETTLING_TURNS = 40, WAIT_MS = 10000 };

/* ---- the servers ---- */

struct cis_call {
    cis_fn *fn;
    void *context;
    int result;
    unsigned retry_after;
};

static struct loop *loop;
static char delivered[16384];   /* "one:s1 two:s2 ", what the servers have heard of */
static char refusing[64] = "-"; /* the provider whose answer is below; others know of the end */
static int answer_result;
static unsigned answer_retry_after;
static bool no_call;      /* cis_end has no memory */
static bool no_answer;    /* it never comes */
static size_t tries;      /* of all */
static size_t calls_open; /* not freed */

static void on_answer(void *context)
{
    struct cis_call *call = context;
    struct cis_answer answer = {.result = call->result, .retry_after = call->retry_after};
    call->fn(call->context, &answer);
}

struct cis_call *cis_end(struct cis *cis, const struct config_provider *provider,
                         const char *statement, cis_fn *fn, void *context)
{
    (void)cis;
    tries++;
    if (no_call)
        return NULL;
    struct cis_call *call = calloc(1, sizeof *call);
    assert_non_null(call);
    *call = (struct cis_call){.fn = fn, .context = context, .result = OUTCOME_OK};
    if (strcmp(provider->name, refusing) == 0) {
        call->result = answer_result;
        call->retry_after = answer_retry_after;
    }
    calls_open++;
    if (call->result == OUTCOME_OK && !no_answer) {
        size_t used = strlen(delivered);
        snprintf(delivered + used, sizeof delivered - used, "%s:%.*s ", provider->name,
                 (int)strcspn(statement, "."), statement);
    }
    if (!no_answer)
        assert_int_equal(loop_defer(loop, on_answer, call), 0);
    return call;
}

void cis_call_free(struct cis_call **call)
{
    if (*call) {
        loop_undefer(loop, *call);
        calls_open--;
    }
    free(*call);
    *call = NULL;
}

static void answers(const char *provider, int result, unsigned retry_after)
{
    snprintf(refusing, sizeof refusing, "%s", provider);
    answer_result = result;
    answer_retry_after = retry_after;
}

/* ---- the audit trail, the time, the disk ---- */

static char audited[4096]; /* "session-end-delivered one s1 ok " */

void audit_write(const struct audit_entry *entry)
{
    static const char *const names[AUDIT_EVENTS] = {
        [AUDIT_SESSION_END_DELIVERED] = "delivered", [AUDIT_SESSION_END_DELAYED] = "delayed"};
    size_t used = strlen(audited);
    snprintf(audited + used, sizeof audited - used, "%s:%s:%s ", names[entry->event],
             entry->session, outcome_reason(outcome_of(entry->result)));
}

static uint64_t waits[64];
static size_t wait_count;
static bool timers_fire;

void __real_loop_timer_set(struct loop_timer *timer, uint64_t milliseconds);
void __wrap_loop_timer_set(struct loop_timer *timer, uint64_t milliseconds);
void __wrap_loop_timer_set(struct loop_timer *timer, uint64_t milliseconds)
{
    if (wait_count < sizeof waits / sizeof *waits)
        waits[wait_count++] = milliseconds;
    __real_loop_timer_set(timer, timers_fire ? 0 : milliseconds);
}

static enum { GO_ON, DIE_BEFORE, DIE_AFTER, FAIL } rename_does;

int __real_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    if (rename_does == DIE_BEFORE)
        raise(SIGKILL);
    if (rename_does == FAIL) {
        errno = EROFS;
        return -1;
    }
    int r = __real_renameat(from_folder, from, to_folder, to);
    if (rename_does == DIE_AFTER)
        raise(SIGKILL);
    return r;
}

static bool disk_full;

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd; /* nothing here outlives a power cut anyway */
    errno = ENOSPC;
    return disk_full ? -1 : 0;
}

/* ---- the rig ---- */

static char home[64], folder[96];
static struct config config;
static struct end_queue *queue;
static size_t told; /* how often the count changed */

static void on_changed(void *context)
{
    assert_ptr_equal(context, &told);
    told++;
}

static int setup(void **state)
{
    (void)state;
    static const char text[] = "[provider one]\norigin = https://one.example\n"
                               "session-endpoint = https://one.example/s\n"
                               "[provider two]\norigin = https://two.example\n"
                               "session-endpoint = https://two.example/s\n"
                               "[provider bare]\norigin = https://bare.example\n";
    config_init(&config);
    if (config_read(&config, "test", text, strlen(text), (struct config_reporter){0}) < 0 ||
        config_complete(&config, (struct config_reporter){0}) < 0)
        return -1;
    delivered[0] = audited[0] = '\0';
    answers("-", OUTCOME_OK, 0);
    no_call = no_answer = timers_fire = disk_full = false;
    rename_does = GO_ON;
    tries = wait_count = told = calls_open = 0;
    snprintf(home, sizeof home, "/tmp/lanyard-test-ends-XXXXXX");
    if (!mkdtemp(home))
        return -1;
    snprintf(folder, sizeof folder, "%s/state/ends", home);
    loop = loop_new();
    return loop ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *is, int type, struct FTW *at)
{
    (void)is;
    (void)type;
    (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    end_queue_free(&queue);
    assert_int_equal(calls_open, 0);
    loop_free(&loop);
    config_deinit(&config);
    return nftw(home, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* As a new process would begin, with nothing taken over. */
static void begin(void)
{
    end_queue_free(&queue);
    queue = end_queue_new(loop, NULL, &config, folder, on_changed, &told);
    assert_non_null(queue);
}

/* Until everything that is deferred has been done. */
static void settle(void)
{
    for (int i = 0; i < SETTLING_TURNS; i++)
        loop_dispatch(loop);
}

/* Until the timers that are set have been called, and what comes of it is done. */
static void let_time_pass(size_t timers)
{
    size_t before = tries;
    while (tries < before + timers) {
        struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};
        assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
        loop_dispatch(loop);
    }
    settle();
}

/* "SID.c3RhdGVtZW50.c2ln": the sid is what the fake server calls it by. */
static const char *statement_of(const char *sid)
{
    static char text[256];
    snprintf(text, sizeof text, "%s.c3RhdGVtZW50.c2ln", sid);
    return text;
}

static int arm(const char *provider, const char *sid)
{
    return end_queue_arm(queue, provider, sid, statement_of(sid));
}

static void arm_and_due(const char *provider, const char *sid)
{
    assert_int_equal(arm(provider, sid), 0);
    end_queue_due(queue, sid);
}

/* How many names in the folder end so; "" all of them. */
static size_t files(const char *end)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name), want = strlen(end);
        n += entry->d_name[0] != '.' && len >= want && strcmp(entry->d_name + len - want, end) == 0;
    }
    closedir(dir);
    return n;
}

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const char *text, size_t len, mode_t mode)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

/* ---- what it is for ---- */

static void what_is_armed_waits_for_its_end(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    settle();
    assert_int_equal(files(".armed"), 1);
    assert_int_equal(end_queue_count(queue), 0);
    assert_string_equal(delivered, "");
    end_queue_due(queue, "s1");
    assert_int_equal(files(".armed"), 0);
    assert_int_equal(files(".end"), 1);
    assert_int_equal(end_queue_count(queue), 1);
    assert_string_equal(delivered, "");
    settle();
    assert_string_equal(delivered, "one:s1 ");
    assert_string_equal(audited, "delivered:s1:ok ");
    assert_int_equal(end_queue_count(queue), 0);
    assert_int_equal(files(""), 0);
    assert_int_equal(tries, 1);
}

static void changes_of_the_count_are_told(void **state)
{
    (void)state;
    begin();
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
    arm_and_due("one", "s1");
    assert_int_equal(told, 0);
    settle();
    assert_int_equal(told, 1);
    answers("-", 0, 0);
    end_queue_hurry(queue);
    settle();
    assert_int_equal(told, 2);
}

static void a_session_whose_server_knows_is_disarmed(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    assert_int_equal(arm("one", "s2"), 0);
    end_queue_disarm(queue, "s1");
    assert_int_equal(files(""), 1);
    end_queue_due(queue, "s1");
    end_queue_disarm(queue, "nobody");
    end_queue_due(queue, "s2");
    settle();
    assert_string_equal(delivered, "one:s2 ");
}

static void arming_twice_is_arming_once(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    assert_int_equal(arm("one", "s1"), 0);
    assert_int_equal(files(""), 1);
    assert_int_equal(end_queue_arm(queue, "one", "s1", "other.c3Q.c2ln"), 0);
    assert_int_equal(files(""), 1);
    end_queue_due(queue, "s1");
    settle();
    assert_string_equal(delivered, "one:other ");
}

static void ends_are_delivered_in_the_order_in_which_they_became_due(void **state)
{
    (void)state;
    begin();
    no_answer = true;
    assert_int_equal(arm("one", "a"), 0);
    assert_int_equal(arm("one", "b"), 0);
    assert_int_equal(arm("one", "c"), 0);
    end_queue_due(queue, "b");
    end_queue_due(queue, "c");
    end_queue_due(queue, "a");
    settle();
    assert_int_equal(tries, 1); /* one at a time */
    begin();
    no_answer = false;
    settle();
    assert_string_equal(delivered, "one:b one:c one:a ");
}

static void a_new_process_goes_on_behind_what_is_there(void **state)
{
    (void)state;
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
    for (char sid[] = "a"; sid[0] <= 'f'; sid[0]++) {
        begin();
        arm_and_due("one", sid);
        settle();
    }
    answers("-", 0, 0);
    begin();
    assert_int_equal(end_queue_count(queue), 6);
    settle();
    assert_string_equal(delivered, "one:a one:b one:c one:d one:e one:f ");
}

static void what_an_earlier_process_left_armed_becomes_due(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "a"), 0);
    assert_int_equal(arm("two", "b"), 0);
    assert_int_equal(arm("one", "c"), 0);
    begin();
    settle();
    assert_string_equal(delivered, "");
    end_queue_release(queue, "b");
    assert_int_equal(end_queue_count(queue), 2);
    settle();
    assert_string_equal(delivered, "one:a one:c ");
    assert_int_equal(files(".armed"), 1);
    begin();
    end_queue_release(queue, NULL);
    settle();
    assert_string_equal(delivered, "one:a one:c two:b ");
    assert_int_equal(files(""), 0);
}

static void a_file_says_no_more_than_it_must(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    struct stat is;
    assert_int_equal(stat(folder, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0700);
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while ((entry = readdir(dir)) && entry->d_name[0] == '.')
        continue;
    assert_non_null(entry);
    char text[256] = "";
    FILE *file = fopen(path_of(entry->d_name), "r");
    assert_int_equal(stat(path_of(entry->d_name), &is), 0);
    assert_int_equal(is.st_mode & 07777, 0600);
    closedir(dir);
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, "lanyard-end 1\nprovider one\nsid s1\n"
                              "statement s1.c3RhdGVtZW50.c2ln\n");
}

/* ---- servers that do not answer well ---- */

static void a_server_that_is_silent_is_tried_at_longer_and_longer_intervals(void **state)
{
    (void)state;
    static const uint64_t expected[] = {5000,   10000,  20000,  40000,  80000,
                                        160000, 320000, 600000, 600000, 600000};
    enum { TRIES = sizeof expected / sizeof *expected };
    begin();
    timers_fire = true;
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
    arm_and_due("one", "s1");
    arm_and_due("one", "s2");
    let_time_pass(TRIES);
    for (size_t i = 0; i < TRIES; i++)
        assert_in_range(waits[i], expected[i] - expected[i] / 4, expected[i]);
    assert_string_equal(audited, "delayed:s1:provider-unreachable ");
    assert_int_equal(files(".end"), 2);
    answers("-", 0, 0);
    let_time_pass(2);
    assert_string_equal(delivered, "one:s1 one:s2 ");
    assert_string_equal(audited,
                        "delayed:s1:provider-unreachable delivered:s1:ok delivered:s2:ok ");
}

static void every_answer_has_its_consequence(void **state)
{
    (void)state;
    static const struct {
        int result;
        bool gone;
        const char *audited;
    } rows[] = {
        {OUTCOME_OK, true, "delivered:s1:ok "},
        {OUTCOME_NO_SESSION, true, "delivered:s1:ok "},
        {OUTCOME_PROVIDER_REFUSED, true, "delivered:s1:provider-refused "},
        {OUTCOME_PERSON_UNKNOWN, true, "delivered:s1:person-unknown "},
        {OUTCOME_CERTIFICATE_REVOKED, true, "delivered:s1:certificate-revoked "},
        {OUTCOME_PROVIDER_UNREACHABLE, false, "delayed:s1:provider-unreachable "},
        {OUTCOME_PROVIDER_BUSY, false, "delayed:s1:provider-busy "},
        {OUTCOME_PROVIDER_UNTRUSTED, false, "delayed:s1:provider-untrusted "},
        {OUTCOME_CLOCK_WRONG, false, "delayed:s1:clock-wrong "},
        {-ENOMEM, false, "delayed:s1:internal "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin();
        audited[0] = delivered[0] = '\0';
        answers("one", rows[i].result, 0);
        arm_and_due("one", "s1");
        settle();
        assert_string_equal(audited, rows[i].audited);
        assert_int_equal(end_queue_count(queue), rows[i].gone ? 0 : 1);
        assert_int_equal(files(".end"), rows[i].gone ? 0 : 1);
        answers("-", 0, 0);
        end_queue_hurry(queue);
        settle();
        assert_int_equal(end_queue_count(queue), 0);
    }
}

static void what_is_refused_does_not_hold_up_the_next(void **state)
{
    (void)state;
    begin();
    answers("one", OUTCOME_PROVIDER_REFUSED, 0);
    arm_and_due("one", "s1");
    arm_and_due("one", "s2");
    settle();
    assert_int_equal(tries, 2);
    assert_int_equal(wait_count, 0);
    assert_int_equal(files(""), 0);
}

static void a_server_s_own_pause_is_kept(void **state)
{
    (void)state;
    begin();
    answers("one", OUTCOME_PROVIDER_BUSY, 3600);
    arm_and_due("one", "s1");
    settle();
    assert_int_equal(wait_count, 1);
    assert_in_range(waits[0], 3600000, 3600000 + END_QUEUE_WAIT_MIN_MS);
    assert_int_equal(tries, 1);
}

static void when_it_is_told_to_hurry_it_tries_now(void **state)
{
    (void)state;
    begin();
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
    arm_and_due("one", "s1");
    settle();
    for (int i = 0; i < 3; i++) {
        end_queue_hurry(queue);
        settle();
    }
    assert_int_equal(tries, 4);
    for (size_t i = 0; i < 4; i++)
        assert_in_range(waits[i], END_QUEUE_WAIT_MIN_MS / 2, END_QUEUE_WAIT_MIN_MS);
    answers("-", 0, 0);
    end_queue_hurry(queue);
    settle();
    assert_string_equal(delivered, "one:s1 ");
}

static void one_provider_s_silence_does_not_hold_up_another(void **state)
{
    (void)state;
    begin();
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
    arm_and_due("one", "s1");
    arm_and_due("two", "s2");
    arm_and_due("one", "s3");
    arm_and_due("two", "s4");
    settle();
    assert_string_equal(delivered, "two:s2 two:s4 ");
    assert_int_equal(end_queue_count(queue), 2);
}

static void a_request_that_cannot_be_made_is_tried_again(void **state)
{
    (void)state;
    begin();
    no_call = true;
    arm_and_due("one", "s1");
    settle();
    assert_int_equal(wait_count, 1);
    assert_int_equal(files(".end"), 1);
    no_call = false;
    end_queue_hurry(queue);
    settle();
    assert_string_equal(delivered, "one:s1 ");
}

static void what_is_for_no_server_that_is_known_is_kept(void **state)
{
    (void)state;
    begin();
    arm_and_due("gone", "s1");
    arm_and_due("bare", "s2");
    arm_and_due("one", "s3");
    settle();
    assert_string_equal(delivered, "one:s3 ");
    assert_int_equal(end_queue_count(queue), 2);
    begin();
    settle();
    assert_int_equal(end_queue_count(queue), 2);
    assert_int_equal(files(".end"), 2);
    assert_int_equal(tries, 1);
}

/* ---- crashes ---- */

static void in_a_process_that_dies(void (*does)(void), int when)
{
    end_queue_free(&queue); /* its lock would be in the way of the child's */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        queue = end_queue_new(loop, NULL, &config, folder, NULL, NULL);
        if (!queue)
            _exit(1);
        rename_does = when;
        does();
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void arm_s1(void)
{
    arm("one", "s1");
}

static void end_s1(void)
{
    end_queue_due(queue, "s1");
}

static void killed_while_arming_it_is_armed_or_not(void **state)
{
    (void)state;
    in_a_process_that_dies(arm_s1, DIE_BEFORE);
    assert_int_equal(files(".tmp"), 1);
    begin();
    assert_int_equal(files(""), 0);
    in_a_process_that_dies(arm_s1, DIE_AFTER);
    assert_int_equal(files(".armed"), 1);
    begin();
    end_queue_release(queue, NULL);
    settle();
    assert_string_equal(delivered, "one:s1 ");
}

static void killed_while_a_session_ends_it_is_delivered(void **state)
{
    (void)state;
    for (int when = DIE_BEFORE; when <= DIE_AFTER; when++) {
        delivered[0] = '\0';
        begin();
        assert_int_equal(arm("one", "s1"), 0);
        in_a_process_that_dies(end_s1, when);
        assert_int_equal(files(when == DIE_BEFORE ? ".armed" : ".end"), 1);
        begin();
        end_queue_release(queue, NULL);
        settle();
        assert_string_equal(delivered, "one:s1 ");
        assert_int_equal(files(""), 0);
    }
}

/* ---- disks ---- */

static void without_a_folder_it_is_in_memory(void **state)
{
    (void)state;
    char none[160];
    snprintf(none, sizeof none, "%s/file", home);
    FILE *file = fopen(none, "w");
    assert_non_null(file);
    fclose(file);
    snprintf(none, sizeof none, "%s/file/ends", home);
    const char *const folders[] = {NULL, "", none};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        delivered[0] = '\0';
        end_queue_free(&queue);
        queue = end_queue_new(loop, NULL, &config, folders[i], NULL, NULL);
        assert_non_null(queue);
        arm_and_due("one", "s1");
        assert_int_equal(end_queue_count(queue), 1);
        settle();
        assert_string_equal(delivered, "one:s1 ");
    }
}

static void what_a_full_disk_did_not_take_is_written_later(void **state)
{
    (void)state;
    begin();
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
    disk_full = true;
    assert_int_equal(arm("one", "s1"), -ENOSPC);
    assert_int_equal(files(""), 0);
    end_queue_due(queue, "s1");
    settle();
    assert_int_equal(end_queue_count(queue), 1);
    disk_full = false;
    assert_int_equal(arm("one", "s2"), 0);
    assert_int_equal(files(".end"), 1);
    assert_int_equal(files(".armed"), 1);
    answers("-", 0, 0);
    begin();
    settle();
    assert_string_equal(delivered, "one:s1 ");
}

static void a_disk_that_takes_nothing_loses_nothing(void **state)
{
    (void)state;
    begin();
    assert_int_equal(arm("one", "s1"), 0);
    rename_does = FAIL;
    assert_int_equal(arm("one", "s2"), -EROFS);
    end_queue_due(queue, "s1");
    end_queue_due(queue, "s2");
    settle();
    assert_string_equal(delivered, "one:s1 one:s2 ");
    assert_int_equal(files(""), 0);
}

static void the_oldest_goes_when_there_are_too_many(void **state)
{
    (void)state;
    begin();
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
    assert_int_equal(arm("one", "alive"), 0);
    for (int i = 0; i < END_QUEUE_MAX; i++) {
        char sid[32];
        snprintf(sid, sizeof sid, "s%d", i);
        arm_and_due("one", sid);
    }
    settle();
    assert_int_equal(end_queue_count(queue), END_QUEUE_MAX - 1);
    assert_int_equal(files(""), END_QUEUE_MAX);
    assert_int_equal(files(".armed"), 1);
    answers("-", 0, 0);
    begin();
    while (end_queue_count(queue) > 0)
        settle();
    assert_memory_equal(delivered, "one:s1 one:s2 ", 14);
}

static void another_agent_s_folder_is_let_alone(void **state)
{
    (void)state;
    begin();
    no_answer = true;
    arm_and_due("one", "s1");
    struct end_queue *other = end_queue_new(loop, NULL, &config, folder, NULL, NULL);
    assert_non_null(other);
    assert_int_equal(end_queue_count(other), 0);
    assert_int_equal(end_queue_arm(other, "one", "s2", statement_of("s2")), 0);
    assert_int_equal(files(""), 1);
    end_queue_free(&other);
}

/* ---- what is not ours ---- */

/* How many lines the log has of a process's start. */
static size_t lines_of_a_start(void)
{
    FILE *log = tmpfile();
    assert_non_null(log);
    fflush(stderr);
    int before = dup(STDERR_FILENO);
    assert_true(before >= 0 && dup2(fileno(log), STDERR_FILENO) >= 0);
    begin();
    assert_int_equal(dup2(before, STDERR_FILENO), STDERR_FILENO);
    close(before);
    rewind(log);
    size_t lines = 0;
    for (int c; (c = fgetc(log)) != EOF;)
        lines += c == '\n';
    fclose(log);
    return lines;
}

#define GOOD "lanyard-end 1\nprovider one\nsid s1\nstatement a.b.c\n"

static void files_that_are_none_are_left_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        size_t len; /* 0: that of the text */
        mode_t mode;
    } rows[] = {
        {"notes.txt", GOOD, 0, 0600},
        {"1-00000000.end", GOOD, 0, 0600},
        {"0000000000000001-0000000g.end", GOOD, 0, 0600},
        {"0000000000000001-00000000.end.bak", GOOD, 0, 0600},
        {"0000000000000001-00000001.end", "", 0, 0600},
        {"0000000000000001-00000002.end", GOOD, 0, 0644},
        {"0000000000000001-00000003.end", GOOD "x", 0, 0600},
        {"0000000000000001-00000004.end", GOOD "\n", 0, 0600},
        {"0000000000000001-00000005.end", GOOD, sizeof GOOD - 2, 0600},
        {"0000000000000001-00000006.end", GOOD, sizeof GOOD, 0600},
        {"0000000000000001-00000007.end", "lanyard-end 2" GOOD, 0, 0600},
        {"0000000000000001-00000008.armed", "provider one\nsid s1\nstatement a.b.c\n", 0, 0600},
        {"0000000000000001-00000009.end", "lanyard-end 1\nsid s1\nprovider one\nstatement a.b.c\n",
         0, 0600},
        {"0000000000000001-0000000a.end", "lanyard-end 1\nprovider ONE\nsid s\nstatement a.b.c\n",
         0, 0600},
        {"0000000000000001-0000000b.end", "lanyard-end 1\nprovider one\nsid \nstatement a.b.c\n", 0,
         0600},
        {"0000000000000001-0000000c.end", "lanyard-end 1\nprovider one\nsid s/1\nstatement a.b.c\n",
         0, 0600},
        {"0000000000000001-0000000d.end", "lanyard-end 1\nprovider one\nsid s1\nstatement a.b\n", 0,
         0600},
        {"0000000000000001-0000000e.end", "lanyard-end 1\nprovider one\nsid s1\nstatement a..c\n",
         0, 0600},
        {"0000000000000001-0000000f.end",
         "lanyard-end 1\nprovider one\nsid s1\nstatement a.b.c.d\n", 0, 0600},
        {"0000000000000001-00000010.end", "lanyard-end 1\nprovider one\nsid s1\nstatement a.b.c=\n",
         0, 0600},
        {"0000000000000001-00000011.end", "lanyard-end 1\r\nprovider one\nsid s\nstatement a.b.c\n",
         0, 0600},
    };
    enum { ROWS = sizeof rows / sizeof *rows };
    static char large[65536];
    begin();
    end_queue_free(&queue);
    for (size_t i = 0; i < ROWS; i++)
        put_file(rows[i].name, rows[i].text, rows[i].len ? rows[i].len : strlen(rows[i].text),
                 rows[i].mode);
    memset(large, 'a', sizeof large);
    memcpy(large, GOOD, sizeof GOOD - 2);
    put_file("0000000000000002-00000000.end", large, sizeof large, 0600);
    assert_int_equal(mkdir(path_of("0000000000000002-00000001.end"), 0700), 0);
    assert_int_equal(mkfifo(path_of("0000000000000002-00000002.end"), 0600), 0);
    assert_int_equal(symlink("../elsewhere", path_of("0000000000000002-00000003.end")), 0);
    static const char good[] = "lanyard-end 1\nprovider one\nsid good\nstatement good.b.c\n";
    put_file("0000000000000003-00000000.end", good, sizeof good - 1, 0600);
    size_t before = files("");
    begin();
    assert_int_equal(end_queue_count(queue), 1);
    end_queue_release(queue, NULL);
    settle();
    assert_string_equal(delivered, "one:good ");
    assert_int_equal(files(""), before - 1);
}

/* Whoever fills the folder gets a start that is over soon, and a few lines. */
static void of_more_files_than_there_can_be_the_newest_are_taken(void **state)
{
    (void)state;
    enum { MANY = END_QUEUE_MAX + 200 };
    begin();
    end_queue_free(&queue);
    for (int i = 1; i <= MANY; i++) {
        char name[64], text[128];
        snprintf(name, sizeof name, "%016d-00000000.end", i);
        int len = snprintf(text, sizeof text,
                           "lanyard-end 1\nprovider one\nsid s%d\nstatement s%d.b.c\n", i, i);
        put_file(name, text, (size_t)len, 0600);
    }
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
    size_t lines = lines_of_a_start();
    assert_int_equal(lines, 1);
    assert_int_equal(end_queue_count(queue), END_QUEUE_MAX);
    assert_int_equal(files(""), MANY);
    answers("-", 0, 0);
    begin();
    while (end_queue_count(queue) > 0)
        settle();
    assert_memory_equal(delivered, "one:s201 one:s202 ", 18);
    assert_int_equal(files(""), 200);
    begin(); /* the rest has its turn */
    assert_int_equal(end_queue_count(queue), 200);
}

static void of_a_folder_without_end_a_part_is_looked_at(void **state)
{
    (void)state;
    begin();
    end_queue_free(&queue);
    for (int i = 0; i < END_QUEUE_FILES_MAX + 100; i++) {
        char name[64];
        snprintf(name, sizeof name, "odd-%d", i);
        put_file(name, "", 0, 0600);
    }
    assert_int_equal(lines_of_a_start(), 7); /* five odd ones, how many more, and that it is full */
    assert_int_equal(files(""), END_QUEUE_FILES_MAX + 100);
    arm_and_due("one", "s1"); /* and it works */
    settle();
    assert_string_equal(delivered, "one:s1 ");
}

static void another_user_s_file_is_left_alone(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    begin();
    end_queue_free(&queue);
    put_file("0000000000000001-00000000.end", GOOD, sizeof GOOD - 1, 0600);
    assert_int_equal(chown(path_of("0000000000000001-00000000.end"), 65534, 65534), 0);
    begin();
    assert_int_equal(end_queue_count(queue), 0);
    assert_int_equal(files(""), 1);
}

/* The greatest number that a name can have is no end of the numbers. */
static void a_name_from_the_far_future_does_no_harm(void **state)
{
    (void)state;
    begin();
    end_queue_free(&queue);
    static const char text[] = "lanyard-end 1\nprovider two\nsid s0\nstatement s0.b.c\n";
    put_file("9999999999999999-00000000.end", text, sizeof text - 1, 0600);
    begin();
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
    arm_and_due("one", "s1");
    arm_and_due("one", "s2");
    settle();
    assert_string_equal(delivered, "two:s0 ");
    begin();
    assert_int_equal(end_queue_count(queue), 2);
}

/* Any byte of a file may be any other: it is read as a whole end or not at all. */
static void a_file_with_any_byte_changed_is_read_or_left_alone(void **state)
{
    (void)state;
    begin();
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    static const unsigned char bytes[] = {0, '\n', ' ', '.', 'a', 'Z', '=', 0x7f, 0xff};
    static const char name[] = "0000000000000001-00000000.end";
    for (size_t i = 0; i < sizeof GOOD - 1; i++) {
        for (size_t b = 0; b < sizeof bytes; b++) {
            char text[sizeof GOOD] = GOOD;
            struct end_record record;
            text[i] = (char)bytes[b];
            put_file(name, text, sizeof GOOD - 1, 0600);
            int r = end_file_read(at, name, &record);
            assert_true(r == 0 || r == -EINVAL);
            if (r == 0) {
                char again[4096];
                snprintf(again, sizeof again, "lanyard-end 1\nprovider %s\nsid %s\nstatement %s\n",
                         record.provider, record.sid, record.statement);
                assert_string_equal(again, text);
            }
        }
    }
    close(at);
}

static void what_is_no_end_is_not_armed(void **state)
{
    (void)state;
    begin();
    char sid[SESSION_ID_MAX + 2], statement[END_STATEMENT_MAX + 8] = "a.b.";
    memset(sid, 's', sizeof sid - 1);
    sid[sizeof sid - 1] = '\0';
    memset(statement + 4, 'c', sizeof statement - 5);
    assert_int_equal(end_queue_arm(queue, "one", sid, "a.b.c"), -EINVAL);
    assert_int_equal(end_queue_arm(queue, "one", "s1", statement), -EINVAL);
    assert_int_equal(end_queue_arm(queue, "one", "s1\nsid s2", "a.b.c"), -EINVAL);
    assert_int_equal(end_queue_arm(queue, "one", "s1", "a.b.c\n"), -EINVAL);
    assert_int_equal(end_queue_arm(queue, "One", "s1", "a.b.c"), -EINVAL);
    assert_int_equal(end_queue_arm(queue, "", "s1", "a.b.c"), -EINVAL);
    assert_int_equal(files(""), 0);
    sid[SESSION_ID_MAX] = '\0';
    statement[END_STATEMENT_MAX] = '\0';
    assert_int_equal(end_queue_arm(queue, "one", sid, statement), 0);
    begin();
    end_queue_release(queue, NULL);
    assert_int_equal(end_queue_count(queue), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_armed_waits_for_its_end),
        T(changes_of_the_count_are_told),
        T(a_session_whose_server_knows_is_disarmed),
        T(arming_twice_is_arming_once),
        T(ends_are_delivered_in_the_order_in_which_they_became_due),
        T(a_new_process_goes_on_behind_what_is_there),
        T(what_an_earlier_process_left_armed_becomes_due),
        T(a_file_says_no_more_than_it_must),
        T(a_server_that_is_silent_is_tried_at_longer_and_longer_intervals),
        T(every_answer_has_its_consequence),
        T(what_is_refused_does_not_hold_up_the_next),
        T(a_server_s_own_pause_is_kept),
        T(when_it_is_told_to_hurry_it_tries_now),
        T(one_provider_s_silence_does_not_hold_up_another),
        T(a_request_that_cannot_be_made_is_tried_again),
        T(what_is_for_no_server_that_is_known_is_kept),
        T(killed_while_arming_it_is_armed_or_not),
        T(killed_while_a_session_ends_it_is_delivered),
        T(without_a_folder_it_is_in_memory),
        T(what_a_full_disk_did_not_take_is_written_later),
        T(a_disk_that_takes_nothing_loses_nothing),
        T(the_oldest_goes_when_there_are_too_many),
        T(another_agent_s_folder_is_let_alone),
        T(files_that_are_none_are_left_alone),
        T(of_more_files_than_there_can_be_the_newest_are_taken),
        T(of_a_folder_without_end_a_part_is_looked_at),
        T(another_user_s_file_is_left_alone),
        T(a_name_from_the_far_future_does_no_harm),
        T(a_file_with_any_byte_changed_is_read_or_left_alone),
        T(what_is_no_end_is_not_armed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
