/* SPDX-License-Identifier: MIT */
/* How a reader or the card in it is to misbehave, and at which command. */
#ifndef LANYARD_SANDBOX_FAULT_H
#define LANYARD_SANDBOX_FAULT_H

#include <stdbool.h>

#include "piv.h"

enum fault_action {
    FAULT_NONE,
    FAULT_REMOVE,  /* the card is pulled before it answers; happens once */
    FAULT_SWAP,    /* pulled, and another put in its place; happens once */
    FAULT_GARBAGE, /* the card does its work, and answers nonsense with status 9000 */
    FAULT_STATUS,  /* the card does nothing, and answers with `status` */
    FAULT_HANG,    /* the card does nothing, and does not answer */
};

struct fault {
    enum fault_action action;
    bool at_any;
    enum piv_command at;
    unsigned status;
    const char *other_card; /* borrowed from the words parsed; only FAULT_SWAP */
};

/* Reads the words of one of
 *     remove-at COMMAND    swap-at COMMAND CARD
 *     garbage [at COMMAND]    status SSSS [at COMMAND]    hang [at COMMAND]
 * where COMMAND is verify, sign, read, select or any. False: not one of these. */
bool fault_parse(char *const words[], int count, struct fault *fault);

bool fault_applies(const struct fault *fault, enum piv_command command);

#endif
