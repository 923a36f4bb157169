/* SPDX-License-Identifier: MIT */
/*
 * The helper is started as the agent does it: a socket as descriptor 0, few variables, its log on a
 * pipe of ours, since the reason for which a module does not load stands only there. Whatever it
 * does, it is killed and reaped before this returns.
 */
#include "agent/doctor/card_helper.h"

#include "agent/doctor/child.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/clock.h"
#include "ipc/base/outcome.h"
#include "ipc/base/secret.h"
#include "ipc/frame.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { ANSWER_MS = 15000, LOG_MAX = 16384 };

static int send_question(int fd)
{
    struct card_request request = {.type = CARD_REQUEST_LIST, .number = 1};
    CLEANUP(secret_free) struct secret *encoded = secret_new(CARD_REQUEST_BYTES_MAX);
    if (!encoded)
        return -ENOMEM;
    int r = card_request_encode(&request, encoded);
    return r < 0 ? r : frame_send(fd, secret_peek(encoded), secret_len(encoded), FRAME_MAX_HELPER);
}

/* Reads until there is a whole frame, or it is over. True: there is. */
static bool receive_answer(int fd, struct frame_reader *frames, struct helper_talk *talk)
{
    int64_t until = clock_ms() + ANSWER_MS;
    size_t len;
    while (!frame_reader_peek(frames, &len)) {
        int64_t left = until - clock_ms();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            talk->end = HELPER_HANGS;
            return false;
        }
        char piece[4096];
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n <= 0) {
            talk->end = HELPER_CRASHED;
            return false;
        }
        if (frame_reader_push(frames, piece, (size_t)n) < 0) {
            talk->end = HELPER_NONSENSE;
            return false;
        }
    }
    return true;
}

static void take_answer(struct frame_reader *frames, struct helper_talk *talk)
{
    size_t len;
    const uint8_t *body = frame_reader_peek(frames, &len);
    if (card_reply_decode(body, len, &talk->reply) < 0 || talk->reply.type != CARD_REQUEST_LIST ||
        talk->reply.number != 1)
        talk->end = HELPER_NONSENSE;
    else
        talk->end = talk->reply.result == OUTCOME_OK ? HELPER_LISTED : HELPER_REFUSED;
}

/* The last line of the log, without its priority and its program's name. */
static void take_words(int log, struct helper_talk *talk)
{
    char text[LOG_MAX + 1];
    size_t have = 0;
    ssize_t n;
    while (have < LOG_MAX && (n = read(log, text + have, LOG_MAX - have)) > 0)
        have += (size_t)n;
    while (have > 0 && text[have - 1] == '\n')
        have--;
    text[have] = '\0';
    const char *line = strrchr(text, '\n');
    line = line ? line + 1 : text;
    if (line[0] == '<' && line[1] != '\0' && line[2] == '>')
        line += 3;
    static const char name[] = "lanyard-card: ";
    if (strncmp(line, name, sizeof name - 1) == 0)
        line += sizeof name - 1;
    snprintf(talk->words, sizeof talk->words, "%.*s", (int)sizeof talk->words - 1, line);
}

void card_helper_ask(const char *folder, const char *module, struct helper_talk *talk)
{
    *talk = (struct helper_talk){.end = HELPER_MISSING};
    char program[PATH_MAX], parent[16];
    snprintf(program, sizeof program, "%s/lanyard-card", folder);
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    const char *const arguments[] = {program, module, parent, NULL};
    struct child child;
    int r = child_start(arguments, CHILD_TALKS, &child);
    if (r < 0) {
        talk->error = -r;
        return;
    }
    CLEANUP(frame_reader_deinit) struct frame_reader frames = FRAME_READER(FRAME_MAX_HELPER);
    if (send_question(child.talk) < 0)
        talk->end = HELPER_CRASHED;
    else if (receive_answer(child.talk, &frames, talk))
        take_answer(&frames, talk);
    /* One that has hung up is dying: how it ends is waited for. The others are killed. */
    int status = child_end(&child, talk->end == HELPER_CRASHED);
    if (talk->end == HELPER_CRASHED && WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        talk->signal = WTERMSIG(status);
    take_words(child.log, talk);
    child_close(&child);
}
