/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_keeper_server_rig.h"

#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/card_message.h"
#include "tests/unit/test_keeper_keys_rig.h"
#include "tests/unit/test_key_pair_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct server server;

/* ---- in the configuration ---- */

static const char *mine[] = {ORIGIN, ORIGIN_TOO, NULL};
static const char *others[] = {OTHER_ORIGIN, NULL};
static char main_name[] = "main", other_name[] = "other", none[] = "";
static char endpoint[] = "https://op.example/session";
static struct config_provider providers[] = {
    {.name = main_name, .origins = {.count = 2, .at = mine}, .session_endpoint = endpoint},
    {.name = other_name, .origins = {.count = 1, .at = others}, .session_endpoint = none},
};

const struct config_provider *config_provider_of(const struct config *config, const char *origin)
{
    (void)config;
    return strcmp(origin, OTHER_ORIGIN) == 0 ? &providers[1] : &providers[0];
}

const struct config_provider *config_provider_named(const struct config *config, const char *name)
{
    (void)config;
    for (size_t i = 0; i < 2; i++)
        if (strcmp(providers[i].name, name) == 0)
            return &providers[i];
    return NULL;
}

bool config_provider_listed(const struct config *config, const struct config_provider *provider)
{
    (void)config;
    return provider == &providers[0] || provider == &providers[1];
}

const struct config_provider *config_provider_default(const struct config *config)
{
    (void)config;
    return &providers[0];
}

/* ---- what it is asked ---- */

struct cis_call {
    enum call_kind kind;
    cis_fn *fn;
    void *context;
};
static struct cis_call *calls[AUTHENTICATE_CALL + 1][4];

static struct cis_call *new_call(enum call_kind kind, const struct session_key *key,
                                 const char *sid, cis_fn *fn, void *context)
{
    assert_true(kind == CHALLENGE_CALL || key);
    struct cis_call *call = calloc(1, sizeof *call);
    *call = (struct cis_call){.kind = kind, .fn = fn, .context = context};
    calls[kind][server.calls[kind]++] = call;
    server.sent[kind]++;
    if (sid)
        snprintf(server.sent_sid, sizeof server.sent_sid, "%s", sid);
    return call;
}

void cis_call_free(struct cis_call **call)
{
    struct cis_call *it = *call;
    if (!it)
        return;
    int i = 0;
    while (calls[it->kind][i] != it)
        i++;
    for (server.calls[it->kind]--; i < server.calls[it->kind]; i++)
        calls[it->kind][i] = calls[it->kind][i + 1];
    free(it);
    *call = NULL;
}

static void note_evidence(const struct cis_evidence *evidence)
{
    server.assertion = evidence->assertion;
    if (!evidence->assertion) {
        assert_string_equal(evidence->text, "header.payload.signature");
        return;
    }
    static const char member[] = "\"clientDataJSON\":\"";
    const char *from = strstr(evidence->text, member);
    assert_non_null(from);
    from += strlen(member);
    CLEANUP(bytes_deinit) struct bytes data = {0};
    assert_int_equal(base64url_decode(from, strcspn(from, "\""), &data), 0);
    snprintf(server.client_data, sizeof server.client_data, "%.*s", (int)data.len,
             (char *)data.data);
}

struct cis_call *cis_challenge(struct cis *cis, const struct config_provider *provider, cis_fn *fn,
                               void *context)
{
    (void)cis;
    assert_string_equal(provider->name, "main");
    return new_call(CHALLENGE_CALL, NULL, NULL, fn, context);
}

struct cis_call *cis_open(struct cis *cis, const struct config_provider *provider,
                          const struct session_key *key, const struct cis_evidence *evidence,
                          cis_fn *fn, void *context)
{
    (void)cis;
    (void)provider;
    note_evidence(evidence);
    return new_call(OPEN_CALL, key, NULL, fn, context);
}

struct cis_call *cis_look(struct cis *cis, const struct config_provider *provider,
                          const struct session_key *key, const char *sid, cis_fn *fn, void *context)
{
    (void)cis;
    (void)provider;
    return new_call(LOOK_CALL, key, sid, fn, context);
}

struct cis_call *cis_role(struct cis *cis, const struct config_provider *provider,
                          const struct session_key *key, const char *sid, const char *role,
                          cis_fn *fn, void *context)
{
    (void)cis;
    (void)provider;
    snprintf(server.sent_role, sizeof server.sent_role, "%s", role);
    return new_call(ROLE_CALL, key, sid, fn, context);
}

struct cis_call *cis_authenticate(struct cis *cis, const struct config_provider *provider,
                                  const struct session_key *key, const char *sid,
                                  const struct cis_evidence *evidence, cis_fn *fn, void *context)
{
    (void)cis;
    (void)provider;
    note_evidence(evidence);
    return new_call(AUTHENTICATE_CALL, key, sid, fn, context);
}

static struct cis_session *new_session(unsigned roles, int chosen)
{
    struct cis_session *session = calloc(1, sizeof *session + roles * sizeof *session->roles);
    *session = (struct cis_session){.sid = "sid-1",
                                    .uid = "555555555555",
                                    .auth_time = 1,
                                    .expires_in = 36000,
                                    .keep_alive = 60,
                                    .role = chosen,
                                    .role_count = roles};
    snprintf(session->uid, sizeof session->uid, "%s", server.uid);
    for (unsigned i = 0; i < roles; i++) {
        snprintf(session->roles[i].id, sizeof session->roles[i].id, "role-%u", i);
        snprintf(session->roles[i].name, sizeof session->roles[i].name, "Nurse %u", i);
        snprintf(session->roles[i].organisation, sizeof session->roles[i].organisation, "W0001");
    }
    if (security_keys.possible && !server.tells_no_key)
        put_public_key(session);
    return session;
}

void answer_call(enum call_kind kind, int result, unsigned roles, int chosen)
{
    assert_true(server.calls[kind] > 0);
    struct cis_call *call = calls[kind][0];
    struct cis_answer answer = {.result = result};
    struct cis_keys keys = {.list_count = server.allowed ? 1 : 0,
                            .list = {{.data = &server.allowed, .len = 1}}};
    snprintf(keys.rp_id, sizeof keys.rp_id, "%s", server.rp_id);
    if (result == OUTCOME_OK && kind == CHALLENGE_CALL)
        answer = (struct cis_answer){.challenge = CHALLENGE,
                                     .algorithm_count = 1,
                                     .algorithms = {CARD_RS256},
                                     .keys = server.takes_keys ? &keys : NULL};
    else if (result == OUTCOME_OK)
        answer.session = new_session(roles, chosen);
    call->fn(call->context, &answer);
    free(answer.session);
}

void answer_challenge(int result)
{
    answer_call(CHALLENGE_CALL, result, 0, -1);
}

void server_begin(void)
{
    server = (struct server){.uid = "555555555555", .rp_id = ""};
}

void server_end(void)
{
    for (int kind = 0; kind <= AUTHENTICATE_CALL; kind++)
        assert_int_equal(server.calls[kind], 0);
}
