/* SPDX-License-Identifier: MIT */
/* Candidates stay where they are in the array, because libfido2 has their addresses. */
#include "fido/keys.h"

#include "fido/plugged.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <stdio.h>
#include <string.h>

#define REDIRECTED_NAME "Security key at the other end"

/* A permission that is missing means that the key belongs to another seat: not for us. */
static int open_one(struct keys *keys, const char *path, const char *product, bool redirected)
{
    struct candidate *candidate = &keys->at[keys->count];
    *candidate = (struct candidate){0};
    int r = key_open(&candidate->key, keys->link, path, product, redirected);
    if (r == OUTCOME_OK) {
        keys->count++;
        return OUTCOME_OK;
    }
    if (r > 0 && r != OUTCOME_CANCELLED) {
        log_info("%s (%s) cannot be used: %s (%d)", path, candidate->key.product, outcome_reason(r),
                 candidate->key.code);
        keys->failure = r;
    }
    key_close(&candidate->key);
    return r == OUTCOME_CANCELLED ? r : OUTCOME_OK;
}

static int open_listed(struct keys *keys, const char *only, const struct plugged *list, size_t len)
{
    for (size_t i = 0; i < len && keys->count < FIDO_KEYS_MAX; i++) {
        if (*only && strcmp(list[i].path, only) != 0)
            continue;
        int r = open_one(keys, list[i].path, list[i].name, false);
        if (r != OUTCOME_OK)
            return r;
    }
    return OUTCOME_OK;
}

/* Those that are not there any more may come back as others. */
static void forget_aside(struct keys *keys, const struct plugged *list, size_t len)
{
    for (size_t k = 0; k < keys->aside_count;) {
        bool there = strcmp(keys->aside[k], keys->redirect) == 0;
        for (size_t i = 0; i < len; i++)
            there |= strcmp(keys->aside[k], list[i].path) == 0;
        if (there)
            k++;
        else
            memmove(keys->aside[k], keys->aside[--keys->aside_count], sizeof keys->aside[k]);
    }
}

int keys_open(struct keys *keys, const char *only)
{
    struct plugged list[FIDO_KEYS_MAX];
    size_t len = plugged_list(list);
    keys->count = 0;
    keys->failure = OUTCOME_OK;
    forget_aside(keys, list, len);
    int r = open_listed(keys, only, list, len);
    if (r == OUTCOME_OK && *keys->redirect && keys->count < FIDO_KEYS_MAX &&
        (!*only || strcmp(only, keys->redirect) == 0))
        r = open_one(keys, keys->redirect, REDIRECTED_NAME, true);
    return r;
}

static void close_one(struct candidate *candidate)
{
    key_close(&candidate->key);
    bytes_deinit(&candidate->found);
}

void keys_close_others(struct keys *keys, const struct candidate *chosen)
{
    for (size_t i = 0; i < keys->count; i++)
        if (&keys->at[i] != chosen)
            close_one(&keys->at[i]);
}

void keys_close(struct keys *keys)
{
    keys_close_others(keys, NULL);
    keys->count = 0;
}

void keys_lay_aside(struct keys *keys, const struct candidate *candidate)
{
    if (keys->aside_count < FIDO_KEYS_MAX && !keys_is_aside(keys, candidate))
        memcpy(keys->aside[keys->aside_count++], candidate->key.path, sizeof candidate->key.path);
}

bool keys_is_aside(const struct keys *keys, const struct candidate *candidate)
{
    for (size_t i = 0; i < keys->aside_count; i++)
        if (strcmp(keys->aside[i], candidate->key.path) == 0)
            return true;
    return false;
}
