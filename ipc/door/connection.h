/* SPDX-License-Identifier: MIT */
/*
 * One conversation over either door, without the door: limits, requests under way, and what leads
 * from a message's text to the service and back. A door embeds struct connection in its own struct
 * and gives it a transport.
 *
 * Loop thread only. Nothing blocks, and nothing here ever releases a connection: a conversation
 * that must end says so through transport.close, and the door ends it once no call is under way.
 */
#pragma once

#include "ipc/door/answer.h"
#include "ipc/door/door.h"
#include "ipc/door/status_door.h"
#include "ipc/loop.h"

#include <sys/queue.h>

enum {
    CONNECTIONS_MAX = 256, /* at each door; a person's open pages number in the tens */
    REQUESTS_PER_CONNECTION_MAX =
        16, /* beyond: outcome BUSY. A page has one, a broker of pages few */
    MESSAGES_PER_SECOND = 40,
    MESSAGES_AT_ONCE = 80,
    CONNECTION_OUT_MAX = 1024 * 1024, /* two of the longest answers wait for a slow reader, or some
                                         thousands of the usual; then it is closed */
    REFUSALS_TOLD_MAX = 10, /* in one period; a page can make thousands, and each is an entry */
    REFUSALS_PERIOD_MS = 60 * 1000,
};

/* Why a connection ends: WebSocket close codes (RFC 6455 §7.4.1); the native door just closes. */
enum close_code {
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL = 1002,
    CLOSE_NOT_TEXT = 1003,
    CLOSE_NOT_UTF8 = 1007,
    CLOSE_POLICY = 1008,
    CLOSE_TOO_LARGE = 1009,
    CLOSE_INTERNAL = 1011,
};

struct connection;

struct transport {
    /* Queues one message (borrowed). Never calls back; a failure ends in a close of its own. */
    void (*send)(struct connection *connection, const struct bytes *message);
    /* Writes what is queued, as far as the socket takes it now. Never calls back. */
    void (*flush)(struct connection *connection);
    /* Asks for the end. Called once; the door closes soon, after the call that runs now. */
    void (*close)(struct connection *connection, enum close_code code);
};

/* What all connections share. */
struct connections {
    struct loop *loop;
    const struct service *service;
    const char *const *origins;
    struct web_state web;
    bool web_settling;                          /* how it stands is about to be known */
    TAILQ_HEAD(request_queue, request) waiting; /* for that; they are in their other list, too */
    struct status_door status;
    TAILQ_HEAD(connection_queue, connection) all; /* the longest quiet first */
    size_t count[2];                              /* by enum door_kind */
    LIST_HEAD(request_list, request) orphans;     /* cancelled soon: their caller has gone */
    struct request_list abandoned;                /* cancelled; the service still owes an answer */
    struct bytes told[2];                         /* the last card.changed, by enum door_kind */
    struct bytes keys_told;                       /* the last key.changed */
    struct loop_wakeup *cancels;
    struct loop_timer *refusals_period; /* set by the first refusal */
    unsigned refusals;                  /* since then */
};

struct connection {
    TAILQ_ENTRY(connection) link;
    struct connections *set;
    const struct transport *transport;
    struct caller caller;
    struct request_list requests;
    unsigned request_count;
    bool subscribed;
    bool closing;      /* transport.close was called */
    uint64_t refilled; /* the rate limit's bucket: when, and how many thousandths of a message */
    uint64_t allowance;
};

/* 0 or -ENOMEM (logged). The service and origins are borrowed. */
int connections_init(struct connections *set, struct loop *loop, const struct service *service,
                     const char *const *origins);
/* Cancels what is under way; no connection is left by now. Requests that the service still holds
 * stay valid until it answers them. */
void connections_deinit(struct connections *set);

/* Makes room for one more at that door by closing the one that has been quiet longest and has no
 * request under way. False: every one has. */
bool connections_make_room(struct connections *set, enum door_kind door);
/* Another list (borrowed): pages that are not in it are cut off. */
void connections_set_origins(struct connections *set, const char *const *origins);
/* True if the origin is in the administrator's list. */
bool connections_origin_listed(const struct connections *set, const char *origin, size_t len);

/* How the WebSocket door stands is not known, or is by now: who waited for it is served. */
void connections_set_settling(struct connections *set, bool settling);

/* Tells the service of a refusal, of the first REFUSALS_TOLD_MAX in a period. */
void connections_refused(struct connections *set, const struct caller *caller, const char *origin,
                         int result);

/* caller is copied. */
void connection_open(struct connection *connection, struct connections *set,
                     const struct transport *transport, const struct caller *caller);
/* The door has ended it: nothing is sent any more, requests under way are cancelled soon. */
void connection_gone(struct connection *connection);

/* One whole message. */
void connection_receive(struct connection *connection, const char *text, size_t len);
/* Closes it once. */
void connection_close(struct connection *connection, enum close_code code);
void connection_send(struct connection *connection, const struct bytes *message);

/* card.changed, to everyone whom it concerns (PROTOCOL.md §2), unless it says what the last one at
 * that door said. */
void connections_card_changed(struct connections *set, const struct card_list *list);
/* key.changed to subscribed programs, unless it says what the last one said. */
void connections_key_changed(struct connections *set, const struct key_list *list);
/* session.changed, flushed. Whom it concerns and cannot be told is closed: better no connection
 * than one whose silence says that all is as it was. */
void connections_session_changed(struct connections *set, const struct session_view *view,
                                 const char *const *origins);

/* ---- requests, for dispatch ---- */

enum request_kind {
    REQUEST_SIGN_IN,  /* may wait for the person's card: its page is told of card.changed */
    REQUEST_WEBAUTHN, /* its errors have a DOMException's name */
    REQUEST_UPKEEP,   /* of a card or a key: who cancels it has cancelled no sign-in */
    REQUEST_OTHER,
};

/* Opens a request and hands it out, owned by whoever answers. NULL: it was refused, and the caller
 * has been told. */
struct request *request_open(struct connection *connection, const struct rpc_id *id,
                             enum request_kind kind);
const struct rpc_id *request_id(const struct request *request);
/* Hands a request just opened to the service by fn: at once, or when it is known how the WebSocket
 * door stands. */
typedef void request_serve_fn(const struct service *service, struct request *request);
void request_serve_settled(struct request *request, request_serve_fn *fn);
/* Sends what an encoder wrote as the request's answer (encoded: what it returned), and releases
 * *request. An answer too long for a frame becomes an error; one that there is no memory for closes
 * the connection. If the caller has gone it is dropped. */
void request_answer(struct request **request, struct bytes *message, int encoded);
/* operation.cancel: tells the service, once. Nothing when there is no such request. */
void request_cancel(struct connection *connection, const struct rpc_id *id);
