/* SPDX-License-Identifier: MIT */
/*
 * libcurl's code, the result of OpenSSL's verification and the proxy's own status tell the cause
 * apart. What cannot be told apart is "cannot be reached", with libcurl's words beside it.
 */
#include "agent/doctor/provider_ask.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/loopback.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_MS = 5000, DEADLINE_MS = 10000, BODY_MAX = 256 * 1024 };

static void curl_release(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

static void url_release(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void list_release(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct bytes *body = context;
    size_t len = size * count;
    if (len > BODY_MAX - body->len)
        return CURL_WRITEFUNC_ERROR;
    bytes_append(body, data, len);
    return body->failed ? CURL_WRITEFUNC_ERROR : len;
}

enum place { PLACE_FORBIDDEN, PLACE_FAR, PLACE_HERE };

static enum place place_of(CURLU *url, bool *plain)
{
    char *scheme = NULL, *host = NULL;
    enum place place = PLACE_FORBIDDEN;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        place = host_is_loopback(host, strlen(host)) ? PLACE_HERE : PLACE_FAR;
        *plain = strcmp(scheme, "http") == 0;
        if (*plain && place != PLACE_HERE)
            place = PLACE_FORBIDDEN;
    }
    curl_free(scheme);
    curl_free(host);
    return place;
}

static bool in_environment(void)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && value[0] != '\0')
            return true;
    }
    return false;
}

static enum doctor_code of_certificate(long verified, const char *trouble)
{
    switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return DOCTOR_TLS_EXPIRED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return DOCTOR_TLS_NAME;
    default:
        return strstr(trouble, "does not match") || strstr(trouble, "no alternative certificate")
                   ? DOCTOR_TLS_NAME
                   : DOCTOR_TLS_UNTRUSTED;
    }
}

static enum doctor_code problem_of(CURL *curl, CURLcode code, bool proxied, const char *trouble)
{
    long verified = 0, connected = 0;
    curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verified);
    curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &connected);
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_RESOLVE_HOST:
        return DOCTOR_DNS;
    case CURLE_COULDNT_RESOLVE_PROXY:
        return DOCTOR_PROXY_UNKNOWN;
    case CURLE_OPERATION_TIMEDOUT:
        return strstr(trouble, "Resolving") ? DOCTOR_DNS : DOCTOR_PROVIDER_UNREACHABLE;
    case CURLE_COULDNT_CONNECT:
        return proxied ? DOCTOR_PROXY_DOWN : DOCTOR_PROVIDER_UNREACHABLE;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        return of_certificate(verified, trouble);
    case CURLE_SSL_CONNECT_ERROR:
        return DOCTOR_TLS_FAILS;
    default:
        return connected >= 300 ? DOCTOR_PROXY_REFUSES : DOCTOR_PROVIDER_UNREACHABLE;
    }
}

static time_t date_of(CURL *curl)
{
    struct curl_header *header;
    if (curl_easy_header(curl, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return 0;
    time_t date = curl_getdate(header->value, NULL);
    return date > 0 ? date : 0;
}

#define SET(option, value) (curl_easy_setopt(curl, CURLOPT_##option, value) == CURLE_OK)

static bool set_up(CURL *curl, const struct provider_request *request, enum place place, bool plain)
{
    return SET(PROTOCOLS_STR, plain ? "http" : "https") && SET(FOLLOWLOCATION, 0L) &&
           SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(NOSIGNAL, 1L) &&
           SET(QUICK_EXIT, 1L) && SET(CONNECTTIMEOUT_MS, (long)CONNECT_MS) &&
           SET(TIMEOUT_MS, (long)DEADLINE_MS) && SET(NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(SUPPRESS_CONNECT_HEADERS, 1L) && SET(USERAGENT, "Lanyard/" LANYARD_VERSION) &&
           (!request->body || (SET(POSTFIELDSIZE, (long)strlen(request->body)) &&
                               SET(COPYPOSTFIELDS, request->body))) &&
           (request->authorities[0] == '\0' ||
            (SET(CAINFO, request->authorities) && SET(CAPATH, (char *)NULL))) &&
           (place == PLACE_HERE         ? SET(PROXY, "")
            : request->proxy[0] == '\0' ? true
                                        : SET(PROXY, request->proxy));
}

void provider_ask(const struct provider_request *request, struct provider_answer *answer)
{
    char trouble[CURL_ERROR_SIZE] = "";
    bool plain = false;
    CLEANUP(url_release) CURLU *url = curl_url();
    CLEANUP(curl_release) CURL *curl = curl_easy_init();
    CLEANUP(list_release)
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    answer->problem = DOCTOR_CHECK_FAILED;
    if (!url || !curl || !headers ||
        curl_url_set(url, CURLUPART_URL, request->url, CURLU_PATH_AS_IS) != CURLUE_OK)
        return;
    enum place place = place_of(url, &plain);
    if (place == PLACE_FORBIDDEN || !set_up(curl, request, place, plain) || !SET(CURLU, url) ||
        (request->body && !SET(HTTPHEADER, headers)) || !SET(ERRORBUFFER, trouble) ||
        !SET(WRITEFUNCTION, take_body) || !SET(WRITEDATA, &answer->body))
        return;
    bool proxied = place == PLACE_FAR && (request->proxy[0] != '\0' || in_environment());
    CURLcode code = curl_easy_perform(curl);
    answer->problem = problem_of(curl, code, proxied, trouble);
    answer->came = time(NULL);
    answer->date = date_of(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
    bytes_append(&answer->body, "", 1);
    if (!answer->body.failed)
        answer->body.len--;
    snprintf(answer->trouble, sizeof answer->trouble, "%s",
             trouble[0] ? trouble : curl_easy_strerror(code));
}

const char *provider_library(void)
{
    return curl_version();
}
