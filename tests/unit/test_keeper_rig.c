/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_keeper_rig.h"

#include "agent/audit.h"
#include "agent/candidate.h"
#include "agent/chooser_client.h"
#include "ipc/auth_data.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct rig rig;

/* ---- the clock and the timers ---- */

static uint64_t clock_ms;

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    if (id != CLOCK_BOOTTIME)
        return __real_clock_gettime(id, now);
    now->tv_sec = (time_t)(clock_ms / 1000);
    now->tv_nsec = (long)(clock_ms % 1000) * 1000000;
    return 0;
}

struct loop_timer {
    struct loop_timer *next;
    loop_fn *fn;
    void *context;
    uint64_t due; /* UINT64_MAX: not set */
};
static struct loop_timer *timers;

uint64_t loop_now(void)
{
    return clock_ms;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *context)
{
    (void)loop;
    struct loop_timer *timer = calloc(1, sizeof *timer);
    *timer = (struct loop_timer){.next = timers, .fn = fn, .context = context, .due = UINT64_MAX};
    timers = timer;
    return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t milliseconds)
{
    timer->due = clock_ms + milliseconds;
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->due = UINT64_MAX;
}

void loop_timer_free(struct loop_timer **timer)
{
    for (struct loop_timer **at = &timers; *at; at = &(*at)->next)
        if (*at == *timer) {
            *at = (*timer)->next;
            break;
        }
    free(*timer);
    *timer = NULL;
}

static struct loop_timer *first_due(uint64_t until)
{
    struct loop_timer *first = NULL;
    for (struct loop_timer *timer = timers; timer; timer = timer->next)
        if (timer->due <= until && (!first || timer->due < first->due))
            first = timer;
    return first;
}

void pass_time(uint64_t milliseconds)
{
    uint64_t until = clock_ms + milliseconds;
    struct loop_timer *timer;
    while ((timer = first_due(until))) {
        if (timer->due > clock_ms)
            clock_ms = timer->due;
        timer->due = UINT64_MAX;
        timer->fn(timer->context);
    }
    clock_ms = until;
}

/* ---- callers ---- */

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

/* ---- configuration ---- */

static const char *origins[] = {ORIGIN, ORIGIN_TOO, OTHER_ORIGIN, NULL};
static const char *others[] = {OTHER_ORIGIN, NULL};
static char main_name[] = "main", other_name[] = "other", none[] = "";
static char endpoint[] = "https://op.example/session";
static struct config_provider providers[] = {
    {.name = main_name, .origins = {.count = 2, .at = origins}, .session_endpoint = endpoint},
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

/* ---- cards ---- */

static struct {
    struct card card;
    struct certificate certificate;
    bool present, known, reader, service_up;
    uint64_t changes, last_id;
} slot;

static void say_changed(void)
{
    if (rig.keeper)
        keeper_cards_changed(rig.keeper);
}

static void name_card(int person)
{
    slot.card = (struct card){.id = ++slot.last_id, .in_reader = true, .changes = slot.changes};
    snprintf(slot.card.token.reader, sizeof slot.card.token.reader, "reader-0");
    memset(slot.certificate.hash, person, sizeof slot.certificate.hash);
    slot.card.certificates.count = 1;
    slot.card.certificates.at[0] = &slot.certificate;
    slot.known = true;
}

void card_in(int person)
{
    slot.present = true;
    slot.changes++;
    name_card(person);
    say_changed();
}

uint64_t card_now(void)
{
    return slot.card.id;
}

void card_out(void)
{
    slot.present = slot.known = false;
    slot.changes++;
    say_changed();
}

void reader_unplugged(void)
{
    slot.reader = false;
    card_out();
    slot.reader = true;
}

void module_crashes(void)
{
    slot.known = false;
    say_changed();
}

void module_is_back(void)
{
    name_card(slot.certificate.hash[0]);
    say_changed();
}

void another_card_in_the_same_place(int person)
{
    name_card(person);
    say_changed();
}

void service(bool up)
{
    slot.service_up = up;
    slot.known = slot.present && up;
    slot.changes = up ? 0 : slot.changes;
    if (slot.known)
        name_card(slot.certificate.hash[0]);
    say_changed();
}

size_t cards_count(const struct cards *cards)
{
    (void)cards;
    return slot.known ? 1 : 0;
}

const struct card *cards_at(const struct cards *cards, size_t i)
{
    (void)cards;
    assert_int_equal(i, 0);
    return &slot.card;
}

const struct card *cards_find(const struct cards *cards, uint64_t id)
{
    (void)cards;
    return slot.known && slot.card.id == id ? &slot.card : NULL;
}

bool cards_reading(const struct cards *cards)
{
    (void)cards;
    return slot.present && !slot.known && slot.service_up;
}

bool cards_service_up(const struct cards *cards)
{
    (void)cards;
    return slot.service_up;
}

int cards_absence(const struct cards *cards)
{
    (void)cards;
    return slot.reader ? OUTCOME_NO_CARD : OUTCOME_NO_READER;
}

void cards_ask(struct cards *cards)
{
    (void)cards;
}

enum card_place cards_place(const struct cards *cards, const char *reader, uint64_t changes)
{
    (void)cards;
    (void)reader;
    if (!slot.reader)
        return CARD_PLACE_NO_READER;
    return slot.present && slot.changes == changes ? CARD_PLACE_SAME : CARD_PLACE_LEFT;
}

bool candidate_of(const struct card *card, const struct issuers *issuers, struct candidate *out)
{
    (void)issuers;
    *out = (struct candidate){.card = card};
    return true;
}

const struct certificate *candidate_holder(const struct candidate *candidate)
{
    return candidate->card->certificates.at[0];
}

/* ---- ceremonies ---- */

static struct ceremony {
    struct ceremony_events events;
    struct session_key *key;
} ceremony;

size_t ceremonies_count(const struct ceremonies *ceremonies)
{
    (void)ceremonies;
    return rig.prompting ? 1 : 0;
}

struct ceremony *ceremony_begin(struct ceremonies *ceremonies,
                                const struct ceremony_request *request,
                                const struct ceremony_events *events, int *refusal)
{
    (void)ceremonies;
    (void)refusal;
    assert_false(rig.prompting); /* one prompt at a time */
    rig.prompting = true;
    rig.prompts++;
    rig.fetching = false;
    rig.ceremony = *request;
    if (request->identity)
        memcpy(rig.ceremony_identity, request->identity, sizeof rig.ceremony_identity);
    ceremony.events = *events;
    return &ceremony;
}

void ceremony_free(struct ceremony **it)
{
    if (*it)
        rig.prompting = false;
    *it = NULL;
}

void ceremony_algorithms(struct ceremony *it, const uint8_t *algorithms, unsigned count)
{
    assert_ptr_equal(it, &ceremony);
    assert_int_equal(count, 1);
    assert_int_equal(algorithms[0], CARD_RS256);
}

void ceremony_challenge(struct ceremony *it, int result, const char *challenge)
{
    assert_ptr_equal(it, &ceremony);
    assert_true(rig.fetching);
    rig.fetching = false;
    if (result != OUTCOME_OK)
        give_up(outcome_of(result));
    else
        assert_true(strlen(challenge) >= 43);
}

void fetch(void)
{
    rig.fetching = true;
    ceremony.events.fetch(ceremony.events.context);
}

void ceremony_waits(enum waiting_for what)
{
    ceremony.events.waiting(ceremony.events.context, what, NULL, -1);
}

void sign(int person)
{
    assert_true(rig.prompting);
    rig.prompting = false;
    struct token_answer token = {.result = {.jws = "header.payload.signature"}};
    struct session_key *no_key = NULL;
    struct ceremony_result result = {.result = OUTCOME_OK,
                                     .token = &token,
                                     .key = &no_key,
                                     .card = slot.known ? slot.card.id : 0,
                                     .reader = "reader-0",
                                     .algorithm = "ES256"};
    memset(result.identity, person, sizeof result.identity);
    ceremony.events.done(ceremony.events.context, &result);
}

void give_up(int outcome)
{
    assert_true(rig.prompting);
    rig.prompting = false;
    struct session_key *no_key = NULL;
    struct ceremony_result result = {.result = outcome, .key = &no_key};
    ceremony.events.done(ceremony.events.context, &result);
}

/* ---- security keys ---- */

static struct {
    bool in;
    struct key_found found;
} desk_keys[KEYS];
static uint64_t last_key_id;

static struct key_work {
    struct key_work_events events;
    char path[FIDO_PATH_MAX + 1];
    uint8_t credential;
} work, probe;

static void say_keys_changed(void)
{
    if (rig.keeper)
        keeper_keys_changed(rig.keeper);
}

void key_in(int key)
{
    struct key_found *found = &desk_keys[key].found;
    *found = (struct key_found){.id = ++last_key_id};
    snprintf(found->path, sizeof found->path, "/dev/hidraw%d", key);
    snprintf(found->name, sizeof found->name, "Key %c", 'A' + key - KEY_A);
    desk_keys[key].in = true;
    say_keys_changed();
}

/* The keeper first, then the works: as the agent does. */
void key_out(int key)
{
    desk_keys[key].in = false;
    say_keys_changed();
}

size_t key_watch_count(const struct key_watch *watch)
{
    (void)watch;
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++)
        count += desk_keys[i].in ? 1 : 0;
    return count;
}

const struct key_found *key_watch_at(const struct key_watch *watch, size_t i)
{
    (void)watch;
    for (size_t key = 0; key < KEYS; key++)
        if (desk_keys[key].in && i-- == 0)
            return &desk_keys[key].found;
    return NULL;
}

const struct key_found *key_watch_find(const struct key_watch *watch, uint64_t id)
{
    (void)watch;
    for (size_t key = 0; key < KEYS; key++)
        if (desk_keys[key].in && desk_keys[key].found.id == id)
            return &desk_keys[key].found;
    return NULL;
}

/* ---- what a key signs by itself ---- */

enum { COSE_BYTES = 77, PROOF_MESSAGE_BYTES = AUTH_DATA_AAGUID_OFFSET + 32 };
static EVP_PKEY *hers, *anothers;
static uint8_t asked_hash[32], last_hash[32]; /* of the probe under way, and of the one before */

/* {1: 2, 3: -7, -1: 1, -2: x, -3: y} */
static void put_public_key(EVP_PKEY *key, struct cis_session *session)
{
    static const uint8_t head[] = {0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32};
    static const uint8_t between[] = {0x22, 0x58, 32};
    uint8_t point[65];
    size_t len = 0;
    assert_int_equal(
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len),
        1);
    assert_int_equal(len, sizeof point);
    uint8_t *to = session->public_key;
    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, point + 1, 32);
    memcpy(to + sizeof head + 32, between, sizeof between);
    memcpy(to + sizeof head + 32 + sizeof between, point + 33, 32);
    session->public_key_len = COSE_BYTES;
}

static void sign_proof(EVP_PKEY *key, const char *rp_id, const uint8_t hash[32],
                       struct fido_done *done)
{
    uint8_t message[PROOF_MESSAGE_BYTES] = {0}, signature[80];
    size_t len = sizeof signature;
    assert_non_null(SHA256((const uint8_t *)rp_id, strlen(rp_id), message));
    memcpy(message + AUTH_DATA_AAGUID_OFFSET, hash, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, signature, &len, message, sizeof message), 1);
    EVP_MD_CTX_free(context);
    assert_int_equal(bytes_set(&done->auth_data, message, AUTH_DATA_AAGUID_OFFSET), 0);
    assert_int_equal(bytes_set(&done->signature, signature, len), 0);
}

static void begin_probe(const struct fido_start *start)
{
    memcpy(last_hash, asked_hash, sizeof last_hash);
    memcpy(asked_hash, start->client_data_hash, sizeof asked_hash);
    assert_memory_not_equal(asked_hash, last_hash, sizeof asked_hash);
    probe.credential = start->list[0].data[0];

    assert_false(rig.probing);
    assert_int_equal(start->list_count, 1);
    assert_string_equal(start->rp_id, RP_ID);
    assert_int_equal(start->list[0].len, 1);
    rig.probing = true;
    rig.probes++;
    snprintf(probe.path, sizeof probe.path, "%s", start->key);
}

static void begin_work(const struct fido_start *start)
{
    assert_false(rig.working);
    assert_int_equal(start->operation, FIDO_GET);
    assert_int_equal(start->verification, FIDO_UV_REQUIRED);
    assert_string_equal(start->rp_id, RP_ID);
    assert_string_equal(start->key, "");
    rig.working = true;
    rig.works++;
    rig.wanted = start->list_count > 0 ? start->list[0].data[0] : 0;
}

struct key_work *key_work_begin(struct key_works *works, const struct key_work_request *request,
                                const struct key_work_events *events, int *refusal)
{
    assert_non_null(works);
    if (rig.keys_busy) {
        *refusal = OUTCOME_BUSY;
        return NULL;
    }
    bool is_probe = request->start->operation == FIDO_PROBE;
    struct key_work *it = is_probe ? &probe : &work;
    if (is_probe)
        begin_probe(request->start);
    else
        begin_work(request->start);
    it->events = *events;
    return it;
}

void key_work_free(struct key_work **it)
{
    if (*it == &probe)
        rig.probing = false;
    if (*it == &work)
        rig.working = false;
    *it = NULL;
}

void key_says(enum waiting_for what)
{
    assert_true(rig.working);
    work.events.waiting(work.events.context, what, "Key A", -1);
}

static void end_work(struct fido_done *done, int key)
{
    assert_true(rig.working);
    rig.working = false;
    work.events.done(work.events.context, done, desk_keys[key].in ? desk_keys[key].found.id : 0);
    fido_done_deinit(done);
}

void key_signs_so(int key, uint8_t credential, const char *rp_id, uint8_t flags)
{
    struct fido_done done = {.result = OUTCOME_OK};
    uint8_t auth_data[AUTH_DATA_AAGUID_OFFSET] = {[AUTH_DATA_HASH_BYTES] = flags};
    assert_non_null(SHA256((const uint8_t *)rp_id, strlen(rp_id), auth_data));
    assert_int_equal(bytes_set(&done.credential_id, &credential, 1), 0);
    assert_int_equal(bytes_set(&done.auth_data, auth_data, sizeof auth_data), 0);
    assert_int_equal(bytes_set(&done.signature, "sig", 3), 0);
    end_work(&done, key);
}

void key_signs(int key, uint8_t credential)
{
    key_signs_so(key, credential, RP_ID, AUTH_DATA_PRESENT | AUTH_DATA_VERIFIED);
}

void key_gives_up(int outcome)
{
    struct fido_done done = {.result = (uint32_t)outcome};
    end_work(&done, 0);
}

int probed_key(void)
{
    assert_true(rig.probing);
    return probe.path[strlen(probe.path) - 1] - '0';
}

static void end_probe(struct fido_done *done)
{
    int key = probed_key();
    rig.probing = false;
    probe.events.done(probe.events.context, done, desk_keys[key].found.id);
    fido_done_deinit(done);
}

void probe_says(int outcome)
{
    struct fido_done done = {.result = (uint32_t)outcome};
    if (outcome == OUTCOME_OK) {
        assert_int_equal(bytes_set(&done.credential_id, &probe.credential, 1), 0);
        sign_proof(hers, RP_ID, asked_hash, &done);
    }
    end_probe(&done);
}

void probe_lies(enum probe_lie lie)
{
    struct fido_done done = {.result = OUTCOME_OK};
    uint8_t credential = lie == LIE_CREDENTIAL ? probe.credential + 1 : probe.credential;
    assert_int_equal(bytes_set(&done.credential_id, &credential, 1), 0);
    sign_proof(lie == LIE_ANOTHERS_KEY ? anothers : hers,
               lie == LIE_SITE ? "elsewhere.example" : RP_ID,
               lie == LIE_OLD ? last_hash : asked_hash, &done);
    if (lie == LIE_GARBAGE)
        done.signature.data[done.signature.len - 1] ^= 1;
    if (lie == LIE_NOTHING)
        bytes_reset(&done.signature);
    if (lie == LIE_CUT)
        done.auth_data.len--;
    end_probe(&done);
}

void key_hands_over(const char *origin, int key, uint8_t credential)
{
    struct session_key *session_key = session_key_new();
    struct bytes id = {.data = &credential, .len = 1};
    keeper_assertion(rig.keeper, origin, &session_key, "op.example", &id, desk_keys[key].found.id);
    assert_null(session_key);
}

/* ---- the provider ---- */

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
    calls[kind][rig.calls[kind]++] = call;
    rig.sent[kind]++;
    if (sid)
        snprintf(rig.sent_sid, sizeof rig.sent_sid, "%s", sid);
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
    for (rig.calls[it->kind]--; i < rig.calls[it->kind]; i++)
        calls[it->kind][i] = calls[it->kind][i + 1];
    free(it);
    *call = NULL;
}

static void note_evidence(const struct cis_evidence *evidence)
{
    rig.assertion = evidence->assertion;
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
    snprintf(rig.client_data, sizeof rig.client_data, "%.*s", (int)data.len, (char *)data.data);
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
    snprintf(rig.sent_role, sizeof rig.sent_role, "%s", role);
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
    snprintf(session->uid, sizeof session->uid, "%s", rig.uid);
    for (unsigned i = 0; i < roles; i++) {
        snprintf(session->roles[i].id, sizeof session->roles[i].id, "role-%u", i);
        snprintf(session->roles[i].name, sizeof session->roles[i].name, "Nurse %u", i);
        snprintf(session->roles[i].organisation, sizeof session->roles[i].organisation, "W0001");
    }
    if (rig.keys && !rig.tells_no_key)
        put_public_key(hers, session);
    return session;
}

void answer_call(enum call_kind kind, int result, unsigned roles, int chosen)
{
    assert_true(rig.calls[kind] > 0);
    struct cis_call *call = calls[kind][0];
    struct cis_answer answer = {.result = result};
    struct cis_keys keys = {.list_count = rig.allowed ? 1 : 0,
                            .list = {{.data = &rig.allowed, .len = 1}}};
    snprintf(keys.rp_id, sizeof keys.rp_id, "%s", rig.rp_id);
    if (result == OUTCOME_OK && kind == CHALLENGE_CALL)
        answer = (struct cis_answer){.challenge = CHALLENGE,
                                     .algorithm_count = 1,
                                     .algorithms = {CARD_RS256},
                                     .keys = rig.takes_keys ? &keys : NULL};
    else if (result == OUTCOME_OK)
        answer.session = new_session(roles, chosen);
    call->fn(call->context, &answer);
    free(answer.session);
}

void answer_challenge(int result)
{
    answer_call(CHALLENGE_CALL, result, 0, -1);
}

/* ---- desktop, chooser, seal, ends, doors, audit ---- */

static void note(const char *what)
{
    size_t len = strlen(rig.order);
    snprintf(rig.order + len, sizeof rig.order - len, "%s ", what);
}

void desktop_lock(struct desktop *desktop, desktop_lock_fn *done, void *context)
{
    (void)desktop;
    (void)done;
    (void)context;
    rig.locks++;
    note("lock");
}

void desktop_tell(struct desktop *desktop, enum notice_kind kind, const char *summary,
                  const char *body)
{
    (void)desktop;
    (void)kind;
    (void)body;
    rig.notices++;
    snprintf(rig.notice, sizeof rig.notice, "%s", summary);
}

static struct chooser {
    chooser_fn *fn;
    void *context;
} chooser;

struct chooser *chooser_ask(struct loop *loop, struct helpers *helpers, const char *name,
                            const struct cis_role *roles, size_t role_count, int current,
                            unsigned timeout_seconds, chooser_fn *fn, void *context)
{
    (void)loop;
    (void)helpers;
    (void)roles;
    (void)current;
    (void)timeout_seconds;
    assert_true(name[0] != '\0' && role_count > 1);
    rig.choosing = true;
    chooser = (struct chooser){.fn = fn, .context = context};
    return &chooser;
}

void chooser_free(struct chooser **it)
{
    if (*it)
        rig.choosing = false;
    *it = NULL;
}

void choose(int result, size_t role)
{
    assert_true(rig.choosing);
    chooser.fn(chooser.context, result, role);
}

static uint8_t sealed[65536];
static size_t sealed_len;

bool seal_available(const struct seal *seal)
{
    (void)seal;
    return rig.sealing;
}

struct secret *seal_read(struct seal *seal)
{
    (void)seal;
    if (sealed_len == 0)
        return NULL;
    struct secret *secret = secret_new(sealed_len);
    secret_append(secret, sealed, sealed_len);
    return secret;
}

int seal_write(struct seal *seal, const void *data, size_t len)
{
    (void)seal;
    memcpy(sealed, data, len);
    sealed_len = len;
    return 0;
}

void seal_destroy(struct seal *seal)
{
    (void)seal;
    sealed_len = 0;
}

void end_queue_release(struct end_queue *queue, const char *alive)
{
    (void)queue;
    snprintf(rig.released, sizeof rig.released, "%s", alive ? alive : "-");
}

int end_queue_arm(struct end_queue *queue, const char *provider, const char *sid,
                  const char *statement)
{
    (void)queue;
    assert_string_equal(provider, "main");
    assert_non_null(strchr(statement, '.'));
    snprintf(rig.armed, sizeof rig.armed, "%s", sid);
    return 0;
}

void end_queue_due(struct end_queue *queue, const char *sid)
{
    (void)queue;
    snprintf(rig.due, sizeof rig.due, "%s", sid);
    rig.dues++;
    note("due");
}

void end_queue_disarm(struct end_queue *queue, const char *sid)
{
    (void)queue;
    snprintf(rig.disarmed, sizeof rig.disarmed, "%s", sid);
}

size_t end_queue_count(const struct end_queue *queue)
{
    (void)queue;
    return 0;
}

void end_queue_hurry(struct end_queue *queue)
{
    (void)queue;
}

void audit_write(const struct audit_entry *entry)
{
    rig.audits[entry->event]++;
    snprintf(rig.key_name, sizeof rig.key_name, "%s", entry->key ? entry->key : "");
}

static void changed(void *context, const struct session_view *view, const char *const *to)
{
    (void)context;
    (void)to;
    rig.changes++;
    snprintf(rig.changed_state, sizeof rig.changed_state, "%s", view->state);
    if (strcmp(view->state, "ended") == 0)
        note("told");
}

/* ---- life ---- */

void rig_restart(void)
{
    static char nothing;
    struct keeper_setup setup = {.config = &rig.config, .changed = changed};
    if (rig.keys)
        setup.key_works = (struct key_works *)&nothing; /* never looked into */
    rig.keeper = keeper_new(&setup);
    assert_non_null(rig.keeper);
}

void rig_start(unsigned modes)
{
    rig.config.session_modes = modes;
    rig_restart();
    say_changed();
}

void rig_stop(void)
{
    keeper_free(&rig.keeper);
}

/* What a killed process leaves is its sealed memory as it was, and nobody who answers. */
void rig_kill(void)
{
    uint8_t before[sizeof sealed];
    size_t len = sealed_len;
    memcpy(before, sealed, sizeof sealed);
    rig_stop();
    memcpy(sealed, before, sizeof sealed);
    sealed_len = len;
    rig.dues = 0;
    rig.due[0] = '\0';
}

int rig_setup(void **state)
{
    (void)state;
    rig = (struct rig){.uid = "555555555555",
                       .rp_id = "",
                       .config = {.origins = {.count = 3, .at = origins},
                                  .session_limit = 36000,
                                  .session_at_insertion = false,
                                  .desktop_lock = true,
                                  .pin_timeout = 120}};
    memset(&slot, 0, sizeof slot);
    memset(desk_keys, 0, sizeof desk_keys);
    slot.reader = slot.service_up = true;
    hers = EVP_EC_gen("P-256");
    anothers = EVP_EC_gen("P-256");
    assert_true(hers && anothers);
    clock_ms = 1000000;
    sealed_len = 0;
    return 0;
}

int rig_teardown(void **state)
{
    (void)state;
    rig_stop();
    EVP_PKEY_free(hers);
    EVP_PKEY_free(anothers);
    assert_null(timers);
    assert_false(rig.prompting);
    assert_false(rig.choosing || rig.working || rig.probing);
    for (int kind = 0; kind <= AUTHENTICATE_CALL; kind++)
        assert_int_equal(rig.calls[kind], 0);
    for (size_t i = 0; i < request_count; i++) {
        assert_true(requests[i]->answered); /* nobody is left without an answer */
        free(requests[i]);
    }
    request_count = 0;
    return 0;
}

struct request *sign_in(void)
{
    if (!slot.present)
        card_in(ALICE);
    struct request *page = prove(ORIGIN, INTERACTION_IF_NEEDED, -1);
    assert_true(rig.prompting);
    fetch();
    answer_challenge(OUTCOME_OK);
    sign(slot.certificate.hash[0]);
    answer_call(OPEN_CALL, OUTCOME_OK, 1, 0);
    assert_true(page->answered);
    assert_true(page->proof[0] != '\0');
    return page;
}
