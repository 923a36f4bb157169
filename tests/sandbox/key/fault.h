/* SPDX-License-Identifier: MIT */
/* The trouble a test can order of a key, and when it comes. */
#ifndef LANYARD_SANDBOX_KEY_FAULT_H
#define LANYARD_SANDBOX_KEY_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cbor.h"

enum fault_action {
    FAULT_NONE,
    /* instead of an answer */
    FAULT_STALL,      /* nothing, ever */
    FAULT_FLOOD,      /* keep-alives without end */
    FAULT_BUSY,       /* CTAPHID error: channel busy */
    FAULT_NOISE,      /* reports of random bytes, on its channel */
    FAULT_DISCONNECT, /* it is pulled out; once */
    /* an answer, but */
    FAULT_TRUNCATED,     /* half of it, its length told rightly */
    FAULT_GARBAGE,       /* random bytes of that number, status OK */
    FAULT_NON_CANONICAL, /* its map's head is longer than it need be */
    FAULT_CBOR_LENGTH,   /* its first byte string says that it goes on beyond the end */
    FAULT_EMPTY,         /* of no bytes */
    FAULT_STATUS,        /* that status alone */
    FAULT_WRONG_CHANNEL, /* on a channel of nobody's */
    FAULT_OTHERS,        /* after answers to others who have the key open */
    FAULT_SEQUENCE,      /* its reports numbered wrongly */
    FAULT_LONG,          /* its length says more than comes */
    FAULT_HUGE,          /* its length is the greatest that can be said */
    /* a lie of the core */
    FAULT_SIGNATURE,
    FAULT_CREDENTIAL,
    FAULT_COUNTER,
};

struct fault {
    enum fault_action action;
    uint8_t status;  /* FAULT_STATUS */
    unsigned number; /* at which message since it was plugged in, from 1; 0: see at */
    const char *at;  /* a word of fault.c's table, or NULL: any */
};

/* WORD... of `fault KEY WORD...`: an action, for `status` two digits, then nothing, "at COMMAND" or
 * "at NUMBER". */
bool fault_parse(char *const words[], int count, struct fault *fault);

/* Whether it is the turn of this message, the `number`th: a CTAPHID command and what it carries. */
bool fault_applies(const struct fault *fault, unsigned number, uint8_t hid_command,
                   const uint8_t *message, size_t size);

/* Spoils a complete answer, where that is what the fault does. */
void fault_spoil(const struct fault *fault, struct cbor_writer *answer);

#endif
