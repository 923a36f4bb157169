/* SPDX-License-Identifier: MIT */
/*
 * The hard part is who may be gone when. A request belongs to the service from dispatch until its
 * answer; its connection may end earlier. So a request is always in exactly one list: its
 * connection's, the orphans (the connection has gone, the service is not told yet) or the abandoned
 * (told, not answered yet); and answering means leaving that list. The service is told from the
 * loop, never from inside one of its own answers, which is what makes connections end.
 *
 * One that waits for the WebSocket door to settle is in a queue besides, and is not the service's
 * yet: if it is cancelled it is answered here.
 *
 * The list of connections is kept in the order of their last message, so the one that has been
 * quiet longest stands first.
 */
#include "ipc/door/connection.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "ipc/door/dispatch.h"
#include "ipc/door/webauthn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { THOUSANDTHS = 1000 };

struct request {
    LIST_ENTRY(request) link;
    TAILQ_ENTRY(request) place;
    request_serve_fn *serve;       /* while it waits in that queue, else NULL */
    struct connection *connection; /* NULL: gone */
    struct caller caller;
    struct rpc_id id;
    enum request_kind kind;
    bool cancelled; /* the service was told */
    bool told_of_key;
};

const struct caller *request_caller(const struct request *request)
{
    return &request->caller;
}

/* ---- the set ---- */

static void tell_service(struct connections *set, struct request *request)
{
    if (request->cancelled)
        return;
    request->cancelled = true;
    if (!request->serve) {
        set->service->cancel(set->service->context, request);
        return;
    }
    TAILQ_REMOVE(&set->waiting, request, place);
    answer_error(&request, OUTCOME_CANCELLED);
}

static void cancel_orphans(void *context)
{
    struct connections *set = context;
    struct request *request;
    while ((request = LIST_FIRST(&set->orphans))) {
        LIST_REMOVE(request, link);
        LIST_INSERT_HEAD(&set->abandoned, request, link);
        tell_service(set, request);
    }
}

/* Says how many refusals were kept from the service. */
static void end_refusals_period(void *context)
{
    struct connections *set = context;
    if (set->refusals > REFUSALS_TOLD_MAX)
        log_warning("%u more refusals within a minute have no audit entry",
                    set->refusals - REFUSALS_TOLD_MAX);
    set->refusals = 0;
}

int connections_init(struct connections *set, struct loop *loop, const struct service *service,
                     const char *const *origins)
{
    *set = (struct connections){
        .loop = loop, .service = service, .origins = origins, .web = {.state = "no-broker"}};
    TAILQ_INIT(&set->all);
    LIST_INIT(&set->orphans);
    LIST_INIT(&set->abandoned);
    TAILQ_INIT(&set->waiting);
    set->cancels = loop_wakeup_new(loop, cancel_orphans, set);
    set->refusals_period = loop_timer_new(loop, end_refusals_period, set);
    return set->cancels && set->refusals_period ? 0 : -ENOMEM;
}

void connections_deinit(struct connections *set)
{
    if (set->service)
        cancel_orphans(set);
    loop_wakeup_free(&set->cancels);
    end_refusals_period(set);
    loop_timer_free(&set->refusals_period);
    bytes_deinit(&set->told[DOOR_WEB]);
    bytes_deinit(&set->told[DOOR_NATIVE]);
    bytes_deinit(&set->keys_told);
    /* What is left answers into the void: out of a list whose head is about to go. */
    struct request *request;
    while ((request = LIST_FIRST(&set->abandoned))) {
        LIST_REMOVE(request, link);
        request->link.le_prev = NULL;
    }
}

bool connections_make_room(struct connections *set, enum door_kind door)
{
    if (set->count[door] < CONNECTIONS_MAX)
        return true;
    struct connection *each;
    TAILQ_FOREACH(each, &set->all, link)
    {
        if (each->caller.door != door || each->closing || each->request_count > 0)
            continue;
        connection_close(each, CLOSE_POLICY);
        return true;
    }
    return false;
}

static bool among(const char *const *origins, const char *origin, size_t len)
{
    for (const char *const *each = origins; each && *each; each++)
        if (strlen(*each) == len && memcmp(*each, origin, len) == 0)
            return true;
    return false;
}

bool connections_origin_listed(const struct connections *set, const char *origin, size_t len)
{
    return among(set->origins, origin, len);
}

void connections_set_settling(struct connections *set, bool settling)
{
    struct request *request;
    set->web_settling = settling;
    while (!set->web_settling && (request = TAILQ_FIRST(&set->waiting))) {
        request_serve_fn *serve = STEAL(request->serve);
        TAILQ_REMOVE(&set->waiting, request, place);
        serve(set->service, request);
    }
}

void connections_refused(struct connections *set, const struct caller *caller, const char *origin,
                         int result)
{
    if (set->refusals == 0)
        loop_timer_set(set->refusals_period, REFUSALS_PERIOD_MS);
    if (set->refusals++ < REFUSALS_TOLD_MAX)
        set->service->refused(set->service->context, caller, origin, result);
}

void connections_set_origins(struct connections *set, const char *const *origins)
{
    set->origins = origins;
    struct connection *each;
    TAILQ_FOREACH(each, &set->all, link)
    {
        const struct caller *caller = &each->caller;
        if (caller->door == DOOR_WEB &&
            !connections_origin_listed(set, caller->origin, strlen(caller->origin)))
            connection_close(each, CLOSE_GOING_AWAY);
    }
}

/* ---- one connection ---- */

void connection_open(struct connection *connection, struct connections *set,
                     const struct transport *transport, const struct caller *caller)
{
    *connection = (struct connection){.set = set,
                                      .transport = transport,
                                      .caller = *caller,
                                      .refilled = loop_now(),
                                      .allowance = MESSAGES_AT_ONCE * THOUSANDTHS};
    LIST_INIT(&connection->requests);
    TAILQ_INSERT_TAIL(&set->all, connection, link);
    set->count[caller->door]++;
}

void connection_gone(struct connection *connection)
{
    struct connections *set = connection->set;
    if (!connection->closing)
        set->count[connection->caller.door]--;
    connection->closing = true;
    TAILQ_REMOVE(&set->all, connection, link);
    struct request *request;
    while ((request = LIST_FIRST(&connection->requests))) {
        LIST_REMOVE(request, link);
        request->connection = NULL;
        LIST_INSERT_HEAD(&set->orphans, request, link);
    }
    if (!LIST_EMPTY(&set->orphans))
        loop_wake(set->cancels);
}

/* A connection on its way out no longer counts, so that its place is free at once. */
void connection_close(struct connection *connection, enum close_code code)
{
    if (connection->closing)
        return;
    connection->closing = true;
    connection->set->count[connection->caller.door]--;
    connection->transport->close(connection, code);
}

void connection_send(struct connection *connection, const struct bytes *message)
{
    if (!connection->closing)
        connection->transport->send(connection, message);
}

/* A token bucket: MESSAGES_AT_ONCE deep, filled with MESSAGES_PER_SECOND. */
static bool within_rate(struct connection *connection)
{
    uint64_t now = loop_now();
    uint64_t full = MESSAGES_AT_ONCE * THOUSANDTHS;
    uint64_t gained = (now - connection->refilled) * MESSAGES_PER_SECOND;
    connection->refilled = now;
    connection->allowance =
        gained > full - connection->allowance ? full : connection->allowance + gained;
    if (connection->allowance < THOUSANDTHS)
        return false;
    connection->allowance -= THOUSANDTHS;
    return true;
}

void connection_receive(struct connection *connection, const char *text, size_t len)
{
    if (connection->closing)
        return;
    if (!within_rate(connection)) {
        connection_close(connection, CLOSE_POLICY);
        return;
    }
    TAILQ_REMOVE(&connection->set->all, connection, link);
    TAILQ_INSERT_TAIL(&connection->set->all, connection, link);

    CLEANUP(rpc_request_deinit) struct rpc_request request = {0};
    CLEANUP(bytes_deinit) struct bytes answer = {0};
    switch (rpc_decode(connection->caller.door, text, len, &request, &answer)) {
    case RPC_REQUEST:
        request.method->dispatch(connection, &request);
        break;
    case RPC_ANSWERED:
        connection_send(connection, &answer);
        break;
    case RPC_TOO_LARGE:
        connection_close(connection, CLOSE_TOO_LARGE);
        break;
    case RPC_NOT_UTF8:
        connection_close(connection, CLOSE_NOT_UTF8);
        break;
    default:
        connection_close(connection, CLOSE_INTERNAL);
    }
}

/* ---- requests ---- */

static struct request *find(const struct connection *connection, const struct rpc_id *id)
{
    struct request *each;
    LIST_FOREACH(each, &connection->requests, link)
    if (strcmp(each->id.text, id->text) == 0)
        return each;
    return NULL;
}

/* Of the DOMException, where there is to be one. A caller that gives up reads something else than
 * one whose person does. */
static const char *name_of(enum request_kind kind, int result, bool cancelled)
{
    if (kind != REQUEST_WEBAUTHN)
        return NULL;
    return cancelled && outcome_of(result) == OUTCOME_CANCELLED ? "AbortError"
                                                                : webauthn_error_name(result);
}

/* Two requests of one id could not be told apart, by their caller or by operation.cancel. */
struct request *request_open(struct connection *connection, const struct rpc_id *id,
                             enum request_kind kind)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    struct request *request = NULL;
    int r;
    if (find(connection, id))
        r = answer_encode_refusal(&message, id, RPC_INVALID_REQUEST,
                                  "id: a request of this id is under way",
                                  name_of(kind, OUTCOME_INVALID_REQUEST, false));
    else if (connection->request_count >= REQUESTS_PER_CONNECTION_MAX)
        r = answer_encode_error(&message, id, OUTCOME_BUSY, name_of(kind, OUTCOME_BUSY, false));
    else if (!(request = calloc(1, sizeof *request)))
        r = log_fault(ENOMEM, "request");
    else
        r = 0;
    if (!request) {
        if (r == 0)
            connection_send(connection, &message);
        else
            connection_close(connection, CLOSE_INTERNAL);
        return NULL;
    }
    *request = (struct request){
        .connection = connection, .caller = connection->caller, .id = *id, .kind = kind};
    LIST_INSERT_HEAD(&connection->requests, request, link);
    connection->request_count++;
    return request;
}

void request_cancel(struct connection *connection, const struct rpc_id *id)
{
    struct request *request = find(connection, id);
    if (request)
        tell_service(connection->set, request);
}

/* Takes the request out of whichever list holds it and releases it. */
static void close_request(struct request **request)
{
    struct request *r = STEAL(*request);
    if (r->connection)
        r->connection->request_count--;
    if (r->link.le_prev)
        LIST_REMOVE(r, link);
    free(r);
}

void request_serve_settled(struct request *request, request_serve_fn *fn)
{
    struct connections *set = request->connection->set;
    if (!set->web_settling) {
        fn(set->service, request);
        return;
    }
    request->serve = fn;
    TAILQ_INSERT_TAIL(&set->waiting, request, place);
}

const struct rpc_id *request_id(const struct request *request)
{
    return &request->id;
}

static int encode_error(struct bytes *message, const struct request *request, int result)
{
    if (request->kind == REQUEST_UPKEEP && result == OUTCOME_CANCELLED)
        return answer_encode_cancelled(message, &request->id);
    return answer_encode_error(message, &request->id, result,
                               name_of(request->kind, result, request->cancelled));
}

void request_answer(struct request **request, struct bytes *message, int encoded)
{
    struct connection *connection = (*request)->connection;
    if (connection && encoded == -EMSGSIZE)
        encoded = encode_error(message, *request, OUTCOME_INTERNAL);
    close_request(request);
    if (!connection)
        return;
    if (encoded < 0)
        connection_close(connection, CLOSE_INTERNAL);
    else
        connection_send(connection, message);
}

void answer_sign_in(struct request **request, const struct sign_in_result *result)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message, answer_encode_sign_in(&message, &(*request)->id, result));
}

void answer_card_list(struct request **request, const struct card_list *list)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message, answer_encode_card_list(&message, &(*request)->id, list));
}

void answer_status(struct request **request, const struct agent_status *status)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    int r = 0;
    if ((*request)->connection) {
        const struct connections *set = (*request)->connection->set;
        r = answer_encode_status(&message, &(*request)->id, status, &set->web, set->origins,
                                 set->count[DOOR_WEB] + set->count[DOOR_NATIVE]);
    }
    request_answer(request, &message, r);
}

void answer_status_url(struct request **request)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    char url[STATUS_URL_MAX];
    int r = 0;
    if ((*request)->connection) {
        struct connections *set = (*request)->connection->set;
        if (set->web.port == 0 || !status_door_url(&set->status, (uint16_t)set->web.port, url)) {
            answer_error(request, OUTCOME_NO_DOOR);
            return;
        }
        r = answer_encode_status_url(&message, &(*request)->id, url);
        explicit_bzero(url, sizeof url);
    }
    request_answer(request, &message, r);
}

void answer_webauthn(struct request **request, const struct webauthn_result *result)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message, answer_encode_webauthn(&message, &(*request)->id, result));
}

void answer_key_list(struct request **request, const struct key_list *list)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message, answer_encode_key_list(&message, &(*request)->id, list));
}

void answer_key_info(struct request **request, const struct key_view *key,
                     const struct fido_key_info *info)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message, answer_encode_key_info(&message, &(*request)->id, key, info));
}

void answer_credentials(struct request **request, const struct fido_credential *credentials,
                        size_t count)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message,
                   answer_encode_credentials(&message, &(*request)->id, credentials, count));
}

void answer_proof(struct request **request, const char *jws)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message, answer_encode_proof(&message, &(*request)->id, jws));
}

void answer_session(struct request **request, const struct session_view *view)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message,
                   answer_encode_session(&message, &(*request)->id, view, (*request)->caller.door));
}

void answer_done(struct request **request)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message, answer_encode_empty(&message, &(*request)->id));
}

void answer_error(struct request **request, int result)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    request_answer(request, &message, encode_error(&message, *request, result));
}

void request_waiting(struct request *request, enum waiting_for what, const char *reader,
                     int tries_left)
{
    bool of_key = what >= WAITING_KEY && what <= WAITING_ACCOUNT;
    if (!request->connection)
        return;
    if (of_key && request->caller.door == DOOR_WEB) {
        if (request->told_of_key)
            return;
        what = WAITING_USE_KEY;
        reader = NULL;
        tries_left = -1;
    }
    request->told_of_key = what == WAITING_USE_KEY;
    CLEANUP(bytes_deinit) struct bytes message = {0};
    if (notify_encode_waiting(&message, &request->id, what, reader, tries_left) == 0)
        connection_send(request->connection, &message);
}

/* ---- what is told to many ---- */

static bool wants_card_changed(const struct connection *connection)
{
    if (connection->caller.door == DOOR_NATIVE)
        return connection->subscribed;
    const struct request *each;
    LIST_FOREACH(each, &connection->requests, link)
    if (each->kind == REQUEST_SIGN_IN)
        return true;
    return false;
}

/* One event reaches the service several times: from the reader, and from each module that has
 * looked at the card. */
static void tell_cards(struct connections *set, const struct card_list *list, enum door_kind door)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    struct bytes *told = &set->told[door];
    if (notify_encode_card_changed(&message, list, door) < 0 || bytes_equal(told, &message))
        return;
    bytes_deinit(told);
    *told = message;
    message = (struct bytes){0};
    struct connection *each;
    TAILQ_FOREACH(each, &set->all, link)
    if (each->caller.door == door && wants_card_changed(each))
        connection_send(each, told);
}

void connections_card_changed(struct connections *set, const struct card_list *list)
{
    tell_cards(set, list, DOOR_WEB);
    tell_cards(set, list, DOOR_NATIVE);
}

void connections_key_changed(struct connections *set, const struct key_list *list)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    if (notify_encode_key_changed(&message, list) < 0 || bytes_equal(&set->keys_told, &message))
        return;
    bytes_deinit(&set->keys_told);
    set->keys_told = message;
    message = (struct bytes){0};
    struct connection *each;
    TAILQ_FOREACH(each, &set->all, link)
    if (each->subscribed)
        connection_send(each, &set->keys_told);
}

static bool wants_session_changed(const struct connection *connection, const char *const *origins)
{
    const struct caller *caller = &connection->caller;
    return caller->door == DOOR_NATIVE ? connection->subscribed
                                       : among(origins, caller->origin, strlen(caller->origin));
}

void connections_session_changed(struct connections *set, const struct session_view *view,
                                 const char *const *origins)
{
    CLEANUP(bytes_deinit) struct bytes for_pages = {0}, for_programs = {0};
    int encoded[] = {[DOOR_WEB] = notify_encode_session_changed(&for_pages, view, DOOR_WEB),
                     [DOOR_NATIVE] =
                         notify_encode_session_changed(&for_programs, view, DOOR_NATIVE)};
    struct connection *each;
    TAILQ_FOREACH(each, &set->all, link)
    {
        enum door_kind door = each->caller.door;
        if (each->closing || !wants_session_changed(each, origins))
            continue;
        if (encoded[door] < 0) {
            connection_close(each, CLOSE_INTERNAL);
            continue;
        }
        connection_send(each, door == DOOR_WEB ? &for_pages : &for_programs);
        if (!each->closing)
            each->transport->flush(each);
    }
}
