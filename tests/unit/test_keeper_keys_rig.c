/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_keeper_keys_rig.h"

#include "ipc/auth_data.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_keeper_rig.h"
#include "tests/unit/test_key_pair_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

struct security_keys security_keys;

static struct {
    bool in;
    struct key_found found;
} desk_keys[KEYS];
static uint64_t last_key_id;

static struct key_work {
    struct key_work_events events;
    char path[FIDO_PATH_MAX + 1];
    uint8_t credential;
} work, probe;

static void say_changed(void)
{
    if (rig.keeper)
        keeper_keys_changed(rig.keeper);
}

void key_in(int key)
{
    struct key_found *found = &desk_keys[key].found;
    *found = (struct key_found){.id = ++last_key_id};
    snprintf(found->path, sizeof found->path, "/dev/hidraw%d", key);
    snprintf(found->name, sizeof found->name, "Key %c", 'A' + key - KEY_A);
    desk_keys[key].in = true;
    say_changed();
}

/* The keeper first, then the works: as the agent does. */
void key_out(int key)
{
    desk_keys[key].in = false;
    say_changed();
}

size_t key_watch_count(const struct key_watch *watch)
{
    (void)watch;
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++)
        count += desk_keys[i].in ? 1 : 0;
    return count;
}

const struct key_found *key_watch_at(const struct key_watch *watch, size_t i)
{
    (void)watch;
    for (size_t key = 0; key < KEYS; key++)
        if (desk_keys[key].in && i-- == 0)
            return &desk_keys[key].found;
    return NULL;
}

const struct key_found *key_watch_find(const struct key_watch *watch, uint64_t id)
{
    (void)watch;
    for (size_t key = 0; key < KEYS; key++)
        if (desk_keys[key].in && desk_keys[key].found.id == id)
            return &desk_keys[key].found;
    return NULL;
}

/* ---- what they are asked ---- */

static uint8_t asked_hash[32], last_hash[32]; /* of the probe under way, and of the one before */

static void begin_probe(const struct fido_start *start)
{
    memcpy(last_hash, asked_hash, sizeof last_hash);
    memcpy(asked_hash, start->client_data_hash, sizeof asked_hash);
    assert_memory_not_equal(asked_hash, last_hash, sizeof asked_hash);
    probe.credential = start->list[0].data[0];

    assert_false(security_keys.probing);
    assert_int_equal(start->list_count, 1);
    assert_string_equal(start->rp_id, RP_ID);
    assert_int_equal(start->list[0].len, 1);
    security_keys.probing = true;
    security_keys.probes++;
    snprintf(probe.path, sizeof probe.path, "%s", start->key);
}

static void begin_work(const struct fido_start *start)
{
    assert_false(security_keys.working);
    assert_int_equal(start->operation, FIDO_GET);
    assert_int_equal(start->verification, FIDO_UV_REQUIRED);
    assert_string_equal(start->rp_id, RP_ID);
    assert_string_equal(start->key, "");
    security_keys.working = true;
    security_keys.works++;
    security_keys.wanted = start->list_count > 0 ? start->list[0].data[0] : 0;
}

struct key_work *key_work_begin(struct key_works *works, const struct key_work_request *request,
                                const struct key_work_events *events, int *refusal)
{
    assert_non_null(works);
    if (security_keys.busy) {
        *refusal = OUTCOME_BUSY;
        return NULL;
    }
    bool is_probe = request->start->operation == FIDO_PROBE;
    struct key_work *it = is_probe ? &probe : &work;
    if (is_probe)
        begin_probe(request->start);
    else
        begin_work(request->start);
    it->events = *events;
    return it;
}

void key_work_free(struct key_work **it)
{
    if (*it == &probe)
        security_keys.probing = false;
    if (*it == &work)
        security_keys.working = false;
    *it = NULL;
}

void key_says(enum waiting_for what)
{
    assert_true(security_keys.working);
    work.events.waiting(work.events.context, what, "Key A", -1);
}

static void end_work(struct fido_done *done, int key)
{
    assert_true(security_keys.working);
    security_keys.working = false;
    work.events.done(work.events.context, done, desk_keys[key].in ? desk_keys[key].found.id : 0);
    fido_done_deinit(done);
}

void key_signs_so(int key, uint8_t credential, const char *rp_id, uint8_t flags)
{
    struct fido_done done = {.result = OUTCOME_OK};
    uint8_t auth_data[AUTH_DATA_AAGUID_OFFSET] = {[AUTH_DATA_HASH_BYTES] = flags};
    assert_non_null(SHA256((const uint8_t *)rp_id, strlen(rp_id), auth_data));
    assert_int_equal(bytes_set(&done.credential_id, &credential, 1), 0);
    assert_int_equal(bytes_set(&done.auth_data, auth_data, sizeof auth_data), 0);
    assert_int_equal(bytes_set(&done.signature, "sig", 3), 0);
    end_work(&done, key);
}

void key_signs(int key, uint8_t credential)
{
    key_signs_so(key, credential, RP_ID, AUTH_DATA_PRESENT | AUTH_DATA_VERIFIED);
}

void key_gives_up(int outcome)
{
    struct fido_done done = {.result = (uint32_t)outcome};
    end_work(&done, 0);
}

int probed_key(void)
{
    assert_true(security_keys.probing);
    return probe.path[strlen(probe.path) - 1] - '0';
}

static void end_probe(struct fido_done *done)
{
    int key = probed_key();
    security_keys.probing = false;
    probe.events.done(probe.events.context, done, desk_keys[key].found.id);
    fido_done_deinit(done);
}

void probe_says(int outcome)
{
    struct fido_done done = {.result = (uint32_t)outcome};
    if (outcome == OUTCOME_OK) {
        assert_int_equal(bytes_set(&done.credential_id, &probe.credential, 1), 0);
        sign_proof(HER_KEY, RP_ID, asked_hash, &done);
    }
    end_probe(&done);
}

void probe_lies(enum probe_lie lie)
{
    struct fido_done done = {.result = OUTCOME_OK};
    uint8_t credential = lie == LIE_CREDENTIAL ? probe.credential + 1 : probe.credential;
    assert_int_equal(bytes_set(&done.credential_id, &credential, 1), 0);
    sign_proof(lie == LIE_ANOTHERS_KEY ? ANOTHERS_KEY : HER_KEY,
               lie == LIE_SITE ? "elsewhere.example" : RP_ID,
               lie == LIE_OLD ? last_hash : asked_hash, &done);
    if (lie == LIE_GARBAGE)
        done.signature.data[done.signature.len - 1] ^= 1;
    if (lie == LIE_NOTHING)
        bytes_reset(&done.signature);
    if (lie == LIE_CUT)
        done.auth_data.len--;
    end_probe(&done);
}

void key_hands_over(const char *origin, int key, uint8_t credential)
{
    struct session_key *session_key = session_key_new();
    struct bytes id = {.data = &credential, .len = 1};
    keeper_assertion(rig.keeper, origin, &session_key, "op.example", &id, desk_keys[key].found.id);
    assert_null(session_key);
}

void keys_begin(void)
{
    security_keys = (struct security_keys){0};
    memset(desk_keys, 0, sizeof desk_keys);
    key_pairs_begin();
}

void keys_end(void)
{
    key_pairs_end();
    assert_false(security_keys.working || security_keys.probing);
}
