/* SPDX-License-Identifier: MIT */
/*
 * clientDataJSON, what a security key signs of the page (Web Authentication Level 3 §5.8.1): made
 * here and nowhere else, byte for byte as §5.8.1.1 has it, so that servers with the limited
 * verification algorithm of §5.8.1.2 take it, too. Any thread; nothing blocks.
 */
#pragma once

#include "agent/session/session_key.h"
#include "ipc/base/bytes.h"

#include <stdbool.h>

struct client_data {
    bool create;
    const char *challenge, *origin; /* UTF-8 */
    const struct session_key *key;  /* its public half goes in as lanyard_cnf, the last member
                                       (PROTOCOL.md 2.15); NULL: there is none */
};

/* Replaces *out. 0 or -ENOMEM (logged). */
int client_data_write(const struct client_data *data, struct bytes *out);
