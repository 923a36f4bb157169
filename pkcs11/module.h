/* SPDX-License-Identifier: MIT */
/*
 * The PKCS#11 module: loaded once, initialised once, for the life of the helper.
 *
 * Every call into it is written MODULE_CALL(module, C_Function, arguments...): a function that the
 * module lacks then answers like one that failed, and a failure is logged with its name and
 * remembered in module->code for the reply. Main thread only; every call may block for as long as
 * the module likes: the agent, not the helper, holds the watch.
 */
#pragma once

#include "ipc/card_message.h"
#include "pkcs11/insertion.h"

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

/* A card that the agent was told of; its consent is for this one. */
struct listed_card {
    CK_SLOT_ID slot;
    struct insertion insertion;
};

struct module {
    void *library;
    CK_FUNCTION_LIST *functions;
    int state;         /* OUTCOME_OK, CARD_MODULE_MISSING (not loadable) or CARD_MODULE_FAILED */
    bool puk_sets_pin; /* the PUK goes to C_SetPIN, without a login (change_pin.h) */
    CK_RV code;        /* of the last call that failed since this was last set to CKR_OK */
    struct listed_card listed[CARD_TOKENS_MAX]; /* by the last LIST, in no order */
    uint8_t listed_count;
    struct insertions held; /* the cards that the module may have in mind */
};

/* Loads the module at this absolute path and initialises it. What went wrong is logged and stands
 * in m->state, with which every request is answered from then on. */
void module_load(struct module *m, const char *path);

/* Finalises and unloads; takes one that was never loaded. */
void module_unload(struct module *m);

/* The outcome of a call: 0, or rv_outcome(rv) with the code remembered and logged. */
int module_result(struct module *m, CK_RV rv, const char *call);

#define MODULE_CALL(m, name, ...)                                                                  \
    module_result((m),                                                                             \
                  (m)->functions->name ? (m)->functions->name(__VA_ARGS__)                         \
                                       : CKR_FUNCTION_NOT_SUPPORTED,                               \
                  #name)
