/* SPDX-License-Identifier: MIT */
/*
 * A request is refused at once, before any key is asked, or it is in the list exactly as long as
 * its work lives; on_done is then the one place where it is answered and written down.
 */
#include "agent/webauthn/webauthn.h"

#include "agent/audit.h"
#include "agent/quiet.h"
#include "agent/refusals.h"
#include "agent/webauthn/attempt.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GIVEN_UP_FREE = 6 /* more than a person's own cancels: a page is reloaded, or thinks again */
};

/* A site whose pages take their own requests away. */
struct site {
    struct site *next;
    struct quiet quiet;
    char origin[ORIGIN_TEXT_MAX + 1];
};

struct webauthn {
    struct webauthns *home;
    struct webauthn *next;
    struct request *request;
    struct attempt attempt;
    struct key_work *work;
    bool given_up; /* by its caller, or by the agent; not by the person */
};

struct webauthns {
    struct key_works *works;
    const struct config *config;
    webauthn_made_fn *made;
    void *context;
    struct webauthn *first;
    struct quiet quiet;
    struct refusals refusals; /* in the audit */
    struct site *sites;       /* of those that the administrator has listed */
};

/* ---- the audit ---- */

/* done NULL: no key was asked. */
static void audit(const struct webauthn *w, int result, const struct fido_done *done)
{
    const struct webauthn_params *params = &w->attempt.params;
    char credential[AUDIT_CREDENTIAL_BYTES] = "";
    if (result == OUTCOME_OK)
        audit_name_credential(&done->credential_id, credential);
    audit_write(&(struct audit_entry){
        .event = !done            ? AUDIT_REFUSED
                 : params->create ? AUDIT_KEY_REGISTRATION
                                  : AUDIT_KEY_SIGN_IN,
        .result = result,
        .origin = params->origin,
        .provider = config_provider_name_of(w->home->config, params->origin),
        .key = done ? done->product : NULL,
        .credential = credential,
    });
}

/* ---- one request ---- */

static void webauthn_free(struct webauthn **webauthn)
{
    struct webauthn *w = *webauthn;
    if (!w)
        return;
    attempt_deinit(&w->attempt);
    free(w);
    *webauthn = NULL;
}

static void leave_list(struct webauthn *w)
{
    for (struct webauthn **at = &w->home->first; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            return;
        }
}

static bool asked_by_page(const struct webauthn *w)
{
    return request_caller(w->request)->door == DOOR_WEB;
}

/* NULL where there is no memory: then nobody has to wait. */
static struct site *site_of(const struct webauthn *w)
{
    const char *origin = w->attempt.params.origin;
    struct site *site = w->home->sites;
    while (site && strcmp(site->origin, origin) != 0)
        site = site->next;
    if (site || !(site = calloc(1, sizeof *site)))
        return site;
    snprintf(site->origin, sizeof site->origin, "%s", origin);
    site->quiet.further = GIVEN_UP_FREE;
    site->next = w->home->sites;
    w->home->sites = site;
    return site;
}

static void note_end(struct webauthn *w, int result)
{
    struct site *site = asked_by_page(w) ? site_of(w) : NULL;
    if (!asked_by_page(w))
        return;
    if (w->given_up && site)
        quiet_note_cancel(&site->quiet, loop_now());
    if (!w->given_up && outcome_of(result) == OUTCOME_CANCELLED)
        quiet_note_cancel(&w->home->quiet, loop_now());
    if (result == OUTCOME_OK)
        quiet_note_end(&w->home->quiet);
    if (result == OUTCOME_OK && site)
        quiet_note_end(&site->quiet);
}

/* Why the page has to wait. */
static int patience_of(const struct webauthn *w)
{
    const struct site *site = asked_by_page(w) ? site_of(w) : NULL;
    if (asked_by_page(w) && quiet_wanted(&w->home->quiet, loop_now()))
        return OUTCOME_CANCELLED;
    return site && quiet_wanted(&site->quiet, loop_now()) ? OUTCOME_BUSY : OUTCOME_OK;
}

static void on_waiting(void *context, enum waiting_for what, const char *key, int tries_left)
{
    struct webauthn *w = context;
    request_waiting(w->request, what, key, tries_left);
}

static void hand_over(struct webauthn *w, const struct fido_done *done, uint64_t plug)
{
    const struct webauthns *home = w->home;
    if (!w->attempt.key || !home->made)
        return;
    home->made(home->context, &(struct webauthn_made){.origin = w->attempt.params.origin,
                                                      .key = &w->attempt.key,
                                                      .rp_id = w->attempt.start.rp_id,
                                                      .credential_id = &done->credential_id,
                                                      .product = done->product,
                                                      .plug = plug});
}

static void on_done(void *context, struct fido_done *done, uint64_t key)
{
    CLEANUP(webauthn_free) struct webauthn *w = context;
    struct webauthn_result answer;
    int result = (int)done->result;
    leave_list(w);
    if (result == OUTCOME_OK)
        result = attempt_finish(&w->attempt, done, &answer);
    note_end(w, result);
    audit(w, result, done);
    if (result != OUTCOME_OK) {
        answer_error(&w->request, result);
        return;
    }
    answer_webauthn(&w->request, &answer);
    hand_over(w, done, key);
}

/* ---- from outside ---- */

struct webauthns *webauthns_new(struct key_works *works, const struct config *config,
                                webauthn_made_fn *made, void *context)
{
    struct webauthns *webauthns = calloc(1, sizeof *webauthns);
    if (!webauthns) {
        log_fault(ENOMEM, "security keys' sign-ins");
        return NULL;
    }
    *webauthns =
        (struct webauthns){.works = works, .config = config, .made = made, .context = context};
    return webauthns;
}

static void give_up(struct webauthn *w)
{
    w->given_up = true;
    key_work_cancel(w->work);
}

void webauthns_cancel_all(struct webauthns *webauthns)
{
    while (webauthns->first)
        give_up(webauthns->first);
}

void webauthns_free(struct webauthns **webauthns)
{
    struct webauthns *home = *webauthns;
    if (!home)
        return;
    webauthns_cancel_all(home);
    while (home->sites) {
        struct site *site = home->sites;
        home->sites = site->next;
        free(site);
    }
    free(home);
    *webauthns = NULL;
}

static int begin(struct webauthn *w, struct webauthn_params *params)
{
    struct webauthns *home = w->home;
    int r = attempt_begin(&w->attempt, params);
    if (r != 0)
        return r;
    r = patience_of(w);
    if (r != OUTCOME_OK)
        return r;
    const struct key_work_request wanted = {.start = &w->attempt.start,
                                            .caller = request_caller(w->request),
                                            .site = w->attempt.params.origin,
                                            .timeout_ms = w->attempt.timeout_ms};
    const struct key_work_events events = {.context = w, .waiting = on_waiting, .done = on_done};
    w->work = key_work_begin(home->works, &wanted, &events, &r);
    return w->work ? OUTCOME_OK : r;
}

void webauthns_add(struct webauthns *webauthns, struct request *request,
                   struct webauthn_params *params)
{
    CLEANUP(webauthn_free) struct webauthn *w = calloc(1, sizeof *w);
    if (!w) {
        answer_error(&request, log_fault(ENOMEM, "security key's sign-in"));
        return;
    }
    w->home = webauthns;
    w->request = request;
    int refusal = begin(w, params);
    if (refusal != OUTCOME_OK) {
        if (refusals_take(&webauthns->refusals, loop_now()))
            audit(w, refusal, NULL);
        answer_error(&w->request, refusal);
        return;
    }
    w->next = webauthns->first;
    webauthns->first = STEAL(w);
}

bool webauthns_cancel(struct webauthns *webauthns, struct request *request)
{
    struct webauthn *w = webauthns->first;
    while (w && w->request != request)
        w = w->next;
    if (w)
        give_up(w);
    return w != NULL;
}

void webauthns_config_changed(struct webauthns *webauthns)
{
    struct webauthn *w = webauthns->first;
    while (w) {
        bool listed = config_provider_of(webauthns->config, w->attempt.params.origin);
        if (!listed)
            give_up(w);
        w = listed ? w->next : webauthns->first; /* another may have ended with it */
    }
}

size_t webauthns_count(const struct webauthns *webauthns)
{
    size_t count = 0;
    for (const struct webauthn *w = webauthns->first; w; w = w->next)
        count++;
    return count;
}
