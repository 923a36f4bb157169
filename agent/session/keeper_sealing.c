/* SPDX-License-Identifier: MIT */
/*
 * The session in sealed memory, where it outlives this process, and what an earlier process has
 * left there. Whoever takes a session up trusts nothing that nobody has watched meanwhile: the card
 * is looked for, and the server asked.
 */
#include "agent/session/keeper_inside.h"

#include "agent/session/sealed_session.h"
#include "ipc/base/cleanup.h"

#include <stdio.h>

enum { SEALED_BYTES_MAX = 32 * 1024 };

void keeper_seal(struct keeper *k)
{
    if (!seal_available(k->setup.seal))
        return;
    if (k->machine.state == SESSION_NONE || !k->about) {
        seal_destroy(k->setup.seal);
        return;
    }
    struct sealed_session sealed = {.key = k->key, .statement = k->statement, .about = k->about};
    session_seal(&k->machine, &sealed.machine);
    snprintf(sealed.provider, sizeof sealed.provider, "%s", k->provider->name);
    sealed.place = seats_place(k->seats, k->machine.card);
    sealed.holder = k->holder; /* borrowed */
    CLEANUP(secret_free) struct secret *bytes = secret_new(SEALED_BYTES_MAX);
    if (!bytes || sealed_session_write(&sealed, bytes) < 0 ||
        seal_write(k->setup.seal, secret_peek(bytes), secret_len(bytes)) < 0)
        seal_destroy(k->setup.seal);
}

void keeper_restore(struct keeper *k)
{
    CLEANUP(secret_free) struct secret *bytes = seal_read(k->setup.seal);
    CLEANUP(sealed_session_deinit) struct sealed_session sealed = {0};
    bool found = bytes && sealed_session_read(secret_peek(bytes), secret_len(bytes), &sealed) == 0;
    const struct config_provider *provider =
        found ? config_provider_named(k->setup.config, sealed.provider) : NULL;
    if (!provider) {
        end_queue_release(k->setup.ends, NULL);
        seal_destroy(k->setup.seal);
        return;
    }
    k->provider = provider;
    k->key = STEAL(sealed.key);
    k->statement = sealed.statement;
    sealed.statement = (struct bytes){0};
    k->restored = sealed.place;
    k->holder = sealed.holder;
    sealed.holder = (struct key_holder){0};
    if (key_holder_is(&k->holder))
        key_seat_hold(k->key_seat, &k->holder, 0);
    keeper_take_about(k, &sealed.about);
    /* Nobody was there to see whether the screen was locked meanwhile. */
    if (k->machine.policy.mode == SESSION_ENHANCED_NORMAL)
        sealed.machine.locked = true;
    end_queue_release(k->setup.ends, k->about->sid);
    keeper_put(k, &(struct session_event){.type = SESSION_RESTORED, .sealed = &sealed.machine},
               NULL);
    upkeep_soon(k, 0);
}
