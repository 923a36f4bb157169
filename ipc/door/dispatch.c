/* SPDX-License-Identifier: MIT */
/*
 * From a typed request to the service, or to an answer at once where the doors know it themselves:
 * agent.hello, agent.subscribe and operation.cancel never reach the service as requests.
 */
#include "ipc/door/dispatch.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/door/connection.h"

#include <string.h>

/* Sends what an encoder wrote, or ends a connection that cannot be answered. */
static void finish(struct connection *connection, const struct bytes *message, int r)
{
    if (r < 0)
        connection_close(connection, CLOSE_INTERNAL);
    else
        connection_send(connection, message);
}

static void refuse(struct connection *connection, const struct rpc_id *id, int outcome)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    finish(connection, &message, answer_encode_error(&message, id, outcome));
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
        refuse(connection, &request->id, OUTCOME_AGENT_TOO_OLD);
    else
        finish(connection, &message,
               answer_encode_hello(&message, &request->id, connection->caller.door));
}

/* A page's origin is what its handshake said; a native caller names one, and it must be listed. */
void dispatch_sign_in(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct sign_in_params params = request->sign_in;
    if (connection->caller.door == DOOR_WEB)
        memcpy(params.origin, connection->caller.origin, sizeof params.origin);
    if (!connections_origin_listed(connection->set, params.origin, strlen(params.origin))) {
        refuse(connection, &request->id, OUTCOME_NOT_ALLOWED);
        connections_refused(connection->set, &connection->caller, params.origin,
                            OUTCOME_NOT_ALLOWED);
        return;
    }
    struct request *opened = request_open(connection, &request->id, REQUEST_SIGN_IN);
    if (opened)
        service->sign_in(service->context, opened, &params);
}

void dispatch_card_list(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_CARD_LIST);
    if (opened)
        service->card_list(service->context, opened);
}

void dispatch_status(struct connection *connection, const struct rpc_request *request)
{
    const struct service *service = connection->set->service;
    struct request *opened = request_open(connection, &request->id, REQUEST_STATUS);
    if (opened)
        service->status(service->context, opened);
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
