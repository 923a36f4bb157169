/* SPDX-License-Identifier: MIT */
/*
 * A call is one request, perhaps sent twice: the second time because the server asked for a nonce.
 * What is remembered of a server between calls is its last nonce and until when it wants to be left
 * alone; neither is kept longer than the process lives.
 *
 * An answer counts when it is right in every detail: the status that belongs to the request, an
 * object that can be read, the session and the role that were asked for. A refusal is believed; all
 * else is as good as no answer.
 */
#include "agent/cis/cis.h"

#include "agent/cis/dpop.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CLOCK_SECONDS_OFF = 120, /* as old as the server takes a token to be at most */
    PAUSE_SECONDS_MIN = 30,  /* where the server does not say how long */
    PAUSE_SECONDS_MAX = 600,
};

/* What is remembered of one provider's server. */
struct server {
    struct server *next;
    const struct config_provider *provider;
    char nonce[HTTP_HEADER_TEXT_MAX + 1];
    uint64_t paused_until; /* loop_now; 0: it is not */
    unsigned back_off;     /* seconds: the last pause that it did not name; 0: none yet */
};

struct cis {
    struct loop *loop;
    struct http *http;
    const struct config *config;
    struct server *servers; /* one for each provider that was spoken to */
};

enum kind { KIND_CHALLENGE, KIND_OPEN, KIND_LOOK, KIND_ROLE, KIND_AUTHENTICATE, KIND_END };

static const struct {
    const char *name; /* for the log */
    const char *method;
    const char *path; /* behind the endpoint, and the sid where there is one */
    unsigned status;  /* the answer that is none of refusal */
} kinds[] = {
    [KIND_CHALLENGE] = {"challenge", "POST", "/challenge", 200},
    [KIND_OPEN] = {"open", "POST", "", 201},
    [KIND_LOOK] = {"look", "GET", "", 200},
    [KIND_ROLE] = {"role", "PUT", "/role", 200},
    [KIND_AUTHENTICATE] = {"authenticate", "POST", "/authentication", 200},
    [KIND_END] = {"end", "POST", "/end", 204},
};

struct cis_call {
    struct cis *cis;
    const struct config_provider *provider;
    struct server *server;
    enum kind kind;
    const struct session_key *key; /* NULL: no proof */
    char sid[SESSION_ID_MAX + 1];  /* "": none yet */
    char role[ROLE_ID_MAX + 1];    /* KIND_ROLE: the one that is asked for */
    struct bytes url, body;        /* NUL-terminated; the body may be empty */
    struct http_call *http;
    bool sent_again;
    struct cis_answer early; /* of a call that ends before anything is sent */
    cis_fn *fn;
    void *context;
};

struct cis *cis_new(struct loop *loop, struct http *http, const struct config *config)
{
    struct cis *cis = calloc(1, sizeof *cis);
    if (!cis) {
        log_fault(ENOMEM, "cis");
        return NULL;
    }
    cis->loop = loop;
    cis->http = http;
    cis->config = config;
    return cis;
}

void cis_free(struct cis **cis)
{
    for (struct server *next, *server = *cis ? (*cis)->servers : NULL; server; server = next) {
        next = server->next;
        free(server);
    }
    free(*cis);
    *cis = NULL;
}

/* ---- the pause ---- */

/* Whole seconds, rounded up; 0: it is over. */
static unsigned pause_left(const struct server *server)
{
    uint64_t now = loop_now();
    return server->paused_until <= now ? 0 : (unsigned)((server->paused_until - now + 999) / 1000);
}

static void pause_server(struct server *server, unsigned seconds)
{
    if (seconds == 0 && pause_left(server) > 0)
        return; /* said already, to a call beside this one */
    if (seconds == 0) {
        server->back_off = server->back_off == 0 ? PAUSE_SECONDS_MIN : server->back_off * 2;
        if (server->back_off > PAUSE_SECONDS_MAX)
            server->back_off = PAUSE_SECONDS_MAX;
        seconds = server->back_off;
    }
    uint64_t until = loop_now() + (uint64_t)seconds * 1000;
    if (until > server->paused_until)
        server->paused_until = until;
}

/* ---- what an answer means ---- */

static int reason_outcome(const char *reason)
{
    static const struct {
        const char *word;
        int result;
    } words[] = {
        {"certificate-revoked", OUTCOME_CERTIFICATE_REVOKED},
        {"certificate-expired", OUTCOME_CERTIFICATE_EXPIRED},
        {"certificate-not-yet-valid", OUTCOME_CERTIFICATE_NOT_YET_VALID},
        {"issuer-unknown", OUTCOME_ISSUER_UNKNOWN},
        {"person-unknown", OUTCOME_PERSON_UNKNOWN},
        {"stale-challenge", OUTCOME_TIMED_OUT},
        {"key-unknown", OUTCOME_KEY_NOT_REGISTERED},
        {"key-unverified", OUTCOME_KEY_UNVERIFIED},
        {"another-person", OUTCOME_CARD_CHANGED},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(reason, words[i].word) == 0)
            return words[i].result;
    return OUTCOME_PROVIDER_REFUSED;
}

static bool clock_is_off(time_t date)
{
    time_t now = time(NULL);
    return date > 0 && (date > now ? date - now : now - date) > CLOCK_SECONDS_OFF;
}

/* A refusal without a better cause may be due to a clock that is wrong, ours as it seems. */
static int refusal(const struct cis_call *call, const struct http_answer *answer)
{
    char reason[CIS_REASON_MAX + 1] = "";
    if (answer->status == 403)
        cis_reason_read((const char *)answer->body.data, answer->body.len, reason);
    int result = reason_outcome(reason);
    if (result == OUTCOME_PROVIDER_REFUSED && clock_is_off(answer->date))
        result = OUTCOME_CLOCK_WRONG;
    log_warning("provider %s: %s: refused (%u%s%s)", call->provider->name, kinds[call->kind].name,
                answer->status, reason[0] ? ", " : "", reason);
    return result;
}

static int nonsense(const struct cis_call *call, const struct http_answer *answer)
{
    log_warning("provider %s: %s: no proper answer (%u)", call->provider->name,
                kinds[call->kind].name, answer->status);
    return OUTCOME_PROVIDER_UNREACHABLE;
}

static bool session_is_the_one(const struct cis_call *call, const struct cis_session *session)
{
    if (call->sid[0] != '\0' && strcmp(session->sid, call->sid) != 0)
        return false;
    return call->kind != KIND_ROLE ||
           (session->role >= 0 && strcmp(session->roles[session->role].id, call->role) == 0);
}

static int read_success(const struct cis_call *call, const struct http_answer *http,
                        struct cis_challenge *challenge, struct cis_answer *out)
{
    const char *json = (const char *)http->body.data;
    if (call->kind == KIND_END)
        return OUTCOME_OK;
    if (call->kind == KIND_CHALLENGE) {
        if (!cis_challenge_read(json, http->body.len, challenge))
            return nonsense(call, http);
        out->challenge = challenge->text;
        out->algorithm_count = challenge->algorithm_count;
        memcpy(out->algorithms, challenge->algorithms, sizeof out->algorithms);
        out->keys = challenge->takes_keys ? &challenge->keys : NULL;
        return OUTCOME_OK;
    }
    struct cis_session *session = cis_session_read(json, http->body.len);
    if (!session || !session_is_the_one(call, session)) {
        free(session);
        return nonsense(call, http);
    }
    out->session = session;
    return OUTCOME_OK;
}

static int judge(struct cis_call *call, const struct http_answer *http,
                 struct cis_challenge *challenge, struct cis_answer *out)
{
    if (http->end != HTTP_ANSWERED)
        return http->end == HTTP_UNTRUSTED ? OUTCOME_PROVIDER_UNTRUSTED
                                           : OUTCOME_PROVIDER_UNREACHABLE;
    if (http->status == 429 || http->status == 503) {
        pause_server(call->server, http->retry_after);
        out->retry_after = pause_left(call->server);
        log_warning("provider %s: %s: it is busy (%u) for %u s", call->provider->name,
                    kinds[call->kind].name, http->status, out->retry_after);
        return OUTCOME_PROVIDER_BUSY;
    }
    call->server->back_off = 0;
    if (http->status == kinds[call->kind].status)
        return read_success(call, http, challenge, out);
    if (http->status == 401 || http->status == 403)
        return refusal(call, http);
    return http->status == 404 && call->sid[0] != '\0' ? OUTCOME_NO_SESSION : nonsense(call, http);
}

/* ---- sending ---- */

static void answered(void *context, const struct http_answer *answer);

/* 0 or a fault (logged). */
static int send_request(struct cis_call *call)
{
    const char *url = (const char *)call->url.data;
    CLEANUP(bytes_deinit) struct bytes proof = {0};
    if (call->key) {
        int r = dpop_proof_make(call->key, kinds[call->kind].method, url, call->server->nonce,
                                time(NULL), &proof);
        if (r < 0)
            return r;
    }
    const struct http_request request = {
        .method = kinds[call->kind].method,
        .url = url,
        .body = (const char *)call->body.data,
        .dpop = (const char *)proof.data,
        .authorities = call->provider->authorities,
        .proxy = call->provider->proxy,
    };
    call->http = http_send(call->cis->http, &request, answered, call);
    return call->http ? 0 : -ENOMEM;
}

static bool wants_another_try(const struct cis_call *call, const struct http_answer *answer)
{
    return answer->end == HTTP_ANSWERED && answer->status == 401 && answer->wants_dpop_nonce &&
           answer->dpop_nonce[0] != '\0' && call->key && !call->sent_again;
}

/* Once more, now with the nonce that the server asked for. OUTCOME_OK: it is on its way. */
static int send_again(struct cis_call *call, struct cis_answer *out)
{
    call->sent_again = true;
    out->retry_after = pause_left(call->server);
    if (out->retry_after > 0)
        return OUTCOME_PROVIDER_BUSY;
    return send_request(call) == 0 ? OUTCOME_OK : OUTCOME_PROVIDER_UNREACHABLE;
}

static void answered(void *context, const struct http_answer *http)
{
    struct cis_call *call = context;
    http_call_free(&call->http);
    if (http->end == HTTP_ANSWERED && http->dpop_nonce[0] != '\0')
        memcpy(call->server->nonce, http->dpop_nonce, sizeof call->server->nonce);
    CLEANUP(cis_challenge_deinit) struct cis_challenge challenge = {0};
    struct cis_answer answer = {0};
    if (wants_another_try(call, http)) {
        answer.result = send_again(call, &answer);
        if (answer.result == OUTCOME_OK)
            return;
    } else {
        answer.result = judge(call, http, &challenge, &answer);
    }
    call->fn(call->context, &answer); /* which may free the call */
    free(answer.session);
}

static void end_early(void *context)
{
    struct cis_call *call = context;
    struct cis_answer answer = call->early;
    call->fn(call->context, &answer);
}

/* ---- calls ---- */

void cis_call_free(struct cis_call **call)
{
    struct cis_call *c = STEAL(*call);
    if (!c)
        return;
    loop_undefer(c->cis->loop, c);
    http_call_free(&c->http);
    bytes_deinit(&c->url);
    bytes_deinit(&c->body);
    free(c);
}

static struct server *server_of(struct cis *cis, const struct config_provider *provider)
{
    for (struct server *each = cis->servers; each; each = each->next)
        if (each->provider == provider)
            return each;
    struct server *server = calloc(1, sizeof *server);
    if (server) {
        server->provider = provider;
        server->next = cis->servers;
        cis->servers = server;
    }
    return server;
}

static int make_url(struct cis_call *call)
{
    bytes_append_text(&call->url, call->provider->session_endpoint);
    if (call->sid[0] != '\0') {
        bytes_append_text(&call->url, "/");
        bytes_append_text(&call->url, call->sid);
    }
    bytes_append_text(&call->url, kinds[call->kind].path);
    bytes_append(&call->url, "", 1);
    return call->url.failed ? log_fault(ENOMEM, "request to a provider") : 0;
}

/* What a call is about; texts may be NULL. */
struct subject {
    enum kind kind;
    const struct session_key *key;
    const char *sid;
    const char *member, *value; /* the body */
    bool json;                  /* which the value is already */
};

static const char *evidence_member(const struct cis_evidence *evidence)
{
    return evidence->assertion ? "assertion" : "token";
}

static int fill(struct cis_call *call, const struct subject *subject)
{
    call->kind = subject->kind;
    call->key = subject->key;
    if (subject->sid)
        memcpy(call->sid, subject->sid, strlen(subject->sid) + 1);
    if (subject->kind == KIND_ROLE && strlen(subject->value) <= ROLE_ID_MAX)
        memcpy(call->role, subject->value, strlen(subject->value) + 1);
    int r = make_url(call);
    if (r == 0 && subject->kind == KIND_CHALLENGE)
        r = bytes_set(&call->body, "{}", sizeof "{}");
    else if (r == 0 && subject->member && subject->json)
        r = cis_body_write_json(subject->member, subject->value, &call->body);
    else if (r == 0 && subject->member)
        r = cis_body_write(subject->member, subject->value, &call->body);
    return r;
}

/* Sends, or has the loop say why nothing is sent: a page may have named that sid. */
static int start(struct cis_call *call, const struct subject *subject)
{
    unsigned left = pause_left(call->server);
    bool proper = !subject->sid || cis_sid_valid(subject->sid);
    if (proper && left == 0) {
        int r = fill(call, subject);
        return r < 0 ? r : send_request(call);
    }
    call->early.result = proper ? OUTCOME_PROVIDER_BUSY : OUTCOME_NO_SESSION;
    call->early.retry_after = proper ? left : 0;
    return loop_defer(call->cis->loop, end_early, call);
}

static struct cis_call *call_new(struct cis *cis, const struct config_provider *provider,
                                 const struct subject *subject, cis_fn *fn, void *context)
{
    CLEANUP(cis_call_free) struct cis_call *call = calloc(1, sizeof *call);
    if (!call) {
        log_fault(ENOMEM, "request to a provider");
        return NULL;
    }
    call->cis = cis;
    call->provider = provider;
    call->fn = fn;
    call->context = context;
    if (!config_provider_listed(cis->config, provider)) {
        log_fault(EINVAL, "a provider that is not configured");
        return NULL;
    }
    call->server = server_of(cis, provider);
    if (!call->server) {
        log_fault(ENOMEM, "request to a provider");
        return NULL;
    }
    return start(call, subject) < 0 ? NULL : STEAL(call);
}

struct cis_call *cis_challenge(struct cis *cis, const struct config_provider *provider, cis_fn *fn,
                               void *context)
{
    const struct subject subject = {.kind = KIND_CHALLENGE};
    return call_new(cis, provider, &subject, fn, context);
}

struct cis_call *cis_open(struct cis *cis, const struct config_provider *provider,
                          const struct session_key *key, const struct cis_evidence *evidence,
                          cis_fn *fn, void *context)
{
    const struct subject subject = {.kind = KIND_OPEN,
                                    .key = key,
                                    .member = evidence_member(evidence),
                                    .value = evidence->text,
                                    .json = evidence->assertion};
    return call_new(cis, provider, &subject, fn, context);
}

struct cis_call *cis_look(struct cis *cis, const struct config_provider *provider,
                          const struct session_key *key, const char *sid, cis_fn *fn, void *context)
{
    const struct subject subject = {.kind = KIND_LOOK, .key = key, .sid = sid};
    return call_new(cis, provider, &subject, fn, context);
}

struct cis_call *cis_role(struct cis *cis, const struct config_provider *provider,
                          const struct session_key *key, const char *sid, const char *role,
                          cis_fn *fn, void *context)
{
    const struct subject subject = {
        .kind = KIND_ROLE, .key = key, .sid = sid, .member = "role", .value = role};
    return call_new(cis, provider, &subject, fn, context);
}

struct cis_call *cis_authenticate(struct cis *cis, const struct config_provider *provider,
                                  const struct session_key *key, const char *sid,
                                  const struct cis_evidence *evidence, cis_fn *fn, void *context)
{
    const struct subject subject = {.kind = KIND_AUTHENTICATE,
                                    .key = key,
                                    .sid = sid,
                                    .member = evidence_member(evidence),
                                    .value = evidence->text,
                                    .json = evidence->assertion};
    return call_new(cis, provider, &subject, fn, context);
}

struct cis_call *cis_end(struct cis *cis, const struct config_provider *provider,
                         const char *statement, cis_fn *fn, void *context)
{
    const struct subject subject = {.kind = KIND_END, .member = "statement", .value = statement};
    return call_new(cis, provider, &subject, fn, context);
}
