/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_keeper_callers_rig.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "tests/unit/test_keeper_rig.h"
#include "tests/unit/test_keeper_server_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

enum { REQUESTS_MAX = 128 };
static struct request *requests[REQUESTS_MAX];
static size_t request_count;

static struct request *new_request(enum door_kind door, const char *origin)
{
    struct request *request = calloc(1, sizeof *request);
    assert_true(request_count < REQUESTS_MAX);
    requests[request_count++] = request;
    request->caller.door = door;
    request->waiting = -1;
    snprintf(request->caller.origin, sizeof request->caller.origin, "%s", origin);
    return request;
}

struct request *from_page(const char *origin)
{
    return new_request(DOOR_WEB, origin);
}

struct request *from_native(void)
{
    return new_request(DOOR_NATIVE, "");
}

const struct caller *request_caller(const struct request *request)
{
    return &request->caller;
}

static struct request *answered(struct request **request)
{
    struct request *it = STEAL(*request);
    assert_false(it->answered);
    it->answered = true;
    return it;
}

void answer_proof(struct request **request, const char *jws)
{
    struct request *it = answered(request);
    snprintf(it->proof, sizeof it->proof, "%s", jws);
}

void answer_session(struct request **request, const struct session_view *view)
{
    struct request *it = answered(request);
    it->live = view->live;
    snprintf(it->state, sizeof it->state, "%s", view->state);
    snprintf(it->cause, sizeof it->cause, "%s", view->cause ? view->cause : "");
    snprintf(it->sid, sizeof it->sid, "%s", view->live ? view->sid : "");
    snprintf(it->role, sizeof it->role, "%s", view->role ? view->role->id : "");
}

void answer_done(struct request **request)
{
    answered(request)->done = true;
}

void answer_error(struct request **request, int result)
{
    answered(request)->error = outcome_of(result);
}

void request_waiting(struct request *request, enum waiting_for what, const char *reader,
                     int tries_left)
{
    (void)reader;
    (void)tries_left;
    assert_false(request->answered);
    request->waiting = (int)what;
}

struct request *prove(const char *origin, enum interaction interaction, long max_age)
{
    struct request *request = from_page(origin);
    struct session_prove_params params = {
        .challenge = CHALLENGE, .interaction = interaction, .max_age = max_age};
    snprintf(params.origin, sizeof params.origin, "%s", origin);
    keeper_prove(rig.keeper, request, &params);
    return request;
}

struct request *begin_with(const char *origin, const char *sid)
{
    struct request *request = from_page(origin);
    struct session_begin_params params = {0};
    snprintf(params.sid, sizeof params.sid, "%s", sid);
    snprintf(params.origin, sizeof params.origin, "%s", origin);
    keeper_begin(rig.keeper, request, &params);
    return request;
}

struct request *begin(const char *origin)
{
    return begin_with(origin, "");
}

struct request *begin_choosing(void)
{
    struct request *request = from_native();
    keeper_begin(rig.keeper, request, &(struct session_begin_params){.caller_chooses_role = true});
    return request;
}

struct request *choose_role(const char *role)
{
    struct request *request = from_native();
    struct session_role_params params = {0};
    snprintf(params.role, sizeof params.role, "%s", role);
    keeper_role(rig.keeper, request, &params);
    return request;
}

struct request *end_session(struct request *request)
{
    keeper_end(rig.keeper, request);
    return request;
}

struct request *status_of(struct request *request)
{
    keeper_status(rig.keeper, request);
    return request;
}

struct request *ask(const char *origin)
{
    return prove(origin, INTERACTION_IF_NEEDED, -1);
}

struct request *ask_silently(const char *origin)
{
    return prove(origin, INTERACTION_SILENT, -1);
}

struct request *ask_for_pin(const char *origin)
{
    return prove(origin, INTERACTION_FORCE, -1);
}

void proved(const struct request *request)
{
    assert_true(request->answered);
    assert_int_equal(request->error, OUTCOME_OK);
    assert_true(request->proof[0] != '\0');
}

void refused(const struct request *request, int outcome)
{
    assert_true(request->answered);
    assert_int_equal(request->error, outcome);
    assert_true(request->proof[0] == '\0');
}

void state_is(const char *state)
{
    assert_string_equal(status_of(from_native())->state, state);
}

void callers_end(void)
{
    for (size_t i = 0; i < request_count; i++) {
        assert_true(requests[i]->answered);
        free(requests[i]);
    }
    request_count = 0;
}
