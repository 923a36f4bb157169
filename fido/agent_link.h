/* SPDX-License-Identifier: MIT */
/*
 * The helper's end of its socket to the agent: what is said to it, and what it says meanwhile.
 *
 * CANCEL and KEYS may come at any time, also while a key is waited for; whoever waits for a key
 * waits for this socket too and calls link_hear (fido/device.c does). The agent is trusted to send
 * whole frames; one that is malformed, or does not fit, is the end, and so is end of file: both
 * read as cancelled. One thread.
 */
#pragma once

#include "ipc/fido_message.h"

struct agent_link {
    int fd;              /* borrowed */
    struct secret *word; /* the last one that was heard */
    bool cancelled;
    bool keys_changed; /* whoever acts on it sets it back */
    bool failed;       /* the agent is gone or broken; cancelled is true then too */
    uint8_t waiting;   /* what was said last, and of which key, so that nothing is said twice */
    char key[FIDO_PATH_MAX + 1];
};

/* 0 or -ENOMEM (logged). */
int link_init(struct agent_link *link, int fd);
/* Wipes. */
void link_deinit(struct agent_link *link);

/* May block: the first message. 0; -EPIPE at end of file, -EPROTO, -errno (logged). */
int link_receive_start(struct agent_link *link, struct fido_start *start);
/* Takes what has come, without waiting. */
void link_hear(struct agent_link *link);

/* What the person has to do now; nothing is sent when it is what was said last. path and product
 * may be NULL: not settled yet. */
void link_say(struct agent_link *link, enum fido_waiting waiting, const char *path,
              const char *product);
/* Waits until keys came or went. OUTCOME_OK, OUTCOME_CANCELLED. */
int link_await_keys(struct agent_link *link);
/* Asks for a PIN, and appends it, terminated, to *pin (emptied first; capacity at least
 * FIDO_PIN_BYTES_MAX + 1). OUTCOME_OK, OUTCOME_CANCELLED. */
int link_ask_pin(struct agent_link *link, const struct fido_news *question, struct secret *pin);
/* Asks for an account. OUTCOME_OK, OUTCOME_CANCELLED. */
int link_ask_account(struct agent_link *link, const struct fido_news *question, size_t *choice);
/* 0; -EPIPE, -ENOMEM, -ENOSPC (logged). */
int link_send_done(struct agent_link *link, const struct fido_done *done);
