/* SPDX-License-Identifier: MIT */
/*
 * Between the session and the desktop: what a screen's lock, a sleep or another user's turn is to
 * the machine, the lock that the machine wants, and what the person is told there because no page
 * of anybody's would say it.
 */
#include "agent/session/keeper_inside.h"

#include "ipc/base/outcome.h"

enum { AFTER_SLEEP_MS = 5000 }; /* for the network to come back */

void keeper_desktop(struct keeper *k, enum desktop_event event)
{
    static const enum session_event_type types[] = {
        [DESKTOP_LOCKED] = SESSION_DESKTOP_LOCKED,
        [DESKTOP_UNLOCKED] = SESSION_DESKTOP_UNLOCKED,
        [DESKTOP_SLEEP] = SESSION_SLEEP,
        [DESKTOP_RESUMED] = SESSION_RESUMED,
        [DESKTOP_SWITCHED_AWAY] = SESSION_SWITCHED_AWAY,
        [DESKTOP_SWITCHED_BACK] = SESSION_SWITCHED_BACK,
        [DESKTOP_LOGGED_OUT] = SESSION_SIGN_OUT, /* the next person may have this account, too */
    };
    k->asleep = event == DESKTOP_SLEEP || (k->asleep && event != DESKTOP_RESUMED);
    keeper_put_type(k, types[event]);
    if (event == DESKTOP_RESUMED) {
        end_queue_hurry(k->setup.ends);
        upkeep_soon(k, AFTER_SLEEP_MS);
    }
}

static void on_desktop_locked(void *context, const struct desktop_lock_result *result)
{
    struct keeper *k = context;
    if (result->failed)
        audit_write(
            &(struct audit_entry){.event = AUDIT_LOCK_FAILED,
                                  .result = result->locked ? OUTCOME_OK : OUTCOME_SCREEN_OPEN,
                                  .locker = result->failed});
    if (!result->locked)
        desktop_tell(k->setup.desktop, NOTICE_ALARM, outcome_sentence(OUTCOME_SCREEN_OPEN),
                     outcome_advice(OUTCOME_SCREEN_OPEN));
}

void keeper_lock_desktop(struct keeper *k)
{
    desktop_lock(k->setup.desktop, on_desktop_locked, k);
}

void keeper_tell_person(struct keeper *k, int result)
{
    int outcome = outcome_of(result);
    if (outcome != OUTCOME_CANCELLED && outcome != OUTCOME_TIMED_OUT &&
        outcome != OUTCOME_CARD_REMOVED && outcome != OUTCOME_NO_CARD &&
        outcome != OUTCOME_KEY_REMOVED && outcome != OUTCOME_NO_KEY)
        desktop_tell(k->setup.desktop, outcome / 100 == 16 ? NOTICE_SERVER : NOTICE_SIGN_IN,
                     outcome_sentence(outcome), outcome_advice(outcome));
}
