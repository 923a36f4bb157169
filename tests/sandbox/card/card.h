/* SPDX-License-Identifier: MIT */
/* A virtual card: a folder that tests/sandbox/pki made, loaded into a PIV core. */
#ifndef LANYARD_SANDBOX_CARD_H
#define LANYARD_SANDBOX_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "piv.h"

#define CARD_NAME_MAX 32

extern const uint8_t card_atr[];
extern const size_t card_atr_size;

struct card {
    char name[CARD_NAME_MAX];
    bool in_reader;
    struct piv *piv;
};

/* Loads FOLDER/NAME: card.conf (pin, puk, guid) and, for each slot 9a 9c 9d 9e that is there,
 * SLOT.key.pem and SLOT.cert.pem. NULL when there is no such card or it is broken; *why then says
 * so (static text). Owned by the caller. */
struct card *card_load(const char *folder, const char *name, const char **why);

void card_free(struct card *card);

/* Lower-case letters, digits and hyphens: never a path. */
bool card_name_valid(const char *name);

#endif
