/* SPDX-License-Identifier: MIT */
#include "agent/session/view.h"

#include <stdlib.h>

static const char *said(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static long long seconds_until(uint64_t deadline, uint64_t now)
{
    return deadline > now ? (long long)((deadline - now) / 1000) : 0;
}

static void make_roles(const struct cis_session *about, struct view *out)
{
    out->roles = calloc(about->role_count + 1, sizeof *out->roles);
    if (!out->roles)
        return;
    for (size_t i = 0; i < about->role_count; i++) {
        const struct cis_role *role = &about->roles[i];
        out->roles[i] = (struct role_view){.id = role->id,
                                           .name = role->name,
                                           .organisation = role->organisation,
                                           .code = said(role->code)};
    }
    out->it.role_count = about->role_count;
    out->it.roles = out->roles;
    if (about->role >= 0)
        out->it.role = &out->roles[about->role];
}

static bool live(const struct view_source *source)
{
    enum session_state state = source->machine->state;
    return source->about && source->provider && state >= SESSION_ACTIVE && state <= SESSION_LOCKED;
}

void view_make(const struct view_source *source, bool hidden, struct view *out)
{
    const struct session *machine = source->machine;
    *out = (struct view){.it = {.state = session_state_name(SESSION_NONE)}};
    out->it.pending_ends = source->pending_ends;
    if (hidden)
        return;
    out->it.state = session_state_name(machine->state);
    out->it.cause = said(session_cause_name(source->cause));
    if (!live(source))
        return;
    const struct cis_session *about = source->about;
    struct session_view *view = &out->it;
    view->live = true;
    view->provider = source->provider->name;
    view->sid = about->sid;
    view->uid = about->uid;
    view->name = said(about->name);
    view->acr = said(about->acr);
    for (size_t i = 0; i < about->amr_count; i++)
        out->amr[i] = about->amr[i];
    view->amr_count = about->amr_count;
    view->amr = out->amr;
    view->auth_time = about->auth_time;
    view->expires_in = seconds_until(machine->deadline.absolute, machine->now);
    view->idle_in = machine->deadline.idle == SESSION_NEVER
                        ? -1
                        : seconds_until(machine->deadline.idle, machine->now);
    view->card = machine->card != 0;
    view->reachable = source->reachable;
    make_roles(about, out);
}

void view_deinit(struct view *view)
{
    free(view->roles);
    *view = (struct view){0};
}
