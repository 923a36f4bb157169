/* SPDX-License-Identifier: MIT */
/*
 * The agent is trusted more than its callers are, and yet what it sends is read like anything else:
 * a member of another type is as good as absent, and a text too long for its place in struct
 * lanyard_error is cut at a character's boundary.
 */
#include "ipc/client/reply.h"

#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- requests ---- */

static int append_piece(const char *text, size_t len, void *out)
{
    bytes_append(out, text, len);
    return ((struct bytes *)out)->failed ? -1 : 0;
}

int request_encode(struct bytes *out, int64_t id, const char *method, json_t *params)
{
    json_t *root = json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", (json_int_t)id,
                             "method", method, "params", params ? params : json_object());
    int r = root ? json_dump_callback(root, append_piece, out, JSON_COMPACT) : -1;
    json_decref(root);
    return r < 0 ? -ENOMEM : 0;
}

static int set_text(json_t *object, const char *name, const char *text)
{
    return text ? json_object_set_new(object, name, json_string(text)) : 0;
}

/* Takes params. */
static json_t *params_or_nothing(json_t *params, int failed)
{
    if (params && !failed)
        return params;
    json_decref(params);
    return NULL;
}

json_t *sign_in_params(const struct lanyard_sign_in *request)
{
    json_t *params = json_object();
    int r = set_text(params, "challenge", request->challenge);
    r |= set_text(params, "origin", request->origin);
    r |= set_text(params, "format", request->format);
    r |= set_text(params, "interaction", request->interaction);
    if (request->algorithms) {
        json_t *names = json_array();
        for (const char *const *name = request->algorithms; *name; name++)
            r |= json_array_append_new(names, json_string(*name));
        r |= json_object_set_new(params, "algorithms", names);
    }
    return params_or_nothing(params, r);
}

json_t *prove_params(const struct lanyard_session_prove *request)
{
    json_t *params = json_object();
    int r = set_text(params, "challenge", request->challenge);
    r |= set_text(params, "origin", request->origin);
    r |= set_text(params, "interaction", request->interaction);
    if (request->max_age)
        r |= json_object_set_new(params, "maxAge", json_integer(*request->max_age));
    return params_or_nothing(params, r);
}

json_t *begin_params(const struct lanyard_session_begin *request)
{
    json_t *params = json_object();
    int r = set_text(params, "origin", request->origin);
    r |= set_text(params, "role", request->role);
    return params_or_nothing(params, r);
}

json_t *role_params(const struct lanyard_session_role *request)
{
    json_t *params = json_object();
    return params_or_nothing(params, set_text(params, "role", request->role));
}

json_t *key_params(const struct lanyard_key *request)
{
    json_t *params = json_object();
    int r = set_text(params, "key", request->key);
    r |= set_text(params, "id", request->credential);
    r |= set_text(params, "userName", request->user_name);
    r |= set_text(params, "displayName", request->display_name);
    return params_or_nothing(params, r);
}

/* ---- messages ---- */

void message_deinit(struct message *message)
{
    json_decref(message->root);
    *message = (struct message){0};
}

int message_decode(const void *text, size_t len, struct message *message)
{
    json_error_t error;
    message->root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!message->root)
        return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EPROTO;
    const json_t *id = json_object_get(message->root, "id");
    const json_t *result = json_object_get(message->root, "result");
    const json_t *failure = json_object_get(message->root, "error");
    message->id = json_is_integer(id) ? json_integer_value(id) : -1;
    message->method = json_string_value(json_object_get(message->root, "method"));
    if (message->method && !id) {
        message->kind = MESSAGE_NOTIFICATION;
        message->body = message->root;
    } else if (json_is_object(result) && message->id >= 0) {
        message->kind = MESSAGE_RESULT;
        message->body = result;
    } else if (json_is_object(failure)) {
        message->kind = MESSAGE_ERROR;
        message->body = failure;
    } else {
        return -EPROTO;
    }
    return 0;
}

/* ---- errors ---- */

/* Cut where a character begins, when it is too long. */
static void copy_text(char *to, size_t size, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    if (len > 0)
        memcpy(to, text, len);
    to[len] = '\0';
}

static enum lanyard_result result_of_reason(const char *reason)
{
    if (reason && strcmp(reason, outcome_reason(OUTCOME_CANCELLED)) == 0)
        return LANYARD_CANCELLED;
    if (reason && strcmp(reason, outcome_reason(OUTCOME_TIMED_OUT)) == 0)
        return LANYARD_TIMED_OUT;
    return LANYARD_REFUSED;
}

enum lanyard_result error_from_agent(struct lanyard_error *error, const json_t *object)
{
    const json_t *data = json_object_get(object, "data");
    const char *reason = json_string_value(json_object_get(data, "reason"));
    enum lanyard_result result = result_of_reason(reason);
    if (!reason)
        return error_of(error, LANYARD_REFUSED);
    if (!error)
        return result;
    error->result = result;
    copy_text(error->reason, sizeof error->reason, reason);
    copy_text(error->code, sizeof error->code, json_string_value(json_object_get(data, "code")));
    copy_text(error->sentence, sizeof error->sentence,
              json_string_value(json_object_get(object, "message")));
    copy_text(error->advice, sizeof error->advice,
              json_string_value(json_object_get(data, "advice")));
    return result;
}

enum lanyard_result error_of(struct lanyard_error *error, enum lanyard_result result)
{
    static const int outcomes[] = {[LANYARD_OK] = OUTCOME_OK,
                                   [LANYARD_REFUSED] = OUTCOME_INTERNAL,
                                   [LANYARD_CANCELLED] = OUTCOME_CANCELLED,
                                   [LANYARD_TIMED_OUT] = OUTCOME_TIMED_OUT,
                                   [LANYARD_UNREACHABLE] = OUTCOME_AGENT_UNREACHABLE,
                                   [LANYARD_INVALID] = OUTCOME_INVALID_REQUEST,
                                   [LANYARD_NO_MEMORY] = OUTCOME_INTERNAL};
    if (!error)
        return result;
    *error = (struct lanyard_error){.result = result};
    if (result == LANYARD_OK)
        return result;
    int outcome = outcomes[result];
    copy_text(error->reason, sizeof error->reason, outcome_reason(outcome));
    snprintf(error->code, sizeof error->code, "LY-%04d", outcome);
    copy_text(error->sentence, sizeof error->sentence, outcome_sentence(outcome));
    copy_text(error->advice, sizeof error->advice, outcome_advice(outcome));
    return result;
}

enum lanyard_result error_invalid(struct lanyard_error *error, const char *words)
{
    error_of(error, LANYARD_INVALID);
    if (error)
        copy_text(error->sentence, sizeof error->sentence, words);
    return LANYARD_INVALID;
}
