/* SPDX-License-Identifier: MIT */
/*
 * Messages through decoding and dispatch into a service that has nothing, over both doors. The
 * first byte chooses the door; a line feed ends each message, so that one input is a conversation.
 * Requests with interaction "force" stay under way until they are cancelled or the connection ends.
 * The session's texts are hostile, and session.end tells the very connection that asked.
 */
#include "ipc/base/outcome.h"
#include "ipc/card_message.h"
#include "ipc/door/connection.h"
#include "ipc/door/webauthn.h"
#include "ipc/frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sign_in(void *context, struct request *request, const struct sign_in_params *params)
{
    (void)context;
    if (strlen(params->challenge) > CHALLENGE_TEXT_MAX || params->algorithm_count == 0)
        abort();
    request_waiting(request, WAITING_PIN, "Reader", 3);
    if (params->interaction == INTERACTION_FORCE)
        return;
    static const struct web_eid_signing_certificate signing = {"Yw==", CARD_ALGORITHMS};
    const struct web_eid_token token = {.certificate = "Yw==",
                                        .algorithm = "ES256",
                                        .signature = "cw==",
                                        .signing_count = params->algorithm_count & 1,
                                        .signing = &signing};
    const struct sign_in_result result = {.jws = params->format == TOKEN_JWS ? "a.b.c" : NULL,
                                          .web_eid = &token};
    answer_sign_in(&request, &result);
}

static const struct role_view roles[] = {{"r1", "Nurse \xff", "Infirmary \"\x01", NULL},
                                         {"r2", "", "", "R8001"}};

static struct session_view session(bool live)
{
    static const char *const amr[] = {"sc", "\xc3"};
    return (struct session_view){.state = live ? "active" : "ended",
                                 .live = live,
                                 .provider = "p",
                                 .sid = "s",
                                 .uid = "\x7f",
                                 .role = &roles[1],
                                 .role_count = 2,
                                 .roles = roles,
                                 .amr_count = 2,
                                 .amr = amr,
                                 .idle_in = -1};
}

static void prove(void *context, struct request *request, const struct session_prove_params *params)
{
    (void)context;
    if (strlen(params->challenge) > CHALLENGE_TEXT_MAX || params->max_age < -1 ||
        params->max_age > MAX_AGE_SECONDS_MAX || strcmp(params->origin, "https://op.example") != 0)
        abort();
    request_waiting(request, WAITING_PROVIDER, NULL, -1);
    if (params->interaction != INTERACTION_FORCE)
        answer_proof(&request, "a.b.c");
}

static void begin(void *context, struct request *request, const struct session_begin_params *params)
{
    (void)context;
    bool native = request_caller(request)->door == DOOR_NATIVE;
    if (strlen(params->sid) > SESSION_ID_MAX || strchr(params->sid, '/') ||
        (native && *params->sid) || (!native && (!*params->origin || params->caller_chooses_role)))
        abort();
    const struct session_view view = session(true);
    answer_session(&request, &view);
}

static void session_status(void *context, struct request *request)
{
    (void)context;
    const struct session_view view = session(false);
    answer_session(&request, &view);
}

static void choose(void *context, struct request *request, const struct session_role_params *params)
{
    (void)context;
    if (strlen(params->role) > ROLE_ID_MAX)
        abort();
    answer_error(&request, OUTCOME_ROLE_UNKNOWN);
}

static void end_session(void *context, struct request *request)
{
    static const char *const origins[] = {"https://op.example", NULL};
    const struct session_view view = session(false);
    connections_session_changed(context, &view, origins);
    answer_done(&request);
}

static void card_list(void *context, struct request *request)
{
    static const struct reader_view readers[] = {{"Reader \xff", "card", true}};
    (void)context;
    answer_card_list(&request, &(struct card_list){1, readers, 0, NULL});
}

/* With a session it takes what it is given, else it leaves that to the doors. */
static void webauthn(void *context, struct request *request, struct webauthn_params *params)
{
    (void)context;
    if (strcmp(params->origin, "https://op.example") != 0 || params->list_count > FIDO_LIST_MAX)
        abort();
    const struct webauthn_result result = {.create = params->create, .has_prf = params->prf_wanted};
    if (params->session)
        webauthn_params_deinit(params);
    answer_webauthn(&request, &result);
}

static void key_list(void *context, struct request *request)
{
    static const struct key_view keys[] = {{1, "Key \xff", "/dev/hidraw0", true}};
    (void)context;
    answer_key_list(&request, &(struct key_list){1, keys});
}

static void key_upkeep(void *context, struct request *request, const struct key_params *params)
{
    static const struct fido_key_info info = {.product = "Key", .versions = " FIDO_2_1  U2F_V2"};
    (void)context;
    if (params->operation == FIDO_INFO)
        answer_key_info(&request, &(struct key_view){1, "Key", "", false}, &info);
    else
        answer_credentials(&request, &(struct fido_credential){0}, params->key & 1);
}

static void status(void *context, struct request *request)
{
    (void)context;
    answer_status(&request, &(struct agent_status){.reader_service = "up"});
}

static void card_pin(void *context, struct request *request, const struct card_pin_params *params)
{
    (void)context;
    (void)params;
    answer_done(&request);
}

static void open_status(void *context, struct request *request, const struct findings *findings)
{
    (void)context;
    if (findings)
        answer_done(&request);
    else
        answer_status_url(&request);
}

static void cancel(void *context, struct request *request)
{
    (void)context;
    answer_error(&request, OUTCOME_CANCELLED);
}

static void refused(void *context, const struct caller *caller, const char *origin, int result)
{
    (void)context;
    (void)caller;
    (void)origin;
    (void)result;
}

/* What is sent must be a frame's worth of text. */
static void take(struct connection *connection, const struct bytes *message)
{
    (void)connection;
    if (message->len == 0 || message->len > FRAME_MAX_ANSWER ||
        !utf8_valid(message->data, message->len))
        abort();
}

static void flush(struct connection *connection)
{
    (void)connection;
}

static void end(struct connection *connection, enum close_code code)
{
    (void)connection;
    (void)code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct connections set;
    const struct service service = {.context = &set,
                                    .sign_in = sign_in,
                                    .session_prove = prove,
                                    .session_begin = begin,
                                    .session_status = session_status,
                                    .session_role = choose,
                                    .session_end = end_session,
                                    .card_list = card_list,
                                    .webauthn = webauthn,
                                    .key_list = key_list,
                                    .key_upkeep = key_upkeep,
                                    .status = status,
                                    .card_pin = card_pin,
                                    .open_status = open_status,
                                    .cancel = cancel,
                                    .refused = refused};
    static const struct transport transport = {take, flush, end};
    static const char *const origins[] = {"https://op.example", NULL};
    if (size == 0)
        return 0;
    struct loop *loop = loop_new();
    if (!loop)
        return 0;
    if (connections_init(&set, loop, &service, origins) == 0) {
        struct caller caller = {.door = data[0] & 1 ? DOOR_NATIVE : DOOR_WEB};
        if (caller.door == DOOR_WEB)
            strcpy(caller.origin, origins[0]);
        struct connection connection;
        connection_open(&connection, &set, &transport, &caller);
        const char *text = (const char *)data + 1;
        for (size_t left = size - 1; left > 0;) {
            const char *line = memchr(text, '\n', left);
            size_t len = line ? (size_t)(line - text) : left;
            connection_receive(&connection, text, len);
            len += line != NULL;
            text += len;
            left -= len;
        }
        connection_gone(&connection);
        loop_dispatch(loop);
    }
    connections_deinit(&set);
    loop_free(&loop);
    return 0;
}
