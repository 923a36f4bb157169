/* SPDX-License-Identifier: MIT */
/*
 * A call writes one request and reads until its answer has come. Waiting is one poll(2) on two
 * descriptors: the agent's socket and an eventfd, which lanyard_cancel makes readable; writing to
 * an eventfd is all it does, so signal handlers may.
 *
 * A call that gives up tells the agent (operation.cancel) and leaves; the late answer is recognised
 * by its number and dropped by whichever call reads it. Notifications that arrive while another
 * answer is awaited are kept, up to a bound, for lanyard_next_event.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/clock.h"
#include "ipc/client/reply.h"
#include "ipc/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum {
    PROTOCOL = 1,
    ANSWER_WITHIN_MS = 5000,   /* an agent on this computer answers in milliseconds */
    PERSON_WITHIN_MS = 120000, /* as long as a provider's challenge lives */
    PINS_WITHIN_MS = 300000,   /* one that there is, and a new one, twice */
    EVENTS_KEPT = 64,          /* beyond, the oldest goes: the newest says how things stand */
    VERSION_BYTES = 32,
    READ_PIECE = 4096,
};

#define EXPORT __attribute__((visibility("default")))

struct event {
    STAILQ_ENTRY(event) link;
    char *json;
};

struct lanyard {
    int fd;
    int cancel; /* eventfd */
    int64_t last_id;
    struct frame_reader in;
    char version[VERSION_BYTES];
    size_t event_count;
    STAILQ_HEAD(, event) events; /* the oldest first */
};

/* One call under way. */
struct call {
    const char *method;
    int timeout_ms;
    int64_t id;                  /* -1: waits for a notification */
    int64_t deadline;            /* CLOCK_MONOTONIC, milliseconds; -1: none */
    lanyard_waiting_fn *waiting; /* NULL: nobody is told */
    void *context;               /* of waiting */
    struct message answer;
};

EXPORT void lanyard_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

/* ---- events that wait ---- */

static char *first_event(struct lanyard *agent)
{
    struct event *event = STAILQ_FIRST(&agent->events);
    if (!event)
        return NULL;
    STAILQ_REMOVE_HEAD(&agent->events, link);
    agent->event_count--;
    char *json = event->json;
    free(event);
    return json;
}

/* One that there is no memory for is lost, like one too many. */
static void keep_event(struct lanyard *agent, const json_t *root)
{
    json_t *event = json_pack("{s:O, s:O?}", "method", json_object_get(root, "method"), "params",
                              json_object_get(root, "params"));
    char *json = event ? json_dumps(event, JSON_COMPACT) : NULL;
    json_decref(event);
    struct event *kept = json ? calloc(1, sizeof *kept) : NULL;
    if (!kept) {
        free(json);
        return;
    }
    kept->json = json;
    STAILQ_INSERT_TAIL(&agent->events, kept, link);
    if (++agent->event_count > EVENTS_KEPT)
        lanyard_free(first_event(agent));
}

/* ---- reading until the answer is there ---- */

static void tell_waiting(const struct call *call, const json_t *message)
{
    const json_t *params = json_object_get(message, "params");
    const json_t *request = json_object_get(params, "request");
    const char *what = json_string_value(json_object_get(params, "for"));
    const json_t *tries = json_object_get(params, "triesLeft");
    if (!call->waiting || !what || !json_is_integer(request) ||
        json_integer_value(request) != call->id)
        return;
    call->waiting(call->context, what, json_string_value(json_object_get(params, "reader")),
                  json_is_integer(tries) ? (int)json_integer_value(tries) : -1);
}

/* Takes in one message. True when it ends the call. */
static bool take_message(struct lanyard *agent, struct call *call, struct message *message)
{
    if (message->kind == MESSAGE_NOTIFICATION) {
        if (strcmp(message->method, "operation.waiting") == 0)
            tell_waiting(call, message->root);
        else
            keep_event(agent, message->root);
        return call->id < 0 && agent->event_count > 0;
    }
    if (message->id != call->id || call->id < 0)
        return false; /* the late answer of a call that gave up */
    call->answer = *message;
    *message = (struct message){0};
    return true;
}

/* Takes in what has arrived. 1: the call has its answer; 0: not yet; -errno. */
static int take_messages(struct lanyard *agent, struct call *call)
{
    const uint8_t *body;
    size_t len;
    while ((body = frame_reader_peek(&agent->in, &len))) {
        CLEANUP(message_deinit) struct message message = {0};
        int r = message_decode(body, len, &message);
        frame_reader_pop(&agent->in);
        if (r < 0)
            return r;
        if (take_message(agent, call, &message))
            return 1;
    }
    return 0;
}

/* LANYARD_OK: bytes are there to be read (or the end of file). */
static enum lanyard_result wait_for_bytes(const struct lanyard *agent, const struct call *call)
{
    struct pollfd fds[] = {{.fd = agent->fd, .events = POLLIN},
                           {.fd = agent->cancel, .events = POLLIN}};
    for (;;) {
        int64_t left = call->deadline < 0 ? -1 : call->deadline - clock_ms();
        if (call->deadline >= 0 && left < 0)
            left = 0;
        int ready = poll(fds, 2, (int)left);
        if (ready < 0 && errno != EINTR)
            return LANYARD_UNREACHABLE;
        if (ready == 0)
            return LANYARD_TIMED_OUT;
        uint64_t count;
        if (ready > 0 && fds[1].revents &&
            read(agent->cancel, &count, sizeof count) == sizeof count)
            return LANYARD_CANCELLED;
        if (ready > 0 && fds[0].revents)
            return LANYARD_OK;
    }
}

static enum lanyard_result read_until_answered(struct lanyard *agent, struct call *call)
{
    int r;
    while ((r = take_messages(agent, call)) == 0) {
        enum lanyard_result result = wait_for_bytes(agent, call);
        if (result != LANYARD_OK)
            return result;
        uint8_t piece[READ_PIECE];
        ssize_t got = recv(agent->fd, piece, sizeof piece, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (got <= 0)
            return LANYARD_UNREACHABLE;
        r = frame_reader_push(&agent->in, piece, (size_t)got);
        explicit_bzero(piece, (size_t)got);
        if (r < 0)
            break;
    }
    return r > 0 ? LANYARD_OK : r == -ENOMEM ? LANYARD_NO_MEMORY : LANYARD_UNREACHABLE;
}

/* ---- calls ---- */

/* Takes params. */
static enum lanyard_result send_request(struct lanyard *agent, const char *method, json_t *params)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    if (request_encode(&text, ++agent->last_id, method, params) < 0)
        return LANYARD_NO_MEMORY;
    int r = frame_send(agent->fd, text.data, text.len, FRAME_MAX_JSON);
    return r == 0 ? LANYARD_OK : r == -EMSGSIZE ? LANYARD_INVALID : LANYARD_UNREACHABLE;
}

/* Sends and waits. Takes params. On LANYARD_OK call->answer holds the result. */
static enum lanyard_result ask(struct lanyard *agent, struct call *call, json_t *params,
                               struct lanyard_error *error)
{
    enum lanyard_result result = send_request(agent, call->method, params);
    if (result != LANYARD_OK)
        return error_of(error, result);
    call->id = agent->last_id;
    call->deadline = clock_ms() + call->timeout_ms;
    result = read_until_answered(agent, call);
    if (result == LANYARD_CANCELLED || result == LANYARD_TIMED_OUT)
        send_request(agent, "operation.cancel",
                     json_pack("{s:I}", "request", (json_int_t)call->id));
    if (result != LANYARD_OK)
        return error_of(error, result);
    if (call->answer.kind == MESSAGE_ERROR)
        return error_from_agent(error, call->answer.body);
    return error_of(error, LANYARD_OK);
}

/* A text as it is, an object as JSON; NULL: neither, or no memory. */
static char *value_text(const json_t *value)
{
    if (json_is_string(value))
        return strdup(json_string_value(value));
    return json_is_object(value) ? json_dumps(value, JSON_COMPACT) : NULL;
}

/* Asks, and gives the result's member (NULL: the whole result) as text. Takes params, which are
 * NULL where they could not be made. */
static enum lanyard_result ask_for_text(struct lanyard *agent, struct call *call, json_t *params,
                                        const char *member, char **text,
                                        struct lanyard_error *error)
{
    if (!params)
        return error_invalid(error, "params: text that is not UTF-8");
    enum lanyard_result result = ask(agent, call, params, error);
    if (result == LANYARD_OK) {
        const json_t *whole = call->answer.body;
        const json_t *value = member ? json_object_get(whole, member) : whole;
        *text = value_text(value);
        if (!*text)
            result = error_of(error, value ? LANYARD_NO_MEMORY : LANYARD_REFUSED);
    }
    message_deinit(&call->answer);
    return result;
}

static enum lanyard_result ask_at_once(struct lanyard *agent, const char *method, char **json,
                                       struct lanyard_error *error)
{
    struct call call = {.method = method, .timeout_ms = ANSWER_WITHIN_MS};
    *json = NULL;
    return ask_for_text(agent, &call, json_object(), NULL, json, error);
}

/* ---- what may wait for the person ---- */

static int patience(int timeout_ms)
{
    return timeout_ms ? timeout_ms : PERSON_WITHIN_MS;
}

static const char *wrong_timeout(int timeout_ms)
{
    return timeout_ms < 0 ? "timeout_ms: 0 or more is needed" : NULL;
}

static const char *wrong_provider(const char *challenge, const char *origin, int timeout_ms)
{
    return !challenge ? "challenge: the provider's nonce is needed"
           : !origin  ? "origin: the provider's origin is needed"
                      : wrong_timeout(timeout_ms);
}

EXPORT enum lanyard_result lanyard_sign_in(struct lanyard *agent,
                                           const struct lanyard_sign_in *request, char **token,
                                           struct lanyard_error *error)
{
    *token = NULL;
    const char *wrong = wrong_provider(request->challenge, request->origin, request->timeout_ms);
    if (wrong)
        return error_invalid(error, wrong);
    struct call call = {.method = "card.signIn",
                        .timeout_ms = patience(request->timeout_ms),
                        .waiting = request->waiting,
                        .context = request->context};
    return ask_for_text(agent, &call, sign_in_params(request), "token", token, error);
}

EXPORT enum lanyard_result lanyard_session_prove(struct lanyard *agent,
                                                 const struct lanyard_session_prove *request,
                                                 char **proof, struct lanyard_error *error)
{
    *proof = NULL;
    const char *wrong = wrong_provider(request->challenge, request->origin, request->timeout_ms);
    if (wrong)
        return error_invalid(error, wrong);
    struct call call = {.method = "session.prove",
                        .timeout_ms = patience(request->timeout_ms),
                        .waiting = request->waiting,
                        .context = request->context};
    return ask_for_text(agent, &call, prove_params(request), "proof", proof, error);
}

EXPORT enum lanyard_result lanyard_session_begin(struct lanyard *agent,
                                                 const struct lanyard_session_begin *request,
                                                 char **json, struct lanyard_error *error)
{
    *json = NULL;
    const char *wrong = wrong_timeout(request->timeout_ms);
    if (wrong)
        return error_invalid(error, wrong);
    struct call call = {.method = "session.begin",
                        .timeout_ms = patience(request->timeout_ms),
                        .waiting = request->waiting,
                        .context = request->context};
    return ask_for_text(agent, &call, begin_params(request), NULL, json, error);
}

EXPORT enum lanyard_result lanyard_session_role(struct lanyard *agent,
                                                const struct lanyard_session_role *request,
                                                char **json, struct lanyard_error *error)
{
    *json = NULL;
    const char *wrong = wrong_timeout(request->timeout_ms);
    if (wrong)
        return error_invalid(error, wrong);
    struct call call = {.method = "session.role",
                        .timeout_ms = patience(request->timeout_ms),
                        .waiting = request->waiting,
                        .context = request->context};
    return ask_for_text(agent, &call, role_params(request), NULL, json, error);
}

EXPORT enum lanyard_result lanyard_card_pin(struct lanyard *agent,
                                            const struct lanyard_card_pin *request,
                                            struct lanyard_error *error)
{
    bool change = request->what && strcmp(request->what, "changePin") == 0;
    bool unblock = request->what && strcmp(request->what, "unblockPin") == 0;
    const char *wrong =
        change || unblock ? wrong_timeout(request->timeout_ms) : "what: changePin or unblockPin";
    if (wrong)
        return error_invalid(error, wrong);
    struct call call = {.method = unblock ? "card.unblockPin" : "card.changePin",
                        .timeout_ms = request->timeout_ms ? request->timeout_ms : PINS_WITHIN_MS,
                        .waiting = request->waiting,
                        .context = request->context};
    json_t *params = json_pack("{s:s*}", "reader", request->reader);
    if (!params)
        return error_invalid(error, "reader: text that is not UTF-8");
    enum lanyard_result result = ask(agent, &call, params, error);
    message_deinit(&call.answer);
    return result;
}

/* The method key.WHAT; NULL: there is none such. */
static const char *key_method(const char *what)
{
    static const char *const methods[] = {
        "key.info",        "key.setPin",           "key.changePin",
        "key.credentials", "key.deleteCredential", "key.renameCredential",
        "key.reset"};
    for (size_t i = 0; what && i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i] + strlen("key."), what) == 0)
            return methods[i];
    return NULL;
}

EXPORT enum lanyard_result lanyard_key(struct lanyard *agent, const struct lanyard_key *request,
                                       char **json, struct lanyard_error *error)
{
    *json = NULL;
    struct call call = {.method = key_method(request->what),
                        .timeout_ms = patience(request->timeout_ms),
                        .waiting = request->waiting,
                        .context = request->context};
    const char *wrong = call.method ? wrong_timeout(request->timeout_ms)
                                    : "what: info, setPin, changePin, credentials, "
                                      "deleteCredential, renameCredential or reset";
    if (wrong)
        return error_invalid(error, wrong);
    return ask_for_text(agent, &call, key_params(request), NULL, json, error);
}

/* ---- what is answered at once ---- */

EXPORT enum lanyard_result lanyard_session_status(struct lanyard *agent, char **json,
                                                  struct lanyard_error *error)
{
    return ask_at_once(agent, "session.status", json, error);
}

EXPORT enum lanyard_result lanyard_session_end(struct lanyard *agent, struct lanyard_error *error)
{
    struct call call = {.method = "session.end", .timeout_ms = ANSWER_WITHIN_MS};
    enum lanyard_result result = ask(agent, &call, NULL, error);
    message_deinit(&call.answer);
    return result;
}

EXPORT enum lanyard_result lanyard_open_status(struct lanyard *agent, char **url,
                                               struct lanyard_error *error)
{
    *url = NULL;
    struct call call = {.method = "agent.openStatus", .timeout_ms = ANSWER_WITHIN_MS};
    return ask_for_text(agent, &call, json_object(), "url", url, error);
}

EXPORT enum lanyard_result lanyard_note_doctor(struct lanyard *agent, const char *json,
                                               struct lanyard_error *error)
{
    struct call call = {.method = "agent.openStatus", .timeout_ms = ANSWER_WITHIN_MS};
    json_t *found = json_loads(json, 0, NULL);
    if (!found)
        return error_invalid(error, "json: what lanyard doctor --json writes is needed");
    enum lanyard_result result = ask(agent, &call, json_pack("{s:o}", "doctor", found), error);
    message_deinit(&call.answer);
    return result;
}

EXPORT enum lanyard_result lanyard_card_list(struct lanyard *agent, char **json,
                                             struct lanyard_error *error)
{
    return ask_at_once(agent, "card.list", json, error);
}

EXPORT enum lanyard_result lanyard_key_list(struct lanyard *agent, char **json,
                                            struct lanyard_error *error)
{
    return ask_at_once(agent, "key.list", json, error);
}

EXPORT enum lanyard_result lanyard_status(struct lanyard *agent, char **json,
                                          struct lanyard_error *error)
{
    return ask_at_once(agent, "agent.status", json, error);
}

EXPORT enum lanyard_result lanyard_subscribe(struct lanyard *agent, struct lanyard_error *error)
{
    struct call call = {.method = "agent.subscribe", .timeout_ms = ANSWER_WITHIN_MS};
    enum lanyard_result result = ask(agent, &call, NULL, error);
    message_deinit(&call.answer);
    return result;
}

EXPORT enum lanyard_result lanyard_next_event(struct lanyard *agent, int timeout_ms, char **json,
                                              struct lanyard_error *error)
{
    struct call call = {.id = -1, .deadline = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms};
    enum lanyard_result result =
        agent->event_count > 0 ? LANYARD_OK : read_until_answered(agent, &call);
    *json = result == LANYARD_OK ? first_event(agent) : NULL;
    return error_of(error, result);
}

EXPORT void lanyard_cancel(struct lanyard *agent)
{
    int saved = errno;
    ssize_t put = write(agent->cancel, &(uint64_t){1}, sizeof(uint64_t));
    (void)put; /* full: it is cancelled already */
    errno = saved;
}

/* ---- opening ---- */

/* 0, or -EINVAL: no default, or too long. */
static int find_path(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t size = sizeof address->sun_path;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (!path && (!runtime || runtime[0] != '/'))
        return -EINVAL;
    int len = path ? snprintf(address->sun_path, size, "%s", path)
                   : snprintf(address->sun_path, size, "%s/lanyard/agent", runtime);
    return len < 0 || (size_t)len >= size ? -EINVAL : 0;
}

static enum lanyard_result say_hello(struct lanyard *agent, struct lanyard_error *error)
{
    struct call call = {.method = "agent.hello", .timeout_ms = ANSWER_WITHIN_MS};
    enum lanyard_result result =
        ask(agent, &call, json_pack("{s:[i]}", "protocol", PROTOCOL), error);
    const char *version = json_string_value(json_object_get(call.answer.body, "version"));
    if (result == LANYARD_OK && version)
        snprintf(agent->version, sizeof agent->version, "%s", version);
    message_deinit(&call.answer);
    return result;
}

static void close_agent(struct lanyard **agent)
{
    lanyard_close(*agent);
}

EXPORT enum lanyard_result lanyard_open(const char *path, struct lanyard **agent,
                                        struct lanyard_error *error)
{
    *agent = NULL;
    struct sockaddr_un address;
    if (find_path(path, &address) < 0)
        return error_of(error, path ? LANYARD_INVALID : LANYARD_UNREACHABLE);
    CLEANUP(close_agent) struct lanyard *opened = calloc(1, sizeof *opened);
    if (!opened)
        return error_of(error, LANYARD_NO_MEMORY);
    STAILQ_INIT(&opened->events);
    opened->in = FRAME_READER(FRAME_MAX_ANSWER);
    opened->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    opened->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (opened->fd < 0 || opened->cancel < 0)
        return error_of(error, LANYARD_NO_MEMORY);
    /* An agent that stands still must not hold the caller: bounds connecting and sending. */
    const struct timeval patience = {.tv_sec = ANSWER_WITHIN_MS / 1000};
    setsockopt(opened->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(opened->fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return error_of(error, LANYARD_UNREACHABLE);
    enum lanyard_result result = say_hello(opened, error);
    if (result == LANYARD_OK)
        *agent = STEAL(opened);
    return result;
}

EXPORT void lanyard_close(struct lanyard *agent)
{
    if (!agent)
        return;
    for (char *json; (json = first_event(agent));)
        lanyard_free(json);
    frame_reader_deinit(&agent->in);
    close_fd(&agent->fd);
    close_fd(&agent->cancel);
    free(agent);
}

EXPORT const char *lanyard_version(const struct lanyard *agent)
{
    return agent->version;
}
