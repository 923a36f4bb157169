/* SPDX-License-Identifier: MIT */
/*
 * lanyard-chooser WHAT PARENT: lets the person choose one of several roles or accounts, and ends.
 * WHAT, "role" or "account", is for whoever looks at the list of processes.
 *
 * One process per question keeps GTK out of the agent. The agent's socket is descriptor 0; one
 * question comes in, one answer goes out. When the agent hangs up (the request was cancelled, the
 * session is over), a second thread ends the process at once, even when the display stands still; a
 * window never outlives its question.
 */
#include "agent/chooser/places.h"
#include "agent/chooser/window.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/hangup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int receive_question(int agent, struct chooser_question *question)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    int r = frame_receive(agent, &body, CHOOSER_QUESTION_BYTES_MAX);
    if (r == 0)
        r = chooser_question_decode(body.data, body.len, question);
    return r < 0 ? log_fault(-r, "question") : 0;
}

static int send_answer(int agent, const struct chooser_answer *answer)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    int r = chooser_answer_encode(answer, &body);
    hangup_expected(r == 0);
    if (r == 0)
        r = frame_send(agent, body.data, body.len, CHOOSER_ANSWER_BYTES_MAX);
    return r < 0 ? log_fault(-r, "answer") : 0;
}

static int serve(int agent)
{
    static struct chooser_question question;
    int r = receive_question(agent, &question);
    if (r == 0)
        r = hangup_ends_us(agent);
    if (r < 0)
        return r;

    struct chooser_answer answer;
    window_ask(&question, &answer);
    return send_answer(agent, &answer);
}

int main(int argc, char **argv)
{
    log_init("lanyard-chooser", LOG_LEVEL_INFO);
    bool known = argc == 3 && (strcmp(argv[1], "role") == 0 || strcmp(argv[1], "account") == 0);
    CLEANUP(close_fd) int agent = known ? harden_helper(argv[2]) : -EINVAL;
    if (agent == -EINVAL) {
        log_error("usage: lanyard-chooser role|account PARENT (started by lanyardd)");
        return EXIT_FAILURE;
    }
    if (agent < 0 || places_confine() < 0)
        return EXIT_FAILURE;
    return serve(agent) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
