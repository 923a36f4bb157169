/* SPDX-License-Identifier: MIT */
/*
 * What the configuration says of the session, and what follows for the one that lives when it
 * becomes another.
 */
#include "agent/session/keeper_inside.h"

#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>

bool keeper_has_endpoint(const struct config_provider *provider)
{
    return provider && provider->session_endpoint && provider->session_endpoint[0] != '\0';
}

struct rate *keeper_new_rate(const struct keeper *k)
{
    static const char *const nobody[] = {NULL};
    const struct config *config = k->setup.config;
    return rate_new(config->origins.at ? config->origins.at : nobody);
}

struct session_policy keeper_policy(const struct keeper *k)
{
    const struct config *config = k->setup.config;
    return (struct session_policy){
        .mode = session_mode_first(config->session_modes),
        .grace = (uint64_t)config->session_grace * 1000,
        .absolute = (uint64_t)config->session_limit * 1000,
        .idle = (uint64_t)config->session_idle * 1000,
        .reauthenticate = (uint64_t)config->session_reauthenticate * 1000,
        .lock_desktop = config->desktop_lock,
        .sealing = seal_available(k->setup.seal),
    };
}

void keeper_take_policy(struct keeper *k)
{
    if (!k->policy_changed || k->machine.state != SESSION_NONE)
        return;
    k->policy_changed = false;
    struct session_policy policy = keeper_policy(k);
    session_set_policy(&k->machine, &policy);
}

/* ---- another one ---- */

static bool may_ask(const struct keeper *k, const struct ask *ask)
{
    return ask->kind == ASK_INSERTION
               ? config_provider_listed(k->setup.config, ask->provider)
               : config_provider_of(k->setup.config, ask_origin(ask)) == ask->provider;
}

/* Those who wait for what they may not ask for any more learn it now; the rest wait on. */
static void turn_away(struct keeper *k)
{
    struct asks waiting = k->held;
    k->held = (struct asks){0};
    struct ask *ask;
    while ((ask = asks_take_first(&waiting)))
        if (may_ask(k, ask))
            asks_add(&k->held, ask);
        else
            ask_fail(&ask, OUTCOME_NOT_ALLOWED);
}

void keeper_config_changed(struct keeper *k)
{
    rate_free(&k->rate);
    k->rate = keeper_new_rate(k); /* without memory nobody gets a proof */
    if (!k->rate)
        log_fault(ENOMEM, "proofs");
    k->policy_changed = true;
    bool stays = !k->provider || (config_provider_listed(k->setup.config, k->provider) &&
                                  keeper_has_endpoint(k->provider));
    if (!stays) {
        log_warning("provider %s, or its endpoint, is no longer in the configuration: its session "
                    "ends",
                    k->provider->name);
        keeper_put_type(k, SESSION_SIGN_OUT);
    }
    turn_away(k);
    keeper_take_policy(k);
}
