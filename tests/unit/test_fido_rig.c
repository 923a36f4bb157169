/* SPDX-License-Identifier: MIT */
/*
 * The virtual keys are one program for all tests of a file; each test begins with keys as new. The
 * helper runs under umockdev's preload, so that libfido2's own enumeration finds the usb keys.
 */
#include "test_fido_rig.h"

#include "ipc/base/cleanup.h"
#include "ipc/frame.h"
#include "test_folder_rig.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

enum { PATIENCE_MS = 60000 };

static char folder[80], root[512], far_path[sizeof((struct sockaddr_un *)0)->sun_path];
static pid_t keys = -1;
int rig_log = -1;
bool rig_as_installed;

static void wait_readable(int fd, const char *what)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int r;
    do
        r = poll(&ready, 1, PATIENCE_MS);
    while (r < 0 && errno == EINTR);
    if (r != 1)
        fail_msg("waited a minute for %s", what);
}

/* ---- the keys ---- */

static void make_attestation(void)
{
    char script[512];
    snprintf(script, sizeof script,
             "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
             " -subj /CN=attestation -keyout attestation.key.pem -out attestation.cert.pem"
             " >/dev/null 2>&1",
             folder);
    assert_int_equal(system(script), 0);
}

int rig_start_keys(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/lanyard-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(folder_make(folder));
    snprintf(far_path, sizeof far_path, "%s/far.socket", folder);
    make_attestation();
    int ends[2];
    assert_return_code(pipe(ends), errno);
    keys = fork();
    assert_return_code(keys, errno);
    if (keys == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(LANYARD_BUILD "/tests/sandbox/key/lanyard-virtual-key", "lanyard-virtual-key", folder,
              folder, "usb:usb", "usb:other", "socket:far", NULL);
        _exit(127);
    }
    close(ends[1]);
    wait_readable(ends[0], "the virtual keys");
    FILE *said = fdopen(ends[0], "r");
    char line[sizeof root];
    assert_non_null(said);
    assert_non_null(fgets(line, sizeof line, said));
    fclose(said);
    line[strcspn(line, "\n")] = '\0';
    assert_memory_equal(line, "ready ", 6);
    snprintf(root, sizeof root, "%s", line + 6);
    return 0;
}

int rig_stop_keys(void **state)
{
    (void)state;
    if (keys > 0) {
        kill(keys, SIGTERM);
        waitpid(keys, NULL, 0);
    }
    keys = -1;
    folder_remove(folder);
    return 0;
}

const char *rig_ctl(const char *format, ...)
{
    static char answer[16384];
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/control", folder);
    CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(connect(fd, (struct sockaddr *)&address, sizeof address), errno);
    line[len] = '\n';
    assert_int_equal(write(fd, line, (size_t)len + 1), len + 1);
    size_t used = 0;
    while (used == 0 || answer[used - 1] != '\n') {
        wait_readable(fd, line);
        ssize_t got = read(fd, answer + used, sizeof answer - 1 - used);
        assert_in_range(got, 1, sizeof answer);
        used += (size_t)got;
    }
    answer[used - 1] = '\0';
    if (strncmp(answer, "ok", 2) != 0)
        fail_msg("ctl %s: %s", line, answer);
    return answer + 2;
}

unsigned rig_state(const char *key, const char *name)
{
    char word[64];
    snprintf(word, sizeof word, " %s=", name);
    const char *at = strstr(rig_ctl("state %s", key), word);
    assert_non_null(at);
    return (unsigned)strtoul(at + strlen(word), NULL, 10);
}

void rig_await_messages(const char *key, unsigned count)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const time_t end = now.tv_sec + PATIENCE_MS / 1000;
    while (rig_state(key, "messages") < count) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > end)
            fail_msg("waited a minute for message %u of %s", count, key);
    }
}

int rig_reset(void **state)
{
    (void)state;
    static const char *const names[] = {"usb", "other", "far"};
    static const char *const options[] = {"u2f-only", "make-needs-pin", "self-attestation",
                                          "always-uv"};
    for (size_t i = 0; i < 3; i++) {
        rig_ctl("clear %s", names[i]);
        rig_ctl("new %s", names[i]);
        rig_ctl("finger %s off", names[i]);
        rig_ctl("delay %s 0", names[i]);
        rig_ctl("patience %s 30000", names[i]);
        for (size_t k = 0; k < 4; k++)
            rig_ctl("option %s %s off", names[i], options[k]);
        if (rig_state(names[i], "plugged"))
            rig_ctl("unplug %s", names[i]);
    }
    return 0;
}

const char *rig_far_path(void)
{
    return far_path;
}

/* ---- a helper ---- */

void rig_begin(struct helper_run *run, const struct fido_start *start, bool redirect)
{
    *run = (struct helper_run){0};
    int ends[2];
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), errno);
    char parent[16];
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    run->pid = fork();
    assert_return_code(run->pid, errno);
    if (run->pid == 0) {
        dup2(ends[1], STDIN_FILENO);
        if (rig_log >= 0)
            dup2(rig_log, STDERR_FILENO);
        if (rig_as_installed) {
            execl(LANYARD_BUILD "/bin/lanyard-fido", "lanyard-fido", "", parent, NULL);
            _exit(127);
        }
        const char *asan = getenv("ASAN_OPTIONS");
        char options[512];
        snprintf(options, sizeof options, "%s:verify_asan_link_order=0:allocator_may_return_null=1",
                 asan ? asan : "");
        setenv("ASAN_OPTIONS", options, 1);
        setenv("UMOCKDEV_DIR", root, 1);
        setenv("LD_PRELOAD", "libumockdev-preload.so.0", 1);
        setenv("FIDO_DEBUG", "1", 1); /* which must do nothing */
        execl(LANYARD_BUILD "/tests/made-up/lanyard-fido", "lanyard-fido", redirect ? far_path : "",
              parent, NULL);
        _exit(127);
    }
    close(ends[1]);
    run->fd = ends[0];
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(fido_start_encode(start, &body), 0);
    assert_int_equal(frame_send(run->fd, body.data, body.len, FRAME_MAX_HELPER), 0);
}

static void say(struct helper_run *run, const struct fido_word *word)
{
    CLEANUP(secret_free) struct secret *body = secret_new(128);
    assert_int_equal(fido_word_encode(word, body), 0);
    frame_send(run->fd, secret_peek(body), secret_len(body), FRAME_MAX_HELPER);
}

void rig_say(struct helper_run *run, uint8_t type)
{
    say(run, &(struct fido_word){.type = type});
}

void rig_say_pin(struct helper_run *run, const char *pin)
{
    say(run, &(struct fido_word){.type = FIDO_MESSAGE_PIN,
                                 .pin = (const uint8_t *)pin,
                                 .pin_len = (uint8_t)strlen(pin)});
}

void rig_say_choice(struct helper_run *run, uint8_t choice)
{
    say(run, &(struct fido_word){.type = FIDO_MESSAGE_CHOICE, .choice = choice});
}

bool rig_hear(struct helper_run *run)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    wait_readable(run->fd, "lanyard-fido");
    fido_news_deinit(&run->news);
    fido_done_deinit(&run->done);
    if (frame_receive(run->fd, &body, FRAME_MAX_HELPER) < 0)
        return false;
    assert_int_equal(fido_reply_decode(body.data, body.len, &run->type, &run->news, &run->done), 0);
    return true;
}

static void hear_news(struct helper_run *run)
{
    do {
        if (!rig_hear(run))
            fail_msg("lanyard-fido has ended");
        if (run->type == FIDO_MESSAGE_DONE)
            fail_msg("done: %s (%d)", outcome_reason((int)run->done.result), run->done.device_code);
    } while (run->news.waiting == FIDO_WAITING_WORK);
}

void rig_expect_waiting(struct helper_run *run, enum fido_waiting waiting)
{
    hear_news(run);
    assert_int_equal(run->news.waiting, waiting);
}

void rig_expect_ask(struct helper_run *run, enum fido_ask ask, uint32_t problem)
{
    do
        hear_news(run);
    while (run->news.waiting == FIDO_WAITING_TOUCH ||
           run->news.waiting == FIDO_WAITING_VERIFICATION);
    assert_int_equal(run->news.ask, ask);
    assert_int_equal(run->news.problem, problem);
}

uint32_t rig_finish_or_die(struct helper_run *run)
{
    while (rig_hear(run)) {
        if (run->type == FIDO_MESSAGE_DONE)
            return run->done.result;
        if (run->news.ask)
            fail_msg("question %u", run->news.ask);
    }
    return OUTCOME_INTERNAL;
}

uint32_t rig_finish(struct helper_run *run)
{
    uint32_t result = rig_finish_or_die(run);
    if (run->type != FIDO_MESSAGE_DONE)
        fail_msg("lanyard-fido has ended");
    return result;
}

void rig_end(struct helper_run *run)
{
    fido_news_deinit(&run->news);
    fido_done_deinit(&run->done);
    close(run->fd);
    int status;
    assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
    if (!WIFEXITED(status))
        fail_msg("lanyard-fido died of signal %d", WTERMSIG(status));
}

void rig_expect_end(struct helper_run *run, uint32_t result)
{
    assert_int_equal(rig_finish(run), result);
    rig_end(run);
}

/* ---- requests ---- */

struct fido_start rig_get(const struct bytes *first, const struct bytes *second)
{
    struct fido_start start = {.operation = FIDO_GET, .rp_id = RIG_SITE};
    memset(start.client_data_hash, 0x5a, sizeof start.client_data_hash);
    const struct bytes *const list[] = {first, second};
    for (size_t i = 0; i < 2 && list[i]; i++)
        start.list[start.list_count++] = *list[i];
    return start;
}

struct fido_start rig_create(void)
{
    static uint8_t user[] = "user-1";
    struct fido_start start = {.operation = FIDO_CREATE,
                               .rp_id = RIG_SITE,
                               .rp_name = "Example",
                               .user_name = "nurse",
                               .user_display_name = "Nurse Example",
                               .algorithm_count = 2,
                               .algorithms = {-7, -257},
                               .attestation = true};
    memset(start.client_data_hash, 0xa5, sizeof start.client_data_hash);
    start.user_id = (struct bytes){.data = user, .len = sizeof user - 1};
    return start;
}

void rig_register(struct bytes *id, bool resident, const char *pin)
{
    struct fido_start start = rig_create();
    struct helper_run run;
    start.resident = resident ? FIDO_RESIDENT_REQUIRED : FIDO_RESIDENT_DISCOURAGED;
    start.hmac_secret = true;
    start.verification = pin ? FIDO_UV_REQUIRED : FIDO_UV_DISCOURAGED;
    rig_begin(&run, &start, true);
    if (pin) {
        rig_expect_ask(&run, FIDO_ASK_PIN, OUTCOME_OK);
        rig_say_pin(&run, pin);
    }
    assert_int_equal(rig_finish(&run), OUTCOME_OK);
    assert_int_equal(bytes_set(id, run.done.credential_id.data, run.done.credential_id.len), 0);
    rig_end(&run);
}

uint32_t rig_get_once(const struct bytes *id)
{
    struct fido_start start = rig_get(id, NULL);
    struct helper_run run;
    rig_begin(&run, &start, true);
    uint32_t result = rig_finish(&run);
    rig_end(&run);
    return result;
}
