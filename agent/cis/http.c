/* SPDX-License-Identifier: MIT */
/*
 * One thread runs libcurl's multi interface and sleeps in curl_multi_poll; the loop wakes it with
 * curl_multi_wakeup, and it wakes the loop with loop_wake. Between them is one list of calls under
 * one mutex. A call is the loop's, but for the time in which it is UNDER_WAY: then it is the
 * thread's, and whoever frees it only marks it abandoned. So each call is released once, by the
 * one whose it is, also when its answer is on the way while it is freed.
 *
 * What libcurl would decide for itself is decided here: certificate authorities come from one
 * place (setting a file would leave the system's folder beside it), nothing is taken from .netrc,
 * cookies or other schemes, and headers are read with curl_easy_header, which tells the answer's
 * own from a proxy's, an interim answer's and those behind the body.
 *
 * Connections are kept for the next request. One that has died unnoticed (a network that changed, a
 * computer that slept) is given up when the server's kernel has not acknowledged anything for as
 * long as a connection may take, and libcurl then asks once more over a new one.
 */
#include "agent/cis/http.h"

#include "agent/cis/http_header.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

enum {
    HEADER_BYTES_MAX = 32 * 1024, /* of one answer; ours take under one KiB */
    HEADER_LINES_MAX = 200,
    CONNECTIONS_MAX = 8, /* at once; further requests wait, and their deadline runs */
    CONNECTIONS_KEPT = 4,
    RETRY_AFTER_MAX = 3600, /* seconds */
    TROUBLE_MS = 100,       /* rest between two waits that failed */
};

enum call_state { CALL_WAITING, CALL_UNDER_WAY, CALL_DONE, CALL_TOLD };

struct http_call {
    TAILQ_ENTRY(http_call) link;
    struct http *http; /* NULL: it has gone */
    http_fn *fn;
    void *context;

    enum call_state state; /* under mutex */
    bool abandoned;        /* under mutex: nobody waits for the answer */

    CURL *easy;
    CURLU *url;
    struct curl_slist *headers;
    struct bytes body;
    bool plain; /* http, to this computer */
    size_t header_bytes, header_lines;
    char trouble[CURL_ERROR_SIZE];
    struct http_answer answer;
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

/* ---- a call's memory ---- */

static void release_transfer(struct http_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_url_cleanup(call->url);
    curl_slist_free_all(call->headers);
    bytes_deinit(&call->body);
    call->easy = NULL;
    call->url = NULL;
    call->headers = NULL;
}

static void release(struct http_call **call)
{
    if (!*call)
        return;
    release_transfer(*call);
    bytes_deinit(&(*call)->answer.body);
    free(*call);
    *call = NULL;
}

/* ---- what libcurl asks for ---- */

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct bytes *body = &((struct http_call *)context)->answer.body;
    size_t len = size * count;
    if (len > HTTP_BODY_BYTES_MAX - body->len)
        return CURL_WRITEFUNC_ERROR;
    bytes_append(body, data, len);
    return body->failed ? CURL_WRITEFUNC_ERROR : len;
}

/* Only counts: what headers say is asked for when all of them have come. */
static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct http_call *call = context;
    (void)data;
    call->header_bytes += size * count;
    call->header_lines++;
    bool enough = call->header_bytes > HEADER_BYTES_MAX || call->header_lines > HEADER_LINES_MAX;
    return enough ? CURL_WRITEFUNC_ERROR : size * count;
}

static bool address_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return (ntohl(in.sin_addr.s_addr) >> IN_CLASSA_NSHIFT) == IN_LOOPBACKNET;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

/* A socket that no helper inherits; without TLS to this computer only, whatever names say. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
    const struct http_call *call = context;
    (void)purpose;
    if (call->plain && !address_is_loopback(&to->addr))
        return CURL_SOCKET_BAD;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    unsigned patience = HTTP_CONNECT_MS;
    if (fd >= 0 && to->family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* ---- from request to call ---- */

static bool is_this_computer(const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (host && strcmp(host, names[i]) == 0)
            return true;
    return false;
}

enum place { PLACE_TLS, PLACE_PLAIN, PLACE_FORBIDDEN };

/* Looks at the URL as libcurl has parsed it, and will use it. */
static enum place place_of(CURLU *url, bool *local)
{
    char *scheme = NULL, *host = NULL, *user = NULL;
    enum place place = PLACE_FORBIDDEN;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER) {
        *local = is_this_computer(host);
        if (strcmp(scheme, "https") == 0)
            place = PLACE_TLS;
        else if (strcmp(scheme, "http") == 0 && *local)
            place = PLACE_PLAIN;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    return place;
}

static bool add_header(struct http_call *call, const char *name, const char *value)
{
    CLEANUP(bytes_deinit) struct bytes line = {0};
    bytes_append_text(&line, name);
    bytes_append_text(&line, value);
    bytes_append(&line, "", 1);
    struct curl_slist *grown =
        line.failed ? NULL : curl_slist_append(call->headers, (const char *)line.data);
    if (grown)
        call->headers = grown;
    return grown != NULL;
}

static bool set_headers(struct http_call *call, const struct http_request *request)
{
    return add_header(call, "Accept: ", "application/json") &&
           (!request->body || add_header(call, "Content-Type: ", "application/json")) &&
           (!request->dpop || add_header(call, "DPoP: ", request->dpop)) &&
           curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(call->easy, CURLOPT_##option, value) == CURLE_OK)

static bool set_request(struct http_call *call, const struct http_request *request)
{
    if (!SET(CURLU, call->url) || !set_headers(call, request))
        return false;
    if (!request->body)
        return SET(CUSTOMREQUEST, request->method);
    bytes_append_text(&call->body, request->body);
    bytes_append(&call->body, "", 1);
    return !call->body.failed && SET(POSTFIELDSIZE, (long)call->body.len - 1) &&
           SET(POSTFIELDS, (char *)call->body.data) && SET(CUSTOMREQUEST, request->method);
}

/* Whom to trust, and by which way: a computer reaches itself without a proxy. */
static bool set_path(struct http_call *call, const struct http_request *request, bool local)
{
    if (*request->authorities != '\0' &&
        (!SET(CAINFO, request->authorities) || !SET(CAPATH, (char *)NULL)))
        return false;
    if (!local && *request->proxy == '\0')
        return true;
    return SET(PROXY, local ? "" : request->proxy);
}

static bool set_limits(struct http_call *call)
{
    return SET(PROTOCOLS_STR, call->plain ? "http" : "https") && SET(FOLLOWLOCATION, 0L) &&
           SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(HTTP09_ALLOWED, 0L) &&
           SET(NETRC, (long)CURL_NETRC_IGNORED) && SET(DISALLOW_USERNAME_IN_URL, 1L) &&
           SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(SSL_VERIFYPEER, 1L) &&
           SET(SSL_VERIFYHOST, 2L) && SET(CA_CACHE_TIMEOUT, 0L) && SET(NOSIGNAL, 1L) &&
           /* a resolver that hangs is left to itself, and holds up nothing */
           SET(QUICK_EXIT, 1L) && SET(CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS) &&
           SET(TIMEOUT_MS, (long)HTTP_DEADLINE_MS) && SET(MAXFILESIZE, (long)HTTP_BODY_BYTES_MAX) &&
           SET(SUPPRESS_CONNECT_HEADERS, 1L) && SET(USERAGENT, "Lanyard/" LANYARD_VERSION);
}

static bool set_callbacks(struct http_call *call)
{
    return SET(WRITEFUNCTION, take_body) && SET(WRITEDATA, call) &&
           SET(HEADERFUNCTION, take_header) && SET(HEADERDATA, call) &&
           SET(OPENSOCKETFUNCTION, open_socket) && SET(OPENSOCKETDATA, call) &&
           SET(ERRORBUFFER, call->trouble) && SET(PRIVATE, call);
}

/* ---- from transfer to answer ---- */

/* The one value of that header; NULL when there is none, or more than one. */
static const char *header_of(CURL *easy, const char *name)
{
    struct curl_header *header;
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        header->amount != 1)
        return NULL;
    return header->value;
}

static bool wants_dpop_nonce(CURL *easy)
{
    struct curl_header *header;
    for (size_t i = 0;
         curl_easy_header(easy, "WWW-Authenticate", i, CURLH_HEADER, -1, &header) == CURLHE_OK; i++)
        if (http_header_wants_dpop_nonce(header->value))
            return true;
    return false;
}

/* Both forms of Retry-After; a date counts by the server's own clock where it tells. */
static unsigned read_retry_after(const char *value, time_t date)
{
    unsigned seconds = 0;
    if (!value || http_header_delay(value, RETRY_AFTER_MAX, &seconds))
        return seconds;
    time_t until = curl_getdate(value, NULL);
    time_t now = date > 0 ? date : time(NULL);
    if (until <= now)
        return 0;
    return until - now < RETRY_AFTER_MAX ? (unsigned)(until - now) : RETRY_AFTER_MAX;
}

static void read_headers(struct http_call *call)
{
    struct http_answer *answer = &call->answer;
    const char *date = header_of(call->easy, "Date");
    answer->date = date ? curl_getdate(date, NULL) : 0;
    if (answer->date < 0)
        answer->date = 0;
    answer->retry_after = read_retry_after(header_of(call->easy, "Retry-After"), answer->date);
    answer->wants_dpop_nonce = wants_dpop_nonce(call->easy);
    const char *nonce = header_of(call->easy, "DPoP-Nonce");
    if (nonce && http_header_nonce_valid(nonce, HTTP_HEADER_TEXT_MAX))
        memcpy(answer->dpop_nonce, nonce, strlen(nonce) + 1);
}

/* A handshake that was cut has the same code as one that failed; only the words differ. */
static bool handshake_was_cut(const char *trouble)
{
    return strstr(trouble, "unexpected eof") || strstr(trouble, " in connection to ");
}

static enum http_end end_of(CURLcode code, const char *trouble)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_ANSWERED;
    case CURLE_SSL_CONNECT_ERROR:
        return handshake_was_cut(trouble) ? HTTP_UNREACHABLE : HTTP_UNTRUSTED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_USE_SSL_FAILED:
        return HTTP_UNTRUSTED;
    default:
        return HTTP_UNREACHABLE;
    }
}

/* The cause, for the administrator; the path is left out, since it may name a session. */
static void log_trouble(const struct http_call *call, CURLcode code)
{
    char *host = NULL;
    curl_url_get(call->url, CURLUPART_HOST, &host, 0);
    log_info("%s: %s", host ? host : "a provider",
             call->trouble[0] ? call->trouble : curl_easy_strerror(code));
    curl_free(host);
}

static void read_answer(struct http_call *call, CURLcode code)
{
    struct http_answer *answer = &call->answer;
    long status = 0;
    if (code == CURLE_OK)
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    bytes_append(&answer->body, "", 1);
    if (code == CURLE_OK && (status < 100 || status > 999 || answer->body.failed))
        code = CURLE_RECV_ERROR;
    answer->end = end_of(code, call->trouble);
    if (answer->end == HTTP_ANSWERED) {
        answer->status = (unsigned)status;
        answer->body.len--;
        read_headers(call);
    } else {
        log_trouble(call, code);
        bytes_reset(&answer->body);
    }
}

/* ---- the thread ---- */

/* The call's transfer is over, or could not begin: back to the loop with it. */
static void hand_back(struct http *http, struct http_call *call, CURLcode code)
{
    read_answer(call, code);
    curl_multi_remove_handle(http->multi, call->easy);
    release_transfer(call);
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
            curl_multi_remove_handle(http->multi, call->easy);
            release(&call);
        } else if (curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
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
        struct http_answer answer = call->answer;
        call->answer = (struct http_answer){0};
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

static bool make_transfer(struct http_call *call, const struct http_request *request, bool local)
{
    call->easy = curl_easy_init();
    return call->easy && set_request(call, request) && set_path(call, request, local) &&
           set_limits(call) && set_callbacks(call);
}

struct http_call *http_send(struct http *http, const struct http_request *request, http_fn *fn,
                            void *context)
{
    CLEANUP(release) struct http_call *call = calloc(1, sizeof *call);
    if (!call || !(call->url = curl_url())) {
        log_fault(ENOMEM, "http request");
        return NULL;
    }
    call->http = http;
    call->fn = fn;
    call->context = context;
    bool local = false;
    enum place place = PLACE_FORBIDDEN;
    if (curl_url_set(call->url, CURLUPART_URL, request->url, CURLU_PATH_AS_IS) == CURLUE_OK)
        place = place_of(call->url, &local);
    if (place == PLACE_FORBIDDEN) {
        log_warning("a provider's URL is neither https nor of this computer: nothing is sent");
        call->answer.end = HTTP_UNTRUSTED;
        post(http, call, CALL_DONE);
        return STEAL(call);
    }
    call->plain = place == PLACE_PLAIN;
    if (!make_transfer(call, request, local)) {
        log_fault(ENOMEM, "http request");
        return NULL;
    }
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
        if (call->easy)
            curl_multi_remove_handle(h->multi, call->easy);
        release_transfer(call);
        call->http = NULL;
        if (call->abandoned)
            release(&call);
    }
    release_http(h);
}
