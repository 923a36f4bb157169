/* SPDX-License-Identifier: MIT */
/*
 * lanyard-prompt PINENTRY PARENT: asks the person one question and ends.
 *
 * One process per question keeps pinentry's protocol, its waiting and the PIN's passage out of the
 * agent. The agent's socket is descriptor 0; one question comes in, one answer goes out. When the
 * agent hangs up (the request was cancelled, the card is gone), a second thread ends the process at
 * once, and the kernel ends pinentry with it; a window never outlives its question.
 *
 * Pinentry is a program of the desktop's and inherits what this one has given up, so it is started
 * first. What its answers then meet can do nothing but talk to it and to the agent
 * (ipc/confine/confine.h).
 */
#include "agent/prompt/ask.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/hangup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/confine/confine.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdlib.h>

static int receive_question(int agent, struct prompt_question *question)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    int r = frame_receive(agent, &body, PROMPT_QUESTION_BYTES_MAX);
    if (r == 0)
        r = prompt_question_decode(body.data, body.len, question);
    return r < 0 ? log_fault(-r, "question") : 0;
}

static int send_answer(int agent, const struct prompt_answer *answer)
{
    CLEANUP(secret_free) struct secret *body = secret_new(PROMPT_ANSWER_BYTES_MAX);
    int r = body ? prompt_answer_encode(answer, body) : -ENOMEM;
    hangup_expected(r == 0);
    if (r == 0)
        r = frame_send(agent, secret_peek(body), secret_len(body), PROMPT_ANSWER_BYTES_MAX);
    return r < 0 ? log_fault(-r, "answer") : 0;
}

static int serve(int agent, const char *program)
{
    static struct prompt_question question;
    int r = receive_question(agent, &question);
    if (r == 0)
        r = hangup_ends_us(agent);
    if (r < 0)
        return r;

    CLEANUP(secret_free) struct secret *pin = secret_new(PROMPT_PIN_BYTES_MAX);
    CLEANUP(pinentry_stop) struct pinentry *pinentry = NULL;
    struct prompt_answer answer = {.result = OUTCOME_PROMPT_UNAVAILABLE};
    if (pin && pinentry_start(program, &pinentry) == OUTCOME_OK &&
        confine_calls(CONFINE_PROMPT) == 0)
        ask(pinentry, &question, pin, &answer);
    return send_answer(agent, &answer);
}

int main(int argc, char **argv)
{
    log_init("lanyard-prompt", LOG_LEVEL_INFO);
    CLEANUP(close_fd) int agent = argc == 3 && argv[1][0] == '/' ? harden_helper(argv[2]) : -EINVAL;
    if (agent == -EINVAL) {
        log_error("usage: lanyard-prompt PINENTRY PARENT (started by lanyardd)");
        return EXIT_FAILURE;
    }
    if (agent < 0)
        return EXIT_FAILURE;
    return serve(agent, argv[1]) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
