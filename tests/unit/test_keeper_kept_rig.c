/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_keeper_kept_rig.h"

#include "agent/session/end_queue.h"
#include "agent/session/seal.h"
#include "tests/unit/test_keeper_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct kept kept;

/* ---- sealed memory ---- */

static uint8_t sealed[65536];
static size_t sealed_len;

bool seal_available(const struct seal *seal)
{
    (void)seal;
    return kept.sealing;
}

struct secret *seal_read(struct seal *seal)
{
    (void)seal;
    if (sealed_len == 0)
        return NULL;
    struct secret *secret = secret_new(sealed_len);
    secret_append(secret, sealed, sealed_len);
    return secret;
}

int seal_write(struct seal *seal, const void *data, size_t len)
{
    (void)seal;
    memcpy(sealed, data, len);
    sealed_len = len;
    return 0;
}

void seal_destroy(struct seal *seal)
{
    (void)seal;
    sealed_len = 0;
}

/* ---- the queue of ends ---- */

void end_queue_release(struct end_queue *queue, const char *alive)
{
    (void)queue;
    snprintf(kept.released, sizeof kept.released, "%s", alive ? alive : "-");
}

int end_queue_arm(struct end_queue *queue, const char *provider, const char *sid,
                  const char *statement)
{
    (void)queue;
    assert_string_equal(provider, "main");
    assert_non_null(strchr(statement, '.'));
    snprintf(kept.armed, sizeof kept.armed, "%s", sid);
    return 0;
}

void end_queue_due(struct end_queue *queue, const char *sid)
{
    (void)queue;
    snprintf(kept.due, sizeof kept.due, "%s", sid);
    kept.dues++;
    rig_note("due");
}

void end_queue_disarm(struct end_queue *queue, const char *sid)
{
    (void)queue;
    snprintf(kept.disarmed, sizeof kept.disarmed, "%s", sid);
}

size_t end_queue_count(const struct end_queue *queue)
{
    (void)queue;
    return 0;
}

void end_queue_hurry(struct end_queue *queue)
{
    (void)queue;
}

/* ---- the audit trail ---- */

void audit_write(const struct audit_entry *entry)
{
    kept.audits[entry->event]++;
    snprintf(kept.key_name, sizeof kept.key_name, "%s", entry->key ? entry->key : "");
}

/* ---- life ---- */

void kept_begin(void)
{
    kept = (struct kept){0};
    sealed_len = 0;
}

void kept_through(void (*end)(void))
{
    uint8_t before[sizeof sealed];
    size_t len = sealed_len;
    memcpy(before, sealed, sizeof sealed);
    end();
    memcpy(sealed, before, sizeof sealed);
    sealed_len = len;
    kept.dues = 0;
    kept.due[0] = '\0';
}
