/* SPDX-License-Identifier: MIT */
/* Only what is new is told: an agent that takes a session up again has nothing to say, and nobody
 * is told of what they have just done themselves but for the sign-in, which may have been
 * another's. */
#include "agent/session_notices.h"

#include <stdio.h>
#include <string.h>

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

static void tell_signed_in(struct desktop *desktop, const struct session_view *view)
{
    char body[256];
    snprintf(body, sizeof body, "At %.64s. Take your card or key with you when you leave.",
             view->provider);
    desktop_tell(desktop, NOTICE_SIGN_IN, "You are signed in.", body);
}

/* Why it is over, where the person has not ended it. */
static void tell_ended(struct desktop *desktop, const char *cause)
{
    static const struct {
        const char *cause;
        enum notice_kind kind;
        const char *body;
    } ends[] = {
        {"card-removed", NOTICE_LOCK, "Your card or key was taken out."},
        {"other-card", NOTICE_LOCK, "Another card was put in."},
        {"idle", NOTICE_LOCK, "Nothing was done for a while."},
        {"limit", NOTICE_LOCK, "The session has lasted as long as it may."},
        {"server-ended", NOTICE_SERVER, "The sign-in service has ended the session."},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (is(cause, ends[i].cause))
            desktop_tell(desktop, ends[i].kind, "You are signed out.", ends[i].body);
}

static void tell_reachable(struct desktop *desktop, bool unreachable)
{
    if (unreachable)
        desktop_tell(desktop, NOTICE_SERVER, "The sign-in service cannot be reached.",
                     "You stay signed in on this computer. Applications may ask you to wait.");
    else
        desktop_tell(desktop, NOTICE_SERVER, "The sign-in service can be reached again.", "");
}

void session_notices_tell(struct session_notices *notices, struct desktop *desktop,
                          const struct session_view *view)
{
    struct session_notices before = *notices;
    notices->live = view->live;
    notices->locked = is(view->state, "locked");
    notices->unreachable = view->live && !view->reachable;
    if (!desktop)
        return;
    if (notices->live && !before.live && is(view->cause, "signed-in"))
        tell_signed_in(desktop, view);
    if (notices->locked && !before.locked)
        desktop_tell(desktop, NOTICE_LOCK, "Your session is locked.",
                     "Your card or key, and its PIN, open it again.");
    if (before.live && !notices->live)
        tell_ended(desktop, view->cause);
    if (before.live && notices->live && notices->unreachable != before.unreachable)
        tell_reachable(desktop, notices->unreachable);
}
