/* SPDX-License-Identifier: MIT */
/*
 * A command names a plugging in, or means the only key there is; that is settled before anything
 * waits, so that what was said of one key is never done to another one.
 */
#include "agent/keys/key_upkeep.h"

#include "agent/audit.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
    struct key_upkeep *home;
    struct job *next;
    struct request *request;
    struct key_found key;
    struct fido_start start;
    struct key_work *work;
};

struct key_upkeep {
    struct key_works *works;
    const struct key_watch *watch;
    struct job *first;
};

static void job_free(struct job **job)
{
    if (!*job)
        return;
    fido_start_deinit(&(*job)->start);
    free(*job);
    *job = NULL;
}

/* ---- how it goes on ---- */

static void on_waiting(void *context, enum waiting_for what, const char *key, int tries_left)
{
    const struct job *job = context;
    request_waiting(job->request, what, key, tries_left);
}

/* What was changed on a key, or should have been. */
static void audit(const struct job *job, int result)
{
    static const struct {
        bool changes;
        enum audit_event event;
    } events[FIDO_OPERATIONS] = {
        [FIDO_PIN_SET] = {true, AUDIT_KEY_PIN_SET},
        [FIDO_PIN_CHANGE] = {true, AUDIT_KEY_PIN_CHANGED},
        [FIDO_DELETE] = {true, AUDIT_KEY_CREDENTIAL_DELETED},
        [FIDO_RENAME] = {true, AUDIT_KEY_CREDENTIAL_RENAMED},
        [FIDO_RESET] = {true, AUDIT_KEY_RESET},
    };
    const struct fido_start *start = &job->start;
    char credential[AUDIT_CREDENTIAL_BYTES] = "";
    if (!events[start->operation].changes)
        return;
    if (start->list_count > 0)
        audit_name_credential(&start->list[0], credential);
    audit_write(&(struct audit_entry){.event = events[start->operation].event,
                                      .result = result,
                                      .key = job->key.name,
                                      .credential = credential});
}

static void answer(struct job *job, const struct fido_done *done)
{
    const struct key_view key = {.id = job->key.id, .name = job->key.name};
    if (done->result != OUTCOME_OK)
        answer_error(&job->request, (int)done->result);
    else if (job->start.operation == FIDO_INFO)
        answer_key_info(&job->request, &key, done->info);
    else if (job->start.operation == FIDO_CREDENTIALS)
        answer_credentials(&job->request, done->credentials, done->credential_count);
    else
        answer_done(&job->request);
}

static void on_done(void *context, struct fido_done *done, uint64_t key)
{
    (void)key;
    CLEANUP(job_free) struct job *job = context;
    for (struct job **at = &job->home->first; *at; at = &(*at)->next)
        if (*at == job) {
            *at = job->next;
            break;
        }
    audit(job, (int)done->result);
    answer(job, done);
}

/* ---- what is asked ---- */

/* OUTCOME_OK: *key is the one that is meant. */
static int find_key(const struct key_watch *watch, uint64_t id, struct key_found *key)
{
    if (!watch)
        return OUTCOME_KEYS_OFF;
    size_t count = key_watch_count(watch);
    const struct key_found *found = id != 0 ? key_watch_find(watch, id) : key_watch_at(watch, 0);
    if (!found)
        return count > 0 ? OUTCOME_KEY_UNKNOWN : OUTCOME_NO_KEY;
    if (id == 0 && count > 1)
        return OUTCOME_KEY_AMBIGUOUS;
    *key = *found;
    return OUTCOME_OK;
}

/* 0 or a fault. */
static int write_start(const struct key_params *params, struct job *job)
{
    struct fido_start *start = &job->start;
    start->operation = (uint8_t)params->operation;
    snprintf(start->key, sizeof start->key, "%s", job->key.path);
    snprintf(start->user_name, sizeof start->user_name, "%s", params->user_name);
    snprintf(start->user_display_name, sizeof start->user_display_name, "%s",
             params->user_display_name);
    if (params->credential_len == 0)
        return 0;
    start->list_count = 1;
    return bytes_set(&start->list[0], params->credential, params->credential_len);
}

static int begin(struct key_upkeep *upkeep, struct request *request,
                 const struct key_params *params)
{
    CLEANUP(job_free) struct job *job = calloc(1, sizeof *job);
    if (!job)
        return log_fault(ENOMEM, "security key");
    job->home = upkeep;
    job->next = upkeep->first;
    job->request = request;
    int result = find_key(upkeep->watch, params->key, &job->key);
    if (result == OUTCOME_OK)
        result = write_start(params, job);
    if (result != OUTCOME_OK)
        return result;
    struct key_work_request wanted = {.start = &job->start, .caller = request_caller(request)};
    struct key_work_events events = {.context = job, .waiting = on_waiting, .done = on_done};
    job->work = key_work_begin(upkeep->works, &wanted, &events, &result);
    if (!job->work)
        return result;
    upkeep->first = STEAL(job);
    return OUTCOME_OK;
}

/* ---- from outside ---- */

struct key_upkeep *key_upkeep_new(struct key_works *works, const struct key_watch *watch)
{
    struct key_upkeep *upkeep = calloc(1, sizeof *upkeep);
    if (!upkeep) {
        log_fault(ENOMEM, "upkeep of security keys");
        return NULL;
    }
    *upkeep = (struct key_upkeep){.works = works, .watch = watch};
    return upkeep;
}

void key_upkeep_cancel_all(struct key_upkeep *upkeep)
{
    while (upkeep->first)
        key_work_cancel(upkeep->first->work);
}

void key_upkeep_free(struct key_upkeep **upkeep)
{
    struct key_upkeep *home = STEAL(*upkeep);
    if (home)
        key_upkeep_cancel_all(home);
    free(home);
}

void key_upkeep_add(struct key_upkeep *upkeep, struct request *request,
                    const struct key_params *params)
{
    int refusal = begin(upkeep, request, params);
    if (refusal != OUTCOME_OK)
        answer_error(&request, refusal);
}

bool key_upkeep_cancel(struct key_upkeep *upkeep, struct request *request)
{
    struct job *job = upkeep->first;
    while (job && job->request != request)
        job = job->next;
    if (job)
        key_work_cancel(job->work);
    return job != NULL;
}

size_t key_upkeep_count(const struct key_upkeep *upkeep)
{
    size_t count = 0;
    for (const struct job *job = upkeep->first; job; job = job->next)
        count++;
    return count;
}
