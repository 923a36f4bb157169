/* SPDX-License-Identifier: MIT */
/*
 * Everything about people and cards is the ceremony's. What is left is the request's life: it is
 * refused at once or gets a ceremony, and on_done is the one place where it is answered and written
 * down. A request is in the list exactly as long as its ceremony lives.
 */
#include "agent/sign_in.h"

#include "agent/audit.h"
#include "agent/refusals.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdlib.h>

struct sign_in {
    struct sign_ins *home;
    struct sign_in *next;
    struct request *request;
    struct sign_in_params params;
    struct ceremony *ceremony;
};

struct sign_ins {
    struct ceremonies *ceremonies;
    const struct config *config;
    sign_in_made_fn *made;
    void *context;
    struct sign_in *first;
    struct refusals refusals; /* in the audit */
};

static void audit(const struct sign_in *s, const struct ceremony_result *result)
{
    audit_write(&(struct audit_entry){
        .event = result->result == OUTCOME_OK ? AUDIT_SIGN_IN : AUDIT_SIGN_IN_FAILED,
        .result = result->result,
        .uid = result->uid,
        .origin = s->params.origin,
        .provider = config_provider_name_of(s->home->config, s->params.origin),
        .reader = result->reader,
        .algorithm = result->algorithm,
    });
}

static void on_waiting(void *context, enum waiting_for what, const char *reader, int tries_left)
{
    struct sign_in *s = context;
    request_waiting(s->request, what, reader, tries_left);
}

static void on_done(void *context, const struct ceremony_result *result)
{
    struct sign_in *s = context;
    struct sign_ins *home = s->home;
    for (struct sign_in **at = &home->first; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    audit(s, result);
    if (result->result == OUTCOME_OK)
        answer_sign_in(&s->request, &result->token->result);
    else
        answer_error(&s->request, result->result);
    if (result->result == OUTCOME_OK && s->params.format == TOKEN_JWS && home->made) {
        struct ceremony_result made = *result;
        home->made(home->context, s->params.origin, &made);
    }
    free(s);
}

/* ---- from outside ---- */

struct sign_ins *sign_ins_new(struct ceremonies *ceremonies, const struct config *config,
                              sign_in_made_fn *made, void *context)
{
    struct sign_ins *sign_ins = calloc(1, sizeof *sign_ins);
    if (!sign_ins) {
        log_fault(ENOMEM, "sign-ins");
        return NULL;
    }
    *sign_ins = (struct sign_ins){
        .ceremonies = ceremonies, .config = config, .made = made, .context = context};
    return sign_ins;
}

void sign_ins_cancel_all(struct sign_ins *sign_ins)
{
    while (sign_ins->first)
        ceremony_cancel(sign_ins->first->ceremony);
}

void sign_ins_free(struct sign_ins **sign_ins)
{
    struct sign_ins *home = *sign_ins;
    if (!home)
        return;
    sign_ins_cancel_all(home);
    free(home);
    *sign_ins = NULL;
}

static void refuse(struct sign_ins *sign_ins, struct request **request,
                   const struct sign_in_params *params, int result)
{
    if (refusals_take(&sign_ins->refusals, loop_now()))
        audit_write(&(struct audit_entry){
            .event = AUDIT_REFUSED,
            .result = result,
            .origin = params->origin,
            .provider = config_provider_name_of(sign_ins->config, params->origin),
        });
    answer_error(request, result);
}

static int begin(struct sign_ins *sign_ins, struct request *request,
                 const struct sign_in_params *params)
{
    if (params->interaction == INTERACTION_SILENT)
        return OUTCOME_INTERACTION_REQUIRED;
    struct sign_in *s = calloc(1, sizeof *s);
    if (!s)
        return log_fault(ENOMEM, "sign-in");
    *s = (struct sign_in){
        .home = sign_ins, .next = sign_ins->first, .request = request, .params = *params};
    struct ceremony_request wanted = {.params = *params, .caller = request_caller(request)};
    struct ceremony_events events = {.context = s, .waiting = on_waiting, .done = on_done};
    int refusal;
    s->ceremony = ceremony_begin(sign_ins->ceremonies, &wanted, &events, &refusal);
    if (!s->ceremony) {
        free(s);
        return refusal;
    }
    sign_ins->first = s;
    return OUTCOME_OK;
}

void sign_ins_add(struct sign_ins *sign_ins, struct request *request,
                  const struct sign_in_params *params)
{
    int refusal = begin(sign_ins, request, params);
    if (refusal != OUTCOME_OK)
        refuse(sign_ins, &request, params, refusal);
}

bool sign_ins_cancel(struct sign_ins *sign_ins, struct request *request)
{
    struct sign_in *s = sign_ins->first;
    while (s && s->request != request)
        s = s->next;
    if (s)
        ceremony_cancel(s->ceremony);
    return s != NULL;
}

void sign_ins_config_changed(struct sign_ins *sign_ins)
{
    struct sign_in *s = sign_ins->first;
    while (s) {
        bool listed = config_provider_of(sign_ins->config, s->params.origin);
        if (!listed)
            ceremony_cancel(s->ceremony);
        s = listed ? s->next : sign_ins->first; /* another may have ended with it */
    }
}

size_t sign_ins_count(const struct sign_ins *sign_ins)
{
    size_t count = 0;
    for (const struct sign_in *s = sign_ins->first; s; s = s->next)
        count++;
    return count;
}
