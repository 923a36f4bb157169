/* SPDX-License-Identifier: MIT */
/*
 * lanyard-fido against a redirected key that says anything (fido/redirect.h). The first byte says
 * which operation it is; then each message to the key takes its answer from the input, and so does
 * each wait for the agent. There is no thread and no time: whenever the helper would wait, the key
 * gets its turn, and where it has nothing to say the clock jumps. libfido2 is the system's.
 */
#include "fido/plugged.h"
#include "fido/redirect.h"
#include "fido/serve.h"
#include "ipc/base/cleanup.h"
#include "ipc/fido_message.h"
#include "ipc/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <fido.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);
int __real_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_frame_receive_secret(int fd, struct secret *body);
int __wrap_redirect_connect(const char *path);
size_t __wrap_plugged_list(struct plugged *list);

enum { REPORT = 64, MESSAGE_MAX = 8192, MEMORY_BYTES = 256 * 1024 * 1024 };

static struct reader input;
static int key_end = -1, agent_end = -1;
static int64_t now_ms;
static uint8_t message[MESSAGE_MAX];
static size_t message_size, message_expected;

/* ---- the key ---- */

static void send_report(const uint8_t report[REPORT])
{
    if (write(key_end, report, REPORT) != REPORT)
        close_fd(&key_end);
}

static void answer(const uint8_t channel[4], uint8_t command, const uint8_t *data, size_t size)
{
    uint8_t report[REPORT] = {0};
    size_t sent = size < REPORT - 7 ? size : REPORT - 7;
    memcpy(report, channel, 4);
    report[4] = command;
    report[5] = (uint8_t)(size >> 8);
    report[6] = (uint8_t)size;
    memcpy(report + 7, data, sent);
    send_report(report);
    for (uint8_t sequence = 0; sent < size && key_end >= 0; sequence++) {
        size_t more = size - sent < REPORT - 5 ? size - sent : REPORT - 5;
        report[4] = sequence;
        memcpy(report + 5, data + sent, more);
        send_report(report);
        sent += more;
    }
}

static void answer_init(const uint8_t channel[4])
{
    uint8_t reply[17] = {0};
    memcpy(reply, message, 8);
    memcpy(reply + 8, "\1\2\3\4", 4);
    reply[12] = 2;
    reply[16] = FIDO_CAP_CBOR | FIDO_CAP_NMSG;
    answer(channel, 0x80 | CTAP_CMD_INIT, reply, sizeof reply);
}

/* What the input says to a message: an answer, a keep-alive before it, a report as it is, or that
 * the key is pulled out. */
static void answer_from_input(const uint8_t channel[4])
{
    for (;;) {
        uint8_t what = read_u8(&input);
        size_t len;
        const uint8_t *data = what < 0xf0 ? read_field(&input, MESSAGE_MAX - 1, &len) : NULL;
        if (data) {
            answer(channel, 0x80 | CTAP_CMD_CBOR, data, len);
            return;
        }
        const uint8_t *report = what == 0xf0 ? read_raw(&input, REPORT) : NULL;
        if (report) {
            send_report(report);
            return;
        }
        if (what != 0xf1 && what != 0xf2) {
            close_fd(&key_end);
            return;
        }
        answer(channel, 0x80 | CTAP_KEEPALIVE, &(uint8_t){(uint8_t)(what & 3)}, 1);
    }
}

static void take_report(const uint8_t report[REPORT])
{
    size_t head = report[4] & 0x80 ? 7 : 5;
    if (report[4] == (0x80 | CTAP_CMD_CANCEL)) {
        answer(report, 0x80 | CTAP_CMD_CBOR, &(uint8_t){FIDO_ERR_KEEPALIVE_CANCEL}, 1);
        return;
    }
    if (head == 7) {
        message_size = 0;
        message_expected = (size_t)report[5] << 8 | report[6];
    }
    for (size_t i = head; i < REPORT && message_size < message_expected; i++)
        if (message_size < MESSAGE_MAX)
            message[message_size++] = report[i];
    if (message_size < message_expected)
        return;
    if (head == 7 && report[4] == (0x80 | CTAP_CMD_INIT))
        answer_init(report);
    else
        answer_from_input(report);
    message_expected = SIZE_MAX;
}

static void turn(void)
{
    uint8_t report[REPORT], said[4096];
    while (key_end >= 0 && recv(key_end, report, REPORT, MSG_PEEK | MSG_DONTWAIT) == REPORT &&
           read(key_end, report, REPORT) == REPORT)
        take_report(report);
    while (recv(agent_end, said, sizeof said, MSG_DONTWAIT) > 0)
        ;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
    turn();
    int r = __real_poll(fds, count, 0);
    if (r == 0)
        now_ms += ms < 0 ? 1000 : ms;
    return r;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    *now = (struct timespec){.tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000};
    return 0;
}

int __wrap_redirect_connect(const char *path)
{
    (void)path;
    int ends[2];
    close_fd(&key_end);
    if (input.failed || input.left == 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -ENOENT;
    key_end = ends[1];
    message_expected = SIZE_MAX;
    return ends[0];
}

size_t __wrap_plugged_list(struct plugged *list)
{
    (void)list;
    return 0;
}

/* ---- the agent ---- */

int __wrap_frame_receive_secret(int fd, struct secret *body)
{
    (void)fd;
    struct fido_word word = {.pin = (const uint8_t *)"123456", .pin_len = 6};
    uint8_t said = read_u8(&input);
    word.type = (uint8_t)(FIDO_MESSAGE_PIN + said % 4);
    word.choice = said / 4 % FIDO_ACCOUNTS_MAX;
    turn();
    secret_wipe(body);
    return input.failed ? -EPIPE : fido_word_encode(&word, body);
}

static int send_start(int fd, uint8_t first)
{
    static uint8_t id[] = "0123456789abcdef";
    CLEANUP(bytes_deinit) struct bytes body = {0};
    struct fido_salts salts = {.salts = {.data = id, .len = 0}};
    uint8_t salt[32] = {0};
    salts.salts = (struct bytes){.data = salt, .len = sizeof salt};
    struct fido_start start = {.operation = (uint8_t)(1 + first % (FIDO_OPERATIONS - 1)),
                               .rp_id = "example.org",
                               .verification = first / 16 % 3,
                               .blob = first / 64,
                               .user_name = "nurse",
                               .algorithm_count = 1,
                               .algorithms = {-7},
                               .hmac_secret = true,
                               .min_pin_length = true,
                               .attestation = true,
                               .salts = &salts,
                               .salts_count = first / 128};
    start.user_id = (struct bytes){.data = id, .len = 8};
    start.list[0] = (struct bytes){.data = id, .len = 16};
    start.list_count = start.operation != FIDO_GET || first / 32 % 2;
    int r = fido_start_encode(&start, &body);
    return r < 0 ? r : frame_send(fd, body.data, body.len, FRAME_MAX_HELPER);
}

/* libfido2's CBOR takes a key's word for how much memory it wants; lanyard-fido has a limit
 * (fido/main.c), and so has each input here. */
static void limit_memory(bool limited)
{
    struct rlimit limit;
    char text[128] = "";
    FILE *status = limited ? fopen("/proc/self/statm", "re") : NULL;
    if (status && !fgets(text, sizeof text, status))
        text[0] = '\0';
    if (status)
        fclose(status);
    rlim_t pages = strtoul(text, NULL, 10);
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = pages ? pages * 4096 + MEMORY_BYTES : limit.rlim_max;
    setrlimit(RLIMIT_AS, &limit);
}

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    signal(SIGPIPE, SIG_IGN); /* as harden_process does */
    input = READER(data, size);
    now_ms = 1000;
    uint8_t first = read_u8(&input);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return 0;
    agent_end = ends[1];
    limit_memory(true);
    if (send_start(agent_end, first) == 0)
        serve(ends[0], "redirected");
    limit_memory(false);
    close_fd(&key_end);
    close_fd(&agent_end);
    close(ends[0]);
    return 0;
}
