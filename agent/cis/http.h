/* SPDX-License-Identifier: MIT */
/*
 * HTTP requests on a thread of their own, where libcurl may block as it likes; answers come back on
 * the loop.
 *
 * Servers are hostile: TLS 1.2 or better with the server's certificate and name checked (RFC 9525),
 * no redirects, no cookies, no compression, nothing but the URL's own scheme, an answer's body at
 * most HTTP_BODY_BYTES_MAX, and every request has a deadline. Loop thread only; nothing blocks, but
 * for http_free, which waits for the thread (it ends within a millisecond: transfers are aborted).
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/loop.h"

#include <stddef.h>
#include <time.h>

enum {
    HTTP_BODY_BYTES_MAX = 256 * 1024,
    HTTP_HEADER_TEXT_MAX = 256,
    HTTP_CONNECT_MS = 5000,
    HTTP_DEADLINE_MS = 15000,
};

struct http;

/* Starts the thread. NULL on fault (logged). */
struct http *http_new(struct loop *loop);
/* Aborts what is under way; no callback comes any more. */
void http_free(struct http **http);

/* All borrowed for the call. */
struct http_request {
    const char *method;      /* "GET", "POST", "PUT" */
    const char *url;         /* https, or http to this computer */
    const char *body;        /* JSON text; NULL: none */
    const char *dpop;        /* value of the DPoP header (RFC 9449); NULL: none */
    const char *authorities; /* path of a PEM file; "": the system's */
    const char *proxy;       /* "": what the environment says (libcurl's own variables) */
};

enum http_end {
    HTTP_ANSWERED,    /* whatever the status */
    HTTP_UNREACHABLE, /* no name, no connection, cut, too slow, too long */
    HTTP_UNTRUSTED,   /* the certificate, its name, the protocol's version */
};

struct http_answer {
    enum http_end end;
    unsigned status;
    struct bytes body;                         /* NUL-terminated behind its length */
    char dpop_nonce[HTTP_HEADER_TEXT_MAX + 1]; /* "": none; longer or unprintable ones count as
                                                  none */
    bool wants_dpop_nonce;                     /* WWW-Authenticate: DPoP error="use_dpop_nonce" */
    unsigned retry_after; /* seconds (RFC 9110 §10.2.3, both forms), at most an hour; 0: none */
    time_t date;          /* the server's clock; 0: not said */
};

/* answer: borrowed for the call. Called once from the loop, unless the call is freed first. */
typedef void http_fn(void *context, const struct http_answer *answer);

struct http_call;
/* Returns owned: free it, also from within fn. NULL on fault (logged). */
struct http_call *http_send(struct http *http, const struct http_request *request, http_fn *fn,
                            void *context);
/* Aborts. Takes NULL. */
void http_call_free(struct http_call **call);
