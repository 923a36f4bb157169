/* SPDX-License-Identifier: MIT */
/*
 * The page on which a person sees what the agent sees (`lanyard open`, PROTOCOL.md 1.3), and who
 * may look at it: a browser that was sent there with a token, which is good once and for a minute,
 * and has got a path of its own and a cookie for it, which are good for a quarter of an hour.
 *
 * The page answers GET and nothing else, decides nothing, and has nothing to click on but itself.
 * Whatever is wrong with a request gets the pages' own refusal, so that nobody learns that there is
 * such a page. Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/door/door.h"

enum {
    STATUS_TOKEN_CHARACTERS = 43, /* base64url of 32 bytes */
    STATUS_URL_MAX = 128,
    STATUS_VISITS = 4,
    STATUS_TOKEN_MS = 60 * 1000,
    STATUS_VISIT_MS = 15 * 60 * 1000,
};

struct status_pass {
    char text[STATUS_TOKEN_CHARACTERS + 1];
    uint64_t until; /* loop_now; 0: none */
};

/* Zeroed at first. */
struct status_door {
    struct status_pass token;
    struct status_visit {
        struct status_pass path, cookie;
    } visits[STATUS_VISITS];
};

/* A new token takes the place of one that was not used. The page's URL, or false: no random
 * numbers. */
bool status_door_url(struct status_door *door, uint16_t port, char url[STATUS_URL_MAX]);

/* Whether this complete head asks for the page and may: then the answer is appended to *reply.
 * port: the one that the broker listens on. */
bool status_door_answer(struct status_door *door, const struct service *service, const char *head,
                        size_t len, uint16_t port, struct bytes *reply);
