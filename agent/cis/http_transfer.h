/* SPDX-License-Identifier: MIT */
/*
 * One request as libcurl carries it out, and its answer as http.h has it: every option that is set,
 * every limit, every header that is read. One thread at a time; nothing blocks. Private to
 * agent/cis/http.
 */
#pragma once

#include "agent/cis/http.h"

#include <curl/curl.h>

/* Owned; initialise with zero. libcurl borrows the struct: it does not move. */
struct http_transfer {
    CURL *easy;
    CURLU *url;
    struct curl_slist *headers;
    struct bytes body;
    bool plain; /* http, to this computer */
    size_t header_bytes, header_lines;
    char trouble[CURL_ERROR_SIZE];
    struct http_answer answer;
};

/* owner: what CURLINFO_PRIVATE tells. 0, -EPERM (the URL is neither https nor of this computer), or
 * a fault (logged). */
int http_transfer_init(struct http_transfer *transfer, const struct http_request *request,
                       void *owner);
/* Outside of libcurl's multi handle. Takes zeros and those whose init failed. */
void http_transfer_deinit(struct http_transfer *transfer);

/* The transfer is over: reads its answer. */
void http_transfer_finish(struct http_transfer *transfer, CURLcode code);

/* What a result of libcurl means; trouble: what it wrote to CURLOPT_ERRORBUFFER. */
enum http_end http_end_of(CURLcode code, const char *trouble);
