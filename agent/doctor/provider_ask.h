/* SPDX-License-Identifier: MIT */
/*
 * One HTTP request of doctor's, by libcurl, under the same rules as the agent's own
 * (agent/cis/http.h): https, or http to this computer; no redirects; every request has a deadline.
 * Blocks at most that long. Main thread.
 */
#pragma once

#include "agent/doctor/code.h"
#include "ipc/base/bytes.h"

#include <stdbool.h>
#include <time.h>

struct provider_request {
    const char *url;
    const char *body;        /* NULL: GET, else POST of this JSON */
    const char *authorities; /* path of a PEM file; "": the system's */
    const char *proxy;       /* "": what the environment says */
};

struct provider_answer {
    enum doctor_code problem; /* 0: there is an answer */
    char trouble[300];        /* in libcurl's words */
    long status;
    time_t date, came; /* the server's clock (0: not said), and ours when it came */
    struct bytes body; /* NUL-terminated behind its length */
};

/* *answer is zero; owned: bytes_deinit its body. */
void provider_ask(const struct provider_request *request, struct provider_answer *answer);

/* The library's version. Static. */
const char *provider_library(void);
