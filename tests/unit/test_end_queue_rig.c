/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_end_queue_rig.h"

#include "agent/audit.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_folder_rig.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SETTLING_TURNS = 40, WAIT_MS = 10000 };

struct rig rig;

/* ---- the servers ---- */

struct cis_call {
    cis_fn *fn;
    void *context;
    int result;
    unsigned retry_after;
};

static char refusing[64]; /* the provider whose answer is below; others know of the end */
static int answer_result;
static unsigned answer_retry_after;
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
    rig.tries++;
    if (rig.no_call)
        return NULL;
    struct cis_call *call = calloc(1, sizeof *call);
    assert_non_null(call);
    *call = (struct cis_call){.fn = fn, .context = context, .result = OUTCOME_OK};
    if (strcmp(provider->name, refusing) == 0) {
        call->result = answer_result;
        call->retry_after = answer_retry_after;
    }
    calls_open++;
    if (call->result == OUTCOME_OK && !rig.no_answer) {
        size_t used = strlen(rig.delivered);
        snprintf(rig.delivered + used, sizeof rig.delivered - used, "%s:%.*s ", provider->name,
                 (int)strcspn(statement, "."), statement);
    }
    if (!rig.no_answer)
        assert_int_equal(loop_defer(rig.loop, on_answer, call), 0);
    return call;
}

void cis_call_free(struct cis_call **call)
{
    if (*call) {
        loop_undefer(rig.loop, *call);
        calls_open--;
    }
    free(*call);
    *call = NULL;
}

void answers(const char *provider, int result, unsigned retry_after)
{
    snprintf(refusing, sizeof refusing, "%s", provider);
    answer_result = result;
    answer_retry_after = retry_after;
}

void one_is_unreachable(void)
{
    answers("one", OUTCOME_PROVIDER_UNREACHABLE, 0);
}

void one_is_back(void)
{
    answers("-", OUTCOME_OK, 0);
}

/* ---- the audit trail, the time, the disk ---- */

void audit_write(const struct audit_entry *entry)
{
    static const char *const names[AUDIT_EVENTS] = {
        [AUDIT_SESSION_END_DELIVERED] = "delivered", [AUDIT_SESSION_END_DELAYED] = "delayed"};
    size_t used = strlen(rig.audited);
    snprintf(rig.audited + used, sizeof rig.audited - used, "%s:%s:%s ", names[entry->event],
             entry->session, outcome_reason(outcome_of(entry->result)));
}

void __real_loop_timer_set(struct loop_timer *timer, uint64_t milliseconds);
void __wrap_loop_timer_set(struct loop_timer *timer, uint64_t milliseconds);
void __wrap_loop_timer_set(struct loop_timer *timer, uint64_t milliseconds)
{
    if (rig.wait_count < sizeof rig.waits / sizeof *rig.waits)
        rig.waits[rig.wait_count++] = milliseconds;
    __real_loop_timer_set(timer, rig.timers_fire ? 0 : milliseconds);
}

int __real_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    if (rig.rename_does == DIE_BEFORE)
        raise(SIGKILL);
    if (rig.rename_does == FAIL) {
        errno = EROFS;
        return -1;
    }
    int r = __real_renameat(from_folder, from, to_folder, to);
    if (rig.rename_does == DIE_AFTER)
        raise(SIGKILL);
    return r;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd; /* nothing here outlives a power cut anyway */
    errno = ENOSPC;
    return rig.disk_full ? -1 : 0;
}

/* ---- the queue and its folder ---- */

static void on_changed(void *context)
{
    assert_ptr_equal(context, &rig.told);
    rig.told++;
}

int rig_setup(void **state)
{
    (void)state;
    static const char text[] = "[provider one]\norigin = https://one.example\n"
                               "session-endpoint = https://one.example/s\n"
                               "[provider two]\norigin = https://two.example\n"
                               "session-endpoint = https://two.example/s\n"
                               "[provider bare]\norigin = https://bare.example\n";
    rig = (struct rig){.home = "/tmp/lanyard-test-ends-XXXXXX"};
    config_init(&rig.config);
    if (config_read(&rig.config, "test", text, strlen(text), (struct config_reporter){0}) < 0 ||
        config_complete(&rig.config, (struct config_reporter){0}) < 0)
        return -1;
    one_is_back();
    calls_open = 0;
    if (!folder_make(rig.home))
        return -1;
    snprintf(rig.folder, sizeof rig.folder, "%s/state/ends", rig.home);
    rig.loop = loop_new();
    return rig.loop ? 0 : -1;
}

int rig_teardown(void **state)
{
    (void)state;
    end_queue_free(&rig.queue);
    assert_int_equal(calls_open, 0);
    loop_free(&rig.loop);
    config_deinit(&rig.config);
    folder_remove(rig.home);
    return access(rig.home, F_OK) == 0 ? -1 : 0;
}

void begin(void)
{
    end_queue_free(&rig.queue);
    rig.queue = end_queue_new(rig.loop, NULL, &rig.config, rig.folder, on_changed, &rig.told);
    assert_non_null(rig.queue);
}

struct end_queue *new_queue(const char *folder)
{
    return end_queue_new(rig.loop, NULL, &rig.config, folder, NULL, NULL);
}

void settle(void)
{
    for (int i = 0; i < SETTLING_TURNS; i++)
        loop_dispatch(rig.loop);
}

void let_time_pass(size_t timers)
{
    size_t before = rig.tries;
    while (rig.tries < before + timers) {
        struct pollfd ready = {.fd = loop_fd(rig.loop), .events = POLLIN};
        assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
        loop_dispatch(rig.loop);
    }
    settle();
}

const char *statement_of(const char *sid)
{
    static char text[256];
    snprintf(text, sizeof text, "%s.c3RhdGVtZW50.c2ln", sid);
    return text;
}

int arm(const char *provider, const char *sid)
{
    return end_queue_arm(rig.queue, provider, sid, statement_of(sid));
}

void arm_and_due(const char *provider, const char *sid)
{
    assert_int_equal(arm(provider, sid), 0);
    end_queue_due(rig.queue, sid);
}

size_t files(const char *end)
{
    size_t n = 0;
    DIR *dir = opendir(rig.folder);
    if (!dir)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name), want = strlen(end);
        n += entry->d_name[0] != '.' && len >= want && strcmp(entry->d_name + len - want, end) == 0;
    }
    closedir(dir);
    return n;
}

const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", rig.folder, name);
    return path;
}

void put_file(const char *name, const char *text, size_t len, mode_t mode)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
    assert_int_equal(chmod(path_of(name), mode), 0);
}
