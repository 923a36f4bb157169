/* SPDX-License-Identifier: MIT */
/*
 * One probe is out at a time. A key that has said no, or something that is not so, is not asked
 * again before it is plugged in anew or somebody wants all to be looked at; one that has left, in
 * the middle of its probe too, has said nothing.
 */
#include "agent/session/key_seat.h"

#include "agent/webauthn/auth_check.h"
#include "agent/webauthn/public_key.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* Cards' seats count up from 1 (seats.c). */
#define KEY_SEAT (UINT64_C(1) << 63)

enum { PROBE_MS = 8000 }; /* within SESSION_CHECK_MAX_MS; no key takes so long for nobody's touch */

struct key_seat {
    const struct key_watch *watch;
    struct key_works *works;
    key_seat_fn *fn;
    void *context;
    struct key_holder holder;
    struct bytes public_key; /* COSE; empty: nobody has told it */
    uint64_t in;             /* the plugging in; 0: it is not in */
    bool unsure;             /* it was out of sight */
    struct fido_start start;
    struct key_work *probe;
    uint64_t probed; /* which is asked */
    size_t no_count;
    uint64_t no[FIDO_KEYS_MAX];
};

struct key_seat *key_seat_new(const struct key_watch *watch, struct key_works *works,
                              key_seat_fn *fn, void *context)
{
    struct key_seat *seat = calloc(1, sizeof *seat);
    if (seat)
        *seat = (struct key_seat){.watch = watch, .works = works, .fn = fn, .context = context};
    else
        log_fault(ENOMEM, "security keys");
    return seat;
}

static void forget(struct key_seat *seat)
{
    key_work_free(&seat->probe);
    fido_start_deinit(&seat->start);
    key_holder_deinit(&seat->holder);
    bytes_deinit(&seat->public_key);
    seat->in = 0;
    seat->unsure = false;
    seat->no_count = 0;
}

void key_seat_free(struct key_seat **seat)
{
    if (!*seat)
        return;
    forget(*seat);
    free(*seat);
    *seat = NULL;
}

static bool plugged_in(const struct key_seat *seat, uint64_t key)
{
    return key != 0 && key_watch_find(seat->watch, key);
}

uint64_t key_seat_key(const struct key_seat *seat)
{
    return seat->in;
}

/* ---- probes ---- */

static bool has_said_no(const struct key_seat *seat, uint64_t key)
{
    for (size_t i = 0; i < seat->no_count; i++)
        if (seat->no[i] == key)
            return true;
    return false;
}

static void forget_those_that_left(struct key_seat *seat)
{
    size_t kept = 0;
    for (size_t i = 0; i < seat->no_count; i++)
        if (plugged_in(seat, seat->no[i]))
            seat->no[kept++] = seat->no[i];
    seat->no_count = kept;
}

/* What a key has signed without anybody's touch, so no flag is asked for. */
static bool is_its_own(const struct key_seat *seat, const struct fido_done *done)
{
    CLEANUP(bytes_deinit) struct bytes message = {0};
    struct auth_data data;
    bytes_append(&message, done->auth_data.data, done->auth_data.len);
    bytes_append(&message, seat->start.client_data_hash, sizeof seat->start.client_data_hash);
    return !message.failed && bytes_equal(&done->credential_id, &seat->holder.credential) &&
           auth_data_parse(done->auth_data.data, done->auth_data.len, &data) == 0 &&
           auth_data_is_of(&data, seat->holder.rp_id) &&
           public_key_has_signed(seat->public_key.data, seat->public_key.len, &message,
                                 &done->signature);
}

static void probe_next(struct key_seat *seat);

static void on_probed(void *context, struct fido_done *done, uint64_t key)
{
    (void)key; /* whether it is still in is asked of the watch, which knows */
    struct key_seat *seat = context;
    seat->probe = NULL;
    uint64_t probed = seat->probed;
    bool claims = plugged_in(seat, probed) && done->result == OUTCOME_OK;
    if (claims && is_its_own(seat, done)) {
        seat->in = probed;
        seat->unsure = false;
        seat->fn(seat->context, SESSION_CARD_IN, KEY_SEAT | probed);
        return;
    }
    if (claims)
        log_warning("a security key says that it is the session's, and has not shown it");
    if (plugged_in(seat, probed) && seat->no_count < FIDO_KEYS_MAX)
        seat->no[seat->no_count++] = probed;
    if (seat->in == probed)
        seat->in = 0; /* whatever it is, it is not the one that has signed */
    probe_next(seat);
}

/* False on fault (logged). */
static bool make_start(struct key_seat *seat, const struct key_found *found)
{
    fido_start_deinit(&seat->start);
    seat->start = (struct fido_start){.operation = FIDO_PROBE, .list_count = 1};
    memcpy(seat->start.key, found->path, sizeof seat->start.key);
    memcpy(seat->start.rp_id, seat->holder.rp_id, sizeof seat->start.rp_id);
    if (RAND_bytes(seat->start.client_data_hash, sizeof seat->start.client_data_hash) != 1) {
        ERR_clear_error();
        log_fault(EIO, "random numbers");
        return false;
    }
    return bytes_set(&seat->start.list[0], seat->holder.credential.data,
                     seat->holder.credential.len) == 0;
}

static void probe(struct key_seat *seat, const struct key_found *found)
{
    const struct key_work_request request = {.start = &seat->start, .timeout_ms = PROBE_MS};
    const struct key_work_events events = {.context = seat, .done = on_probed};
    int refusal = -ENOMEM;
    seat->probed = found->id;
    if (make_start(seat, found))
        seat->probe = key_work_begin(seat->works, &request, &events, &refusal);
    if (!seat->probe)
        log_warning("a security key was not looked at: %s", outcome_reason(outcome_of(refusal)));
}

static void probe_next(struct key_seat *seat)
{
    if (seat->public_key.len == 0 || seat->probe || (seat->in != 0 && !seat->unsure))
        return;
    for (size_t i = 0; i < key_watch_count(seat->watch); i++) {
        const struct key_found *found = key_watch_at(seat->watch, i);
        if (has_said_no(seat, found->id))
            continue;
        probe(seat, found);
        return;
    }
}

/* ---- what happens ---- */

uint64_t key_seat_hold(struct key_seat *seat, const struct key_holder *holder, uint64_t key)
{
    forget(seat);
    if (!holder || key_holder_set(&seat->holder, holder->rp_id, &holder->credential) < 0)
        return 0;
    if (!plugged_in(seat, key))
        return 0;
    seat->in = key;
    return KEY_SEAT | key;
}

void key_seat_trust(struct key_seat *seat, const uint8_t *cose, size_t len)
{
    if (key_holder_is(&seat->holder) && bytes_set(&seat->public_key, cose, len) < 0) {
        log_fault(ENOMEM, "a security key's public key");
        bytes_deinit(&seat->public_key);
    }
}

void key_seat_look(struct key_seat *seat)
{
    forget_those_that_left(seat);
    if (seat->in != 0 && !plugged_in(seat, seat->in)) {
        uint64_t left = seat->in;
        seat->in = 0;
        seat->fn(seat->context, seat->unsure ? SESSION_READER_GONE : SESSION_CARD_OUT,
                 KEY_SEAT | left);
    }
    probe_next(seat);
}

bool key_seat_verify(struct key_seat *seat)
{
    key_work_free(&seat->probe);
    seat->unsure = true;
    seat->no_count = 0;
    probe_next(seat);
    return seat->public_key.len > 0;
}
