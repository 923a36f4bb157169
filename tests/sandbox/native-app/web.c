/* SPDX-License-Identifier: MIT */
#include "web.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_BYTES_MAX = 256 * 1024, SECONDS_MAX = 10 };

struct answer {
    size_t len;
    char text[ANSWER_BYTES_MAX];
};

static size_t receive(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t len = size * count;
    if (len > sizeof answer->text - answer->len)
        return 0;
    memcpy(answer->text + answer->len, data, len);
    answer->len += len;
    return len;
}

static json_t *perform(CURL *curl, const char *url)
{
    static struct answer answer;
    answer.len = 0;
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    CURLcode result = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    json_t *json = json_loadb(answer.text, answer.len, JSON_REJECT_DUPLICATES, NULL);
    if (result == CURLE_OK && status == 200 && json)
        return json;
    fprintf(stderr, "%s: %s, status %ld\n", url, curl_easy_strerror(result), status);
    json_decref(json);
    return NULL;
}

json_t *web_ask(const char *url, const char *form, const char *bearer)
{
    CURL *curl = curl_easy_init();
    if (!curl)
        return NULL;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)SECONDS_MAX);
    if (form)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
    if (bearer) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, bearer);
    }
    json_t *json = perform(curl, url);
    curl_easy_cleanup(curl);
    return json;
}

void web_add(char *text, size_t size, const char *name, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, 0);
    size_t len = strlen(text);
    int wanted =
        escaped ? snprintf(text + len, size - len, "%s%s=%s", len > 0 ? "&" : "", name, escaped)
                : -1;
    if (wanted < 0 || (size_t)wanted >= size - len)
        text[0] = '\0';
    curl_free(escaped);
}
