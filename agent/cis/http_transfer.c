/* SPDX-License-Identifier: MIT */
/*
 * What libcurl would decide for itself is decided here: certificate authorities come from one
 * place (setting a file would leave the system's folder beside it), nothing is taken from .netrc,
 * cookies or other schemes, and headers are read with curl_easy_header, which tells the answer's
 * own from a proxy's, an interim answer's and those behind the body.
 *
 * Connections are kept for the next request. One that has died unnoticed (a network that changed, a
 * computer that slept) is given up when the server's kernel has not acknowledged anything for as
 * long as a connection may take, and libcurl then asks once more over a new one. What changes
 * something at the server, and proves it only once, always has a connection of its own: sent again
 * behind our back, it would be refused as a copy of itself.
 */
#include "agent/cis/http_transfer.h"

#include "agent/cis/http_header.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/loopback.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum {
    HEADER_BYTES_MAX = 32 * 1024, /* of one answer; ours take under one KiB */
    HEADER_LINES_MAX = 200,
    RETRY_AFTER_MAX = 3600, /* seconds */
};

/* ---- what libcurl asks for ---- */

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct bytes *body = &((struct http_transfer *)context)->answer.body;
    size_t len = size * count;
    if (len > HTTP_BODY_BYTES_MAX - body->len)
        return CURL_WRITEFUNC_ERROR;
    bytes_append(body, data, len);
    return body->failed ? CURL_WRITEFUNC_ERROR : len;
}

/* Only counts: what headers say is asked for when all of them have come. */
static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    (void)data;
    transfer->header_bytes += size * count;
    transfer->header_lines++;
    bool enough =
        transfer->header_bytes > HEADER_BYTES_MAX || transfer->header_lines > HEADER_LINES_MAX;
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
    const struct http_transfer *transfer = context;
    (void)purpose;
    if (transfer->plain && !address_is_loopback(&to->addr))
        return CURL_SOCKET_BAD;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    unsigned patience = HTTP_CONNECT_MS;
    if (fd >= 0 && to->family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* ---- from request to transfer ---- */

enum place { PLACE_TLS, PLACE_PLAIN, PLACE_FORBIDDEN };

/* Looks at the URL as libcurl has parsed it, and will use it. */
static enum place place_of(CURLU *url, bool *local)
{
    char *scheme = NULL, *host = NULL, *user = NULL;
    enum place place = PLACE_FORBIDDEN;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER) {
        *local = host_is_loopback(host, strlen(host));
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

static bool add_header(struct http_transfer *transfer, const char *name, const char *value)
{
    CLEANUP(bytes_deinit) struct bytes line = {0};
    bytes_append_text(&line, name);
    bytes_append_text(&line, value);
    bytes_append(&line, "", 1);
    struct curl_slist *grown =
        line.failed ? NULL : curl_slist_append(transfer->headers, (const char *)line.data);
    if (grown)
        transfer->headers = grown;
    return grown != NULL;
}

static bool set_headers(struct http_transfer *transfer, const struct http_request *request)
{
    return add_header(transfer, "Accept: ", "application/json") &&
           (!request->body || add_header(transfer, "Content-Type: ", "application/json")) &&
           (!request->dpop || add_header(transfer, "DPoP: ", request->dpop)) &&
           curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(transfer->easy, CURLOPT_##option, value) == CURLE_OK)

static bool set_request(struct http_transfer *transfer, const struct http_request *request)
{
    if (!SET(CURLU, transfer->url) || !set_headers(transfer, request))
        return false;
    if (!request->body)
        return SET(CUSTOMREQUEST, request->method);
    if (request->dpop && !SET(FRESH_CONNECT, 1L))
        return false;
    bytes_append_text(&transfer->body, request->body);
    bytes_append(&transfer->body, "", 1);
    return !transfer->body.failed && SET(POSTFIELDSIZE, (long)transfer->body.len - 1) &&
           SET(POSTFIELDS, (char *)transfer->body.data) && SET(CUSTOMREQUEST, request->method);
}

/* Whom to trust, and by which way: a computer reaches itself without a proxy. */
static bool set_path(struct http_transfer *transfer, const struct http_request *request, bool local)
{
    if (*request->authorities != '\0' &&
        (!SET(CAINFO, request->authorities) || !SET(CAPATH, (char *)NULL)))
        return false;
    if (!local && *request->proxy == '\0')
        return true;
    return SET(PROXY, local ? "" : request->proxy);
}

static bool set_limits(struct http_transfer *transfer)
{
    return SET(PROTOCOLS_STR, transfer->plain ? "http" : "https") && SET(FOLLOWLOCATION, 0L) &&
           SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) && SET(HTTP09_ALLOWED, 0L) &&
           SET(NETRC, (long)CURL_NETRC_IGNORED) && SET(DISALLOW_USERNAME_IN_URL, 1L) &&
           SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(SSL_VERIFYPEER, 1L) &&
           SET(SSL_VERIFYHOST, 2L) && SET(CA_CACHE_TIMEOUT, 0L) && SET(NOSIGNAL, 1L) &&
           /* a resolver that hangs is left to itself, and holds up nothing */
           SET(QUICK_EXIT, 1L) && SET(CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS) &&
           SET(TIMEOUT_MS, (long)HTTP_DEADLINE_MS) && SET(MAXFILESIZE, (long)HTTP_BODY_BYTES_MAX) &&
           SET(SUPPRESS_CONNECT_HEADERS, 1L) && SET(USERAGENT, "Lanyard/" LANYARD_VERSION);
}

static bool set_callbacks(struct http_transfer *transfer, void *owner)
{
    return SET(WRITEFUNCTION, take_body) && SET(WRITEDATA, transfer) &&
           SET(HEADERFUNCTION, take_header) && SET(HEADERDATA, transfer) &&
           SET(OPENSOCKETFUNCTION, open_socket) && SET(OPENSOCKETDATA, transfer) &&
           SET(ERRORBUFFER, transfer->trouble) && SET(PRIVATE, owner);
}

int http_transfer_init(struct http_transfer *transfer, const struct http_request *request,
                       void *owner)
{
    bool local = false;
    enum place place = PLACE_FORBIDDEN;
    transfer->url = curl_url();
    if (!transfer->url)
        return log_fault(ENOMEM, "http request");
    if (curl_url_set(transfer->url, CURLUPART_URL, request->url, CURLU_PATH_AS_IS) == CURLUE_OK)
        place = place_of(transfer->url, &local);
    if (place == PLACE_FORBIDDEN)
        return -EPERM;
    transfer->plain = place == PLACE_PLAIN;
    transfer->easy = curl_easy_init();
    if (!transfer->easy || !set_request(transfer, request) || !set_path(transfer, request, local) ||
        !set_limits(transfer) || !set_callbacks(transfer, owner))
        return log_fault(ENOMEM, "http request");
    return 0;
}

void http_transfer_deinit(struct http_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_url_cleanup(transfer->url);
    curl_slist_free_all(transfer->headers);
    bytes_deinit(&transfer->body);
    bytes_deinit(&transfer->answer.body);
    *transfer = (struct http_transfer){0};
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

static void read_headers(struct http_transfer *transfer)
{
    struct http_answer *answer = &transfer->answer;
    const char *date = header_of(transfer->easy, "Date");
    answer->date = date ? curl_getdate(date, NULL) : 0;
    if (answer->date < 0)
        answer->date = 0;
    answer->retry_after = read_retry_after(header_of(transfer->easy, "Retry-After"), answer->date);
    answer->wants_dpop_nonce = wants_dpop_nonce(transfer->easy);
    const char *nonce = header_of(transfer->easy, "DPoP-Nonce");
    if (nonce && http_header_nonce_valid(nonce, HTTP_HEADER_TEXT_MAX))
        memcpy(answer->dpop_nonce, nonce, strlen(nonce) + 1);
}

/* A handshake that was cut has the same code as one that failed; only the words differ. */
static bool handshake_was_cut(const char *trouble)
{
    static const char *const words[] = {"unexpected eof", " in connection to ", "Recv failure",
                                        "Send failure"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(trouble, words[i]))
            return true;
    return false;
}

enum http_end http_end_of(CURLcode code, const char *trouble)
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
static void log_trouble(const struct http_transfer *transfer, CURLcode code)
{
    char *host = NULL;
    curl_url_get(transfer->url, CURLUPART_HOST, &host, 0);
    log_warning("%s: %s", host ? host : "a provider",
                transfer->trouble[0] ? transfer->trouble : curl_easy_strerror(code));
    curl_free(host);
}

void http_transfer_finish(struct http_transfer *transfer, CURLcode code)
{
    struct http_answer *answer = &transfer->answer;
    long status = 0;
    if (code == CURLE_OK)
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    bytes_append(&answer->body, "", 1);
    if (code == CURLE_OK && (status < 100 || status > 999 || answer->body.failed))
        code = CURLE_RECV_ERROR;
    answer->end = http_end_of(code, transfer->trouble);
    if (answer->end == HTTP_ANSWERED) {
        answer->status = (unsigned)status;
        answer->body.len--;
        read_headers(transfer);
    } else {
        log_trouble(transfer, code);
        bytes_reset(&answer->body);
    }
}
