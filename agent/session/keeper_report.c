/* SPDX-License-Identifier: MIT */
/*
 * What is said of the session: to callers that ask and pages that follow it, and in the audit. Only
 * pages of its own provider learn whose it is.
 */
#include "agent/session/keeper_inside.h"

#include "agent/session/view.h"
#include "ipc/base/cleanup.h"

static struct view_source source_of(const struct keeper *k)
{
    return (struct view_source){.machine = &k->machine,
                                .cause = k->cause,
                                .provider = k->provider,
                                .about = k->about,
                                .reachable = k->reachable,
                                .pending_ends = end_queue_count(k->setup.ends)};
}

bool keeper_none_of_its_business(const struct keeper *k, const struct request *request)
{
    const struct caller *caller = request_caller(request);
    const struct config_provider *whose = k->provider ? k->provider : k->last_provider;
    return caller->door == DOOR_WEB && whose &&
           config_provider_of(k->setup.config, caller->origin) != whose;
}

void keeper_answer_status(struct keeper *k, struct request **request)
{
    struct view_source source = source_of(k);
    CLEANUP(view_deinit) struct view view;
    view_make(&source, keeper_none_of_its_business(k, *request), &view);
    answer_session(request, &view.it);
}

void keeper_view(struct keeper *k, void (*fn)(void *context, const struct session_view *view),
                 void *context)
{
    keeper_put_type(k, SESSION_TIMER); /* what it says of time is true now */
    struct view_source source = source_of(k);
    CLEANUP(view_deinit) struct view view;
    view_make(&source, false, &view);
    fn(context, &view.it);
}

void keeper_give_session(struct keeper *k, struct ask **ask)
{
    struct view_source source = source_of(k);
    CLEANUP(view_deinit) struct view view;
    view_make(&source, false, &view);
    ask_give_session(ask, &view.it);
}

void keeper_notify(struct keeper *k)
{
    static const char *const nobody[] = {NULL};
    struct view_source source = source_of(k);
    CLEANUP(view_deinit) struct view view;
    view_make(&source, false, &view);
    k->setup.changed(k->setup.context, &view.it, k->provider ? k->provider->origins.at : nobody);
}

void keeper_ends_changed(struct keeper *k)
{
    keeper_notify(k);
}

/* ---- the audit ---- */

void keeper_audit(const struct keeper *k, enum audit_event event, int result, const char *origin)
{
    const struct cis_session *about = k->about;
    const struct cis_role *role = about && about->role >= 0 ? &about->roles[about->role] : NULL;
    audit_write(&(struct audit_entry){
        .event = event,
        .result = result,
        .uid = about ? about->uid : k->uid,
        .origin = origin,
        .provider = k->provider ? k->provider->name : NULL,
        .session = about ? about->sid : NULL,
        .role = role ? role->id : NULL,
        .organisation = role ? role->organisation : NULL,
        .key = k->key_name,
        .cause = session_cause_name(k->cause),
    });
}

bool keeper_audits_refusal(struct keeper *k)
{
    return refusals_take(&k->refusals, keeper_now());
}
