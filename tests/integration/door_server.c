/* SPDX-License-Identifier: MIT */
/*
 * The doors with a service behind them that has no cards: what a client, a page's script or a
 * broker meets when only the doors are to be tried.
 *
 *     door_server NATIVE_SOCKET BROKER_SOCKET ORIGIN...
 *
 * BROKER_SOCKET "" means no WebSocket door. How a card.signIn ends is asked for in `interaction`:
 * if-needed waits for a card and a PIN and gets a token that names origin and challenge, silent
 * gets interaction-required, force waits until it is cancelled. Ends on SIGTERM, or when standard
 * input ends.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/door/door.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct reader_view readers[] = {{.name = "Stub reader", .state = "card"}};
static const struct certificate_view certificates[] = {{.use = "authentication",
                                                        .subject = "CN=Stub",
                                                        .uid = "555000000001",
                                                        .issuer = "CN=Stub authority",
                                                        .not_before = "2026-01-01T00:00:00Z",
                                                        .not_after = "2028-01-01T00:00:00Z",
                                                        .key = "P-256",
                                                        .chosen = true}};
static const struct card_view cards[] = {{.reader = "Stub reader",
                                          .module = "stub.so",
                                          .label = "Stub card",
                                          .serial = "1",
                                          .tries_left = 3,
                                          .pin_state = "ok",
                                          .certificate_count = 1,
                                          .certificates = certificates}};
static const struct card_list list = {1, readers, 1, cards};

static void sign_in(void *context, struct request *request, const struct sign_in_params *params)
{
    (void)context;
    if (params->interaction == INTERACTION_SILENT) {
        answer_error(&request, OUTCOME_INTERACTION_REQUIRED);
        return;
    }
    request_waiting(request, WAITING_CARD, NULL, -1);
    if (params->interaction == INTERACTION_FORCE)
        return;
    request_waiting(request, WAITING_PIN, "Stub reader", 3);
    if (params->format == TOKEN_WEB_EID) {
        const struct web_eid_token token = {
            .certificate = "Y2VydA==", .algorithm = "ES256", .signature = "c2ln"};
        answer_sign_in(&request, &(struct sign_in_result){.web_eid = &token});
        return;
    }
    char token[ORIGIN_TEXT_MAX + CHALLENGE_TEXT_MAX + 2];
    snprintf(token, sizeof token, "%s %s", params->origin, params->challenge);
    answer_sign_in(&request, &(struct sign_in_result){.jws = token});
}

static void give_list(void *context, struct request *request)
{
    (void)context;
    answer_card_list(&request, &list);
}

static void give_status(void *context, struct request *request)
{
    static const struct module_view modules[] = {{"stub.so", "ready", NULL}};
    (void)context;
    answer_status(&request, &(struct agent_status){.reader_service = "up",
                                                   .module_count = 1,
                                                   .modules = modules,
                                                   .reader_count = 1,
                                                   .card_count = 1});
}

static void cancel(void *context, struct request *request)
{
    (void)context;
    answer_error(&request, OUTCOME_CANCELLED);
}

static void note_refusal(void *context, const struct caller *caller, const char *origin, int result)
{
    (void)context;
    log_info("refused %s \"%s\" %s", caller->door == DOOR_WEB ? "page" : "program", origin,
             outcome_reason(result));
}

static void stop(void *context)
{
    loop_stop(context);
}

static void change_cards(void *context)
{
    doors_card_changed(*(struct doors **)context, &list);
}

static void input_ready(void *context, uint32_t events)
{
    char line[64];
    (void)events;
    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        loop_stop(context);
}

int main(int argc, char **argv)
{
    if (argc < 3 || harden_process() < 0)
        return EXIT_FAILURE;
    log_init("door_server", LOG_LEVEL_INFO);
    CLEANUP(loop_free) struct loop *loop = loop_new();
    CLEANUP(doors_close) struct doors *doors = NULL;
    if (!loop || !loop_signal_new(loop, SIGTERM, stop, loop) ||
        !loop_signal_new(loop, SIGUSR1, change_cards, &doors) ||
        !loop_watch_new(loop, STDIN_FILENO, LOOP_READABLE, input_ready, loop))
        return EXIT_FAILURE;

    const struct service service = {.context = NULL,
                                    .sign_in = sign_in,
                                    .card_list = give_list,
                                    .status = give_status,
                                    .cancel = cancel,
                                    .refused = note_refusal};
    const struct doors_config config = {
        .native_path = argv[1], .broker_path = argv[2], .origins = (const char *const *)argv + 3};
    doors = doors_open(loop, &config, &service);
    if (!doors)
        return EXIT_FAILURE;
    puts("ready");
    fflush(stdout);
    return doors_run(doors) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
