/* SPDX-License-Identifier: MIT */
/*
 * One thread runs libcurl's multi interface and sleeps in curl_multi_poll; the loop wakes it with
 * curl_multi_wakeup, and it wakes the loop with loop_wake. Between them is one list of calls under
 * one mutex. A call is the loop's, but for the time in which it is UNDER_WAY: then it is the
 * thread's, and whoever frees it only marks it abandoned. So each call is released once, by the
 * one whose it is, also when its answer is on the way while it is freed.
 */
#include "agent/cis/http.h"

#include "agent/cis/http_transfer.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/queue.h>

enum {
    CONNECTIONS_MAX = 8, /* at once; further requests wait, and their deadline runs */
    CONNECTIONS_KEPT = 4,
    TROUBLE_MS = 100, /* rest between two waits that failed */
};

enum call_state { CALL_WAITING, CALL_UNDER_WAY, CALL_DONE, CALL_TOLD };

struct http_call {
    TAILQ_ENTRY(http_call) link;
    struct http *http; /* NULL: it has gone */
    http_fn *fn;
    void *context;

    enum call_state state; /* under mutex */
    bool abandoned;        /* under mutex: nobody waits for the answer */

    struct http_transfer transfer;
};

TAILQ_HEAD(call_list, http_call);

struct http {
    struct loop_wakeup *wakeup;
    CURLM *multi; /* the thread's, but for curl_multi_wakeup */
    pthread_t thread;
    pthread_mutex_t mutex;
    struct call_list calls; /* under mutex; all that are not freed */
    bool stop;              /* under mutex */
};

static void release(struct http_call **call)
{
    if (*call)
        http_transfer_deinit(&(*call)->transfer);
    free(*call);
    *call = NULL;
}

/* ---- the thread ---- */

/* The call's transfer is over, or could not begin: back to the loop with it. */
static void hand_back(struct http *http, struct http_call *call, CURLcode code)
{
    http_transfer_finish(&call->transfer, code);
    curl_multi_remove_handle(http->multi, call->transfer.easy);
    pthread_mutex_lock(&http->mutex);
    bool abandoned = call->abandoned;
    if (abandoned)
        TAILQ_REMOVE(&http->calls, call, link);
    else
        call->state = CALL_DONE;
    pthread_mutex_unlock(&http->mutex);
    if (abandoned)
        release(&call);
    else
        loop_wake(http->wakeup);
}

enum order { ORDER_NONE, ORDER_BEGIN, ORDER_DROP, ORDER_STOP };

static enum order next_order(struct http *http, struct http_call **out)
{
    enum order order = ORDER_NONE;
    struct http_call *call;
    pthread_mutex_lock(&http->mutex);
    if (http->stop)
        order = ORDER_STOP;
    else
        TAILQ_FOREACH(call, &http->calls, link)
        {
            if (call->state == CALL_WAITING) {
                call->state = CALL_UNDER_WAY;
                order = ORDER_BEGIN;
            } else if (call->abandoned) {
                TAILQ_REMOVE(&http->calls, call, link);
                order = ORDER_DROP;
            } else {
                continue;
            }
            *out = call;
            break;
        }
    pthread_mutex_unlock(&http->mutex);
    return order;
}

/* False: the thread is to end. */
static bool obey(struct http *http)
{
    struct http_call *call = NULL;
    enum order order;
    while ((order = next_order(http, &call)) == ORDER_BEGIN || order == ORDER_DROP) {
        if (order == ORDER_DROP) {
            curl_multi_remove_handle(http->multi, call->transfer.easy);
            release(&call);
        } else if (curl_multi_add_handle(http->multi, call->transfer.easy) != CURLM_OK) {
            hand_back(http, call, CURLE_OUT_OF_MEMORY);
        }
    }
    return order != ORDER_STOP;
}

static void collect(struct http *http)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left))) {
        CURLcode code = message->data.result;
        struct http_call *call = NULL;
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call) == CURLE_OK &&
            call)
            hand_back(http, call, code);
    }
}

static void *run(void *argument)
{
    struct http *http = argument;
    while (obey(http)) {
        int running;
        CURLMcode done = curl_multi_perform(http->multi, &running);
        collect(http);
        if (done == CURLM_OK)
            done = curl_multi_poll(http->multi, NULL, 0, INT_MAX, NULL);
        if (done != CURLM_OK) {
            log_error("http: %s", curl_multi_strerror(done));
            poll(NULL, 0, TROUBLE_MS);
        }
    }
    return NULL;
}

/* ---- the loop's side ---- */

static struct http_call *next_done(struct http *http)
{
    struct http_call *call;
    pthread_mutex_lock(&http->mutex);
    TAILQ_FOREACH(call, &http->calls, link)
    if (call->state == CALL_DONE) {
        call->state = CALL_TOLD;
        break;
    }
    pthread_mutex_unlock(&http->mutex);
    return call;
}

/* The answer leaves the call before it is told, since the call may be freed by whom it is told. */
static void tell(void *context)
{
    struct http *http = context;
    struct http_call *call;
    while ((call = next_done(http))) {
        struct http_answer answer = call->transfer.answer;
        call->transfer.answer = (struct http_answer){0};
        call->fn(call->context, &answer);
        bytes_deinit(&answer.body);
    }
}

static void post(struct http *http, struct http_call *call, enum call_state state)
{
    pthread_mutex_lock(&http->mutex);
    call->state = state;
    TAILQ_INSERT_TAIL(&http->calls, call, link);
    pthread_mutex_unlock(&http->mutex);
    if (state == CALL_DONE)
        loop_wake(http->wakeup);
    else
        curl_multi_wakeup(http->multi);
}

struct http_call *http_send(struct http *http, const struct http_request *request, http_fn *fn,
                            void *context)
{
    CLEANUP(release) struct http_call *call = calloc(1, sizeof *call);
    if (!call) {
        log_fault(ENOMEM, "http request");
        return NULL;
    }
    call->http = http;
    call->fn = fn;
    call->context = context;
    int r = http_transfer_init(&call->transfer, request, call);
    if (r == -EPERM) {
        log_warning("a provider's URL is neither https nor of this computer: nothing is sent");
        call->transfer.answer.end = HTTP_UNTRUSTED;
        post(http, call, CALL_DONE);
        return STEAL(call);
    }
    if (r < 0)
        return NULL;
    post(http, call, CALL_WAITING);
    return STEAL(call);
}

void http_call_free(struct http_call **call)
{
    struct http_call *c = STEAL(*call);
    if (!c)
        return;
    struct http *http = c->http;
    bool ours = true;
    if (http) {
        pthread_mutex_lock(&http->mutex);
        ours = c->state != CALL_UNDER_WAY;
        if (ours)
            TAILQ_REMOVE(&http->calls, c, link);
        else
            c->abandoned = true;
        pthread_mutex_unlock(&http->mutex);
    }
    if (ours)
        release(&c);
    else
        curl_multi_wakeup(http->multi);
}

/* ---- beginning and end ---- */

static CURLcode started = CURLE_FAILED_INIT;

static void start_curl(void)
{
    started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* No signal is ever for this thread. */
static int start_thread(struct http *http)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&http->thread, NULL, run, http);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void release_http(struct http *http)
{
    curl_multi_cleanup(http->multi);
    loop_wakeup_free(&http->wakeup);
    pthread_mutex_destroy(&http->mutex);
    free(http);
}

struct http *http_new(struct loop *loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_curl);

    struct http *http = started == CURLE_OK ? calloc(1, sizeof *http) : NULL;
    if (!http) {
        log_fault(ENOMEM, "http");
        return NULL;
    }
    TAILQ_INIT(&http->calls);
    pthread_mutex_init(&http->mutex, NULL);
    http->multi = curl_multi_init();
    http->wakeup = loop_wakeup_new(loop, tell, http);
    int error = ENOMEM;
    if (http->multi && http->wakeup &&
        curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX) ==
            CURLM_OK &&
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT) == CURLM_OK)
        error = start_thread(http);
    if (error == 0)
        return http;
    log_fault(error, "http");
    release_http(http);
    return NULL;
}

/* Calls that their owners have not freed yet lose everything but their own memory. */
void http_free(struct http **http)
{
    struct http *h = STEAL(*http);
    if (!h)
        return;
    pthread_mutex_lock(&h->mutex);
    h->stop = true;
    pthread_mutex_unlock(&h->mutex);
    curl_multi_wakeup(h->multi);
    pthread_join(h->thread, NULL);
    struct http_call *call;
    while ((call = TAILQ_FIRST(&h->calls))) {
        TAILQ_REMOVE(&h->calls, call, link);
        if (call->transfer.easy)
            curl_multi_remove_handle(h->multi, call->transfer.easy);
        http_transfer_deinit(&call->transfer);
        call->http = NULL;
        if (call->abandoned)
            release(&call);
    }
    release_http(h);
}
