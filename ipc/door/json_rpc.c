/* SPDX-License-Identifier: MIT */
/*
 * The envelope: one object with jsonrpc, id, method and params, and nothing else. Size, encoding
 * and nesting are judged before a parser sees the text, because jansson recurses once per level
 * and a page may write what it likes.
 *
 * Strict on purpose: no batches, no notifications (every message has an id, so everything that is
 * asked has an answer), no member twice, no unknown member. A misspelt option is refused, not
 * ignored.
 */
#include "ipc/door/json_rpc.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/door/answer.h"
#include "ipc/door/method.h"
#include "ipc/door/webauthn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Counts brackets outside strings. Text that is not JSON may be counted wrongly, but never less
 * deep than a parser would go before it stops at the mistake. */
static bool nested_too_deep(const char *text, size_t len)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > RPC_NESTING_MAX)
                return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

static bool listed(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool members_known(const json_t *object, const char *const *names, const char *const *more)
{
    json_t *borrowed = (json_t *)(uintptr_t)object; /* jansson's iterators are not const */
    for (void *at = json_object_iter(borrowed); at; at = json_object_iter_next(borrowed, at)) {
        const char *key = json_object_iter_key(at);
        if (!listed(names, key) && !listed(more, key))
            return false;
    }
    return true;
}

static int refuse(struct bytes *answer, const struct rpc_id *id, enum rpc_code code,
                  const char *words)
{
    int r = answer_encode_refusal(answer, id, code, words, NULL);
    return r < 0 ? r : RPC_ANSWERED;
}

static int refuse_params(struct bytes *answer, const struct rpc_request *request, const char *words)
{
    const char *name =
        request->method->dom_names ? webauthn_error_name(OUTCOME_INVALID_REQUEST) : NULL;
    int r = answer_encode_refusal(answer, &request->id, RPC_INVALID_PARAMS, words, name);
    return r < 0 ? r : RPC_ANSWERED;
}

static int read_params(enum door_kind door, const json_t *root, struct rpc_request *request,
                       struct bytes *answer)
{
    static const char *const nothing[] = {NULL};
    const struct rpc_method *method = request->method;
    const json_t *params = json_object_get(root, "params");
    if (params && !json_is_object(params))
        return refuse_params(answer, request, "params: an object is needed");
    if (!members_known(params, method->members,
                       door == DOOR_NATIVE ? method->native_members : nothing))
        return refuse_params(answer, request, "params: a member is not known");
    if (!method->read)
        return RPC_REQUEST;
    const char *complaint = "";
    int r = method->read(door, params, request, &complaint);
    return r <= 0 ? r : refuse_params(answer, request, complaint);
}

static int read_envelope(enum door_kind door, const json_t *root, struct rpc_request *request,
                         struct bytes *answer)
{
    static const char *const members[] = {"jsonrpc", "id", "method", "params", NULL};
    if (!json_is_object(root))
        return refuse(answer, NULL, RPC_INVALID_REQUEST, "one request object is needed");
    int r = rpc_id_read(json_object_get(root, "id"), &request->id);
    if (r == -EINVAL)
        return refuse(answer, NULL, RPC_INVALID_REQUEST,
                      "id: a string of at most 64 characters or an integer is needed");
    if (r < 0)
        return r;
    const char *version = json_string_value(json_object_get(root, "jsonrpc"));
    const char *name = json_string_value(json_object_get(root, "method"));
    if (!version || strcmp(version, "2.0") != 0 || !name || !members_known(root, members, members))
        return refuse(
            answer, &request->id, RPC_INVALID_REQUEST,
            "jsonrpc \"2.0\", id and method are needed, and nothing but params beside them");
    request->method = method_find(door, name);
    if (!request->method)
        return refuse(answer, &request->id, RPC_METHOD_NOT_FOUND, "there is no such method");
    return read_params(door, root, request, answer);
}

static void release_json(json_t **value)
{
    json_decref(*value);
}

int rpc_decode(enum door_kind door, const char *text, size_t len, struct rpc_request *request,
               struct bytes *answer)
{
    if (len > RPC_TEXT_MAX)
        return RPC_TOO_LARGE;
    if (!utf8_valid(text, len))
        return RPC_NOT_UTF8;
    if (nested_too_deep(text, len))
        return RPC_TOO_LARGE;
    json_error_t error;
    CLEANUP(release_json)
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root && json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    if (!root)
        return refuse(answer, NULL, RPC_PARSE_ERROR, "the message is not JSON");
    return read_envelope(door, root, request, answer);
}

void rpc_request_deinit(struct rpc_request *request)
{
    free(request->findings);
    request->findings = NULL;
    if (request->webauthn)
        webauthn_params_deinit(request->webauthn);
    free(request->webauthn);
    request->webauthn = NULL;
}
