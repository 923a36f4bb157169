/* SPDX-License-Identifier: MIT */
/*
 * The doors with a service behind them that has no cards: what a client, a page's script or a
 * broker meets when only the doors are to be tried.
 *
 *     door_server NATIVE_SOCKET BROKER_SOCKET ORIGIN...
 *
 * BROKER_SOCKET "" means no WebSocket door. How a card.signIn ends is asked for in `interaction`:
 * if-needed waits for a card and a PIN and gets a token that names origin and challenge, silent
 * gets interaction-required, force waits until it is cancelled.
 *
 * The first ORIGIN is that of the only provider with sessions. A session.prove there signs in with
 * if-needed, needs to be signed in with silent, waits until it is cancelled with force, and its
 * proof names origin, challenge and maxAge. There are two roles, "r1" and "r2".
 *
 * SIGHUP gives the session as many roles as there may be, with the longest texts, and tells of it.
 * SIGUSR1 changes the cards, SIGUSR2 pulls the session's card; the process is gone right after it
 * has told of that. Ends on SIGTERM, or when standard input ends, if that is a pipe.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/door/door.h"
#include "ipc/door/keys.h"
#include "ipc/door/webauthn.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static struct role_view roles[ROLES_MAX] = {
    {.id = "r1", .name = "Nurse", .organisation = "Stub Infirmary", .code = "S0010:G0020:R8001"},
    {.id = "r2", .name = "Clerk", .organisation = "Stub Infirmary"}};
static size_t role_count = 2;
static const char *const amr[] = {"sc"};

static struct doors *doors;
static const char *provider_origins[2]; /* NULL-terminated */
static bool signed_in;
static const struct role_view *role;

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

/* ---- the session ---- */

static bool of_provider(const char *origin)
{
    return provider_origins[0] && strcmp(origin, provider_origins[0]) == 0;
}

static struct session_view view_of(bool live, const char *cause)
{
    return (struct session_view){.state = live ? "active" : "none",
                                 .cause = cause,
                                 .live = live,
                                 .provider = "stub",
                                 .sid = "stub-session",
                                 .uid = "555000000001",
                                 .role = role,
                                 .role_count = role_count,
                                 .roles = roles,
                                 .amr_count = 1,
                                 .amr = amr,
                                 .auth_time = 1790000000,
                                 .expires_in = 36000,
                                 .idle_in = -1,
                                 .card = true,
                                 .reachable = true};
}

static void tell_session(const char *cause)
{
    const struct session_view view = view_of(signed_in, cause);
    doors_session_changed(doors, &view, provider_origins);
}

static void begin_session(void)
{
    if (signed_in)
        return;
    signed_in = true;
    role = NULL;
    tell_session("signed-in");
}

static void prove(void *context, struct request *request, const struct session_prove_params *params)
{
    (void)context;
    if (!of_provider(params->origin)) {
        answer_error(&request, OUTCOME_NO_SESSION);
        return;
    }
    if (params->interaction == INTERACTION_SILENT && !signed_in) {
        answer_error(&request, OUTCOME_INTERACTION_REQUIRED);
        return;
    }
    if (params->interaction == INTERACTION_FORCE) {
        request_waiting(request, WAITING_PIN, "Stub reader", 3);
        return;
    }
    if (!signed_in)
        request_waiting(request, WAITING_PROVIDER, NULL, -1);
    begin_session();
    char proof[ORIGIN_TEXT_MAX + CHALLENGE_TEXT_MAX + 16];
    snprintf(proof, sizeof proof, "%s %s %ld", params->origin, params->challenge, params->max_age);
    answer_proof(&request, proof);
}

static void begin(void *context, struct request *request, const struct session_begin_params *params)
{
    (void)context;
    if (signed_in) {
        answer_error(&request, OUTCOME_SESSION_EXISTS);
        return;
    }
    if (*params->sid && strcmp(params->sid, "stub-session") != 0) {
        answer_error(&request, OUTCOME_SIGN_IN_EXPIRED);
        return;
    }
    if (!params->caller_chooses_role)
        request_waiting(request, WAITING_ROLE, NULL, -1);
    begin_session();
    const struct session_view view = view_of(true, "signed-in");
    answer_session(&request, &view);
}

static void give_session(void *context, struct request *request)
{
    const struct caller *caller = request_caller(request);
    const struct session_view view =
        view_of(signed_in && (caller->door == DOOR_NATIVE || of_provider(caller->origin)), NULL);
    (void)context;
    answer_session(&request, &view);
}

static void choose_role(void *context, struct request *request,
                        const struct session_role_params *params)
{
    (void)context;
    const struct role_view *chosen = NULL;
    for (size_t i = 0; i < role_count; i++)
        if (!*params->role || strcmp(roles[i].id, params->role) == 0)
            chosen = &roles[i];
    if (!signed_in || !chosen) {
        answer_error(&request, signed_in ? OUTCOME_ROLE_UNKNOWN : OUTCOME_NO_SESSION);
        return;
    }
    if (!*params->role)
        request_waiting(request, WAITING_ROLE, NULL, -1);
    role = chosen;
    const struct session_view view = view_of(true, NULL);
    answer_session(&request, &view);
}

static void end_session(void *context, struct request *request)
{
    (void)context;
    if (signed_in) {
        signed_in = false;
        tell_session("signed-out");
    }
    answer_done(&request);
}

static void give_roles(void *context)
{
    static char id[ROLE_ID_MAX + 1], text[ROLE_TEXT_MAX + 1];
    (void)context;
    memset(id, 'r', ROLE_ID_MAX);
    memset(text, '"', ROLE_TEXT_MAX); /* each is two characters of JSON */
    while (role_count < ROLES_MAX)
        roles[role_count++] = (struct role_view){id, text, text, text};
    tell_session("role-changed");
}

static void pull_card(void *context)
{
    (void)context;
    signed_in = false;
    tell_session("card-removed");
    _exit(EXIT_SUCCESS);
}

/* ---- readers, cards, keys, the agent ---- */

/* There is no key. */
static void refuse_key(void *context, struct request *request, struct webauthn_params *params)
{
    (void)context;
    (void)params;
    answer_error(&request, OUTCOME_NO_KEY);
}

static const struct key_view stub_key = {.id = 7, .name = "Stub key", .path = "/dev/stub"};

static void give_keys(void *context, struct request *request)
{
    (void)context;
    answer_key_list(&request, &(struct key_list){.count = 1, .keys = &stub_key});
}

/* One credential is on the key, of the id 0x01. */
static void keep_up(void *context, struct request *request, const struct key_params *params)
{
    (void)context;
    uint8_t one[] = {1};
    struct fido_credential on_it = {.id = {.data = one, .len = 1}, .rp_id = "stub.example"};
    const struct fido_key_info info = {.versions = "FIDO_2_0", .credentials_left = -1};
    bool changes = params->operation == FIDO_DELETE || params->operation == FIDO_RENAME;
    request_waiting(request, WAITING_KEY_PIN, stub_key.name, 8);
    if (params->key != 0 && params->key != stub_key.id)
        answer_error(&request, OUTCOME_NO_KEY);
    else if (changes && (params->credential_len != 1 || params->credential[0] != 1))
        answer_error(&request, OUTCOME_CREDENTIAL_UNKNOWN);
    else if (params->operation == FIDO_INFO)
        answer_key_info(&request, &stub_key, &info);
    else if (params->operation == FIDO_CREDENTIALS)
        answer_credentials(&request, &on_it, 1);
    else
        answer_done(&request);
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
    (void)context;
    doors_card_changed(doors, &list);
}

static void input_ready(void *context, uint32_t events)
{
    char line[64];
    (void)events;
    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        loop_stop(context);
}

static bool input_is_pipe(void)
{
    struct stat input;
    return fstat(STDIN_FILENO, &input) == 0 && S_ISFIFO(input.st_mode);
}

int main(int argc, char **argv)
{
    if (argc < 3 || harden_process() < 0)
        return EXIT_FAILURE;
    log_init("door_server", LOG_LEVEL_INFO);
    CLEANUP(loop_free) struct loop *loop = loop_new();
    if (!loop || !loop_signal_new(loop, SIGTERM, stop, loop) ||
        !loop_signal_new(loop, SIGHUP, give_roles, NULL) ||
        !loop_signal_new(loop, SIGUSR1, change_cards, NULL) ||
        !loop_signal_new(loop, SIGUSR2, pull_card, NULL) ||
        (input_is_pipe() && !loop_watch_new(loop, STDIN_FILENO, LOOP_READABLE, input_ready, loop)))
        return EXIT_FAILURE;

    const struct service service = {.context = NULL,
                                    .sign_in = sign_in,
                                    .session_prove = prove,
                                    .session_begin = begin,
                                    .session_status = give_session,
                                    .session_role = choose_role,
                                    .session_end = end_session,
                                    .card_list = give_list,
                                    .webauthn = refuse_key,
                                    .key_list = give_keys,
                                    .key_upkeep = keep_up,
                                    .status = give_status,
                                    .cancel = cancel,
                                    .refused = note_refusal};
    const struct doors_config config = {
        .native_path = argv[1], .broker_path = argv[2], .origins = (const char *const *)argv + 3};
    provider_origins[0] = argv[3];
    doors = doors_open(loop, &config, &service);
    if (!doors)
        return EXIT_FAILURE;
    puts("ready");
    fflush(stdout);
    int r = doors_run(doors);
    doors_close(&doors);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
