/* SPDX-License-Identifier: MIT */
/*
 * From a typed request to the service, or to an answer at once where the doors know it themselves:
 * agent.hello, agent.subscribe and operation.cancel never reach the service as requests.
 */
#include "ipc/door/dispatch.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/door/connection.h"
#include "ipc/door/webauthn.h"

#include <string.h>

/* Sends what an encoder wrote, or ends a connection that cannot be answered. */
static void finish(struct connection *connection, const struct bytes *message, int r)
{
    if (r < 0)
        connection_close(connection, CLOSE_INTERNAL);
    else
        connection_send(connection, message);
}

/* name: a DOMException's, or NULL. */
static void refuse(struct connection *connection, const struct rpc_id *id, int outcome,
                   const char *name)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    finish(connection, &message, answer_encode_error(&message, id, outcome, name));
}

static void succeed(struct connection *connection, const struct rpc_id *id)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    finish(connection, &message, answer_encode_empty(&message, id));
}

void dispatch_hello(struct connection *connection, const struct rpc_request *request)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    if (!request->hello.version_shared)
        refuse(connection, &request->id, OUTCOME_AGENT_TOO_OLD, NULL);
    else
        finish(connection, &message,
               answer_encode_hello(&message, &request->id, connection->caller.door));
}

/* A page's origin is what its handshake said; a native caller has named one, and it must be listed.
 * False: it is not, and the caller has been told. */
static bool settle_origin(struct connection *connection, const struct rpc_request *request,
                          char *origin)
{
    const struct caller *caller = &connection->caller;
    bool named = request->method->dom_names;
    if (caller->door == DOOR_WEB)
        memcpy(origin, caller->origin, sizeof caller->origin);
    if (connections_origin_listed(connection->set, origin, strlen(origin)))
        return true;
    refuse(connection, &request->id, OUTCOME_NOT_ALLOWED,
           named ? webauthn_error_name(OUTCOME_NOT_ALLOWED) : NULL);
    connections_refused(connection->set, caller, origin, OUTCOME_NOT_ALLOWED);
    return false;
}

void dispatch_sign_in(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct sign_in_params params = request->sign_in;
    if (!settle_origin(connection, request, params.origin))
        return;
    struct request *opened = request_open(connection, &request->id, REQUEST_SIGN_IN);
    if (opened)
        service->sign_in(service->context, opened, &params);
}

void dispatch_session_prove(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct session_prove_params params = request->session_prove;
    if (!settle_origin(connection, request, params.origin))
        return;
    struct request *opened = request_open(connection, &request->id, REQUEST_SIGN_IN);
    if (opened)
        service->session_prove(service->context, opened, &params);
}

/* A native caller may leave the provider to the agent. */
void dispatch_session_begin(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct session_begin_params params = request->session_begin;
    bool default_provider = connection->caller.door == DOOR_NATIVE && !*params.origin;
    if (!default_provider && !settle_origin(connection, request, params.origin))
        return;
    struct request *opened = request_open(connection, &request->id, REQUEST_SIGN_IN);
    if (opened)
        service->session_begin(service->context, opened, &params);
}

void dispatch_session_status(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_OTHER);
    if (opened)
        service->session_status(service->context, opened);
}

void dispatch_session_role(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_OTHER);
    if (opened)
        service->session_role(service->context, opened, &request->session_role);
}

void dispatch_session_end(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_OTHER);
    if (opened)
        service->session_end(service->context, opened);
}

void dispatch_card_list(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_OTHER);
    if (opened)
        service->card_list(service->context, opened);
}

void dispatch_card_pin(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_UPKEEP);
    if (opened)
        service->card_pin(service->context, opened, &request->card_pin);
}

/* The service may take what the parameters own; what it leaves goes with the request. */
void dispatch_webauthn(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    if (!settle_origin(connection, request, request->webauthn->origin))
        return;
    struct request *opened = request_open(connection, &request->id, REQUEST_WEBAUTHN);
    if (opened)
        service->webauthn(service->context, opened, request->webauthn);
}

void dispatch_key_list(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_OTHER);
    if (opened)
        service->key_list(service->context, opened);
}

void dispatch_key(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_UPKEEP);
    if (opened)
        service->key_upkeep(service->context, opened, &request->key);
}

static void serve_status(const struct service *service, struct request *request)
{
    service->status(service->context, request);
}

void dispatch_status(struct connection *connection, const struct rpc_request *request)
{
    struct request *opened = request_open(connection, &request->id, REQUEST_OTHER);
    if (opened)
        request_serve_settled(opened, serve_status);
}

static void serve_status_url(const struct service *service, struct request *request)
{
    service->open_status(service->context, request, NULL);
}

void dispatch_open_status(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_OTHER);
    if (opened && request->findings)
        service->open_status(service->context, opened, request->findings);
    else if (opened)
        request_serve_settled(opened, serve_status_url);
}

void dispatch_subscribe(struct connection *connection, const struct rpc_request *request)
{
    connection->subscribed = true;
    succeed(connection, &request->id);
}

void dispatch_cancel(struct connection *connection, const struct rpc_request *request)
{
    succeed(connection, &request->id);
    request_cancel(connection, &request->cancel.request);
}
