/* SPDX-License-Identifier: MIT */
/*
 * One card module in a lanyard-card of doctor's own, asked once for its cards. The vendor's code is
 * loaded there and never here. Blocks at most twenty seconds. Main thread.
 */
#pragma once

#include "ipc/card_message.h"

enum helper_end {
    HELPER_LISTED,   /* reply is filled */
    HELPER_REFUSED,  /* reply's result says why; words: what the helper said */
    HELPER_MISSING,  /* cannot be started; error */
    HELPER_CRASHED,  /* it ended without an answer; signal, or 0 */
    HELPER_HANGS,    /* no answer in time */
    HELPER_NONSENSE, /* an answer that cannot be */
};

struct helper_talk {
    enum helper_end end;
    int error, signal;
    char words[400];         /* the last line of its log; "" */
    struct card_reply reply; /* owned: card_reply_deinit */
};

/* folder: that of lanyard-card. */
void card_helper_ask(const char *folder, const char *module, struct helper_talk *talk);
