/* SPDX-License-Identifier: MIT */
/* liblanyard against the doors as a process, and against agents that misbehave. */
#include "ipc/base/cleanup.h"
#include "ipc/client/lanyard.h"
#include "ipc/frame.h"
#include "test_folder_rig.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CHALLENGE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

struct fixture {
    char folder[64];
    char path[96];
    pid_t server;
    int input; /* of the server, which ends with it */
    struct lanyard *agent;
};

static int start_server(struct fixture *f)
{
    int in[2], out[2];
    if (pipe(in) < 0 || pipe(out) < 0)
        return -1;
    f->server = fork();
    if (f->server == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        execl(LANYARD_BUILD "/tests/integration/door_server", "door_server", f->path, "",
              "https://op.example", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    f->input = in[1];
    char line[16];
    ssize_t got = read(out[0], line, sizeof line); /* "ready" */
    close(out[0]);
    return got > 0 ? 0 : -1;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    strcpy(f->folder, "/tmp/test_client.XXXXXX");
    if (!folder_make(f->folder))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/lanyard/agent", f->folder);
    if (start_server(f) < 0)
        return -1;
    return lanyard_open(f->path, &f->agent, NULL) == LANYARD_OK ? 0 : -1;
}

static void stop_server(struct fixture *f)
{
    close_fd(&f->input);
    waitpid(f->server, NULL, 0);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    lanyard_close(f->agent);
    if (f->input >= 0)
        stop_server(f);
    folder_remove(f->folder);
    free(f);
    return 0;
}

/* ---- an agent that behaves ---- */

static void the_default_path_is_found(void **state)
{
    struct fixture *f = *state;
    struct lanyard *agent;
    struct lanyard_error error;
    setenv("XDG_RUNTIME_DIR", f->folder, 1);
    assert_int_equal(lanyard_open(NULL, &agent, &error), LANYARD_OK);
    assert_string_equal(lanyard_version(agent), LANYARD_VERSION);
    lanyard_close(agent);
    unsetenv("XDG_RUNTIME_DIR");
    assert_int_equal(lanyard_open(NULL, &agent, &error), LANYARD_UNREACHABLE);
    assert_string_equal(error.reason, "agent-unreachable");
    assert_string_equal(error.code, "LY-1406");
    assert_null(agent);
}

struct seen {
    char words[64];
    int tries;
};

static void note_waiting(void *context, const char *what, const char *reader, int tries_left)
{
    struct seen *seen = context;
    snprintf(seen->words + strlen(seen->words), sizeof seen->words - strlen(seen->words), "%s(%s) ",
             what, reader ? reader : "-");
    seen->tries = tries_left;
}

static void a_sign_in_gives_a_token(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    char *token;
    struct lanyard_sign_in request = {.challenge = CHALLENGE,
                                      .origin = "https://op.example",
                                      .algorithms = (const char *const[]){"ES256", NULL},
                                      .waiting = note_waiting,
                                      .context = &seen};
    assert_int_equal(lanyard_sign_in(f->agent, &request, &token, NULL), LANYARD_OK);
    assert_string_equal(token, "https://op.example " CHALLENGE);
    assert_string_equal(seen.words, "card(-) pin(Stub reader) ");
    assert_int_equal(seen.tries, 3);
    lanyard_free(token);
    request.format = "web-eid:1.1";
    request.challenge = CHALLENGE "=";
    assert_int_equal(lanyard_sign_in(f->agent, &request, &token, NULL), LANYARD_OK);
    assert_non_null(strstr(token, "\"unverifiedCertificate\""));
    lanyard_free(token);
}

static void refusals_carry_words(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct lanyard_sign_in request;
        enum lanyard_result result;
        const char *reason;
        const char *says; /* how the sentence begins */
    } rows[] = {
        {{.challenge = CHALLENGE, .origin = "https://no.example"},
         LANYARD_REFUSED,
         "not-allowed",
         "This site"},
        {{.challenge = CHALLENGE, .origin = "https://op.example", .interaction = "silent"},
         LANYARD_REFUSED,
         "interaction-required",
         "This needs"},
        {{.challenge = "short", .origin = "https://op.example"},
         LANYARD_REFUSED,
         "invalid-request",
         "challenge: base64url"},
        {{.challenge = CHALLENGE, .origin = "op.example"},
         LANYARD_REFUSED,
         "invalid-request",
         "origin: the provider's origin"},
        {{.challenge = CHALLENGE},
         LANYARD_INVALID,
         "invalid-request",
         "origin: the provider's origin"},
        {{.origin = "https://op.example"}, LANYARD_INVALID, "invalid-request", "challenge: "},
        {{.challenge = "\xff", .origin = "https://op.example"},
         LANYARD_INVALID,
         "invalid-request",
         "params: "},
        {{.challenge = CHALLENGE,
          .origin = "https://op.example",
          .interaction = "force",
          .timeout_ms = 50},
         LANYARD_TIMED_OUT,
         "timed-out",
         "Nobody"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lanyard_error error;
        char *token;
        assert_int_equal(lanyard_sign_in(f->agent, &rows[i].request, &token, &error),
                         rows[i].result);
        assert_int_equal(error.result, rows[i].result);
        assert_string_equal(error.reason, rows[i].reason);
        assert_ptr_equal(strstr(error.sentence, rows[i].says), error.sentence);
        assert_true(strlen(error.advice) > 0);
        assert_null(token);
    }
}

/* ---- the session ---- */

static const struct lanyard_session_prove at_op = {.challenge = CHALLENGE,
                                                   .origin = "https://op.example"};

static void a_proof_signs_in_where_that_is_needed(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    struct lanyard_error error;
    char *text;
    struct lanyard_session_prove request = at_op;
    request.interaction = "silent";
    assert_int_equal(lanyard_session_prove(f->agent, &request, &text, &error), LANYARD_REFUSED);
    assert_string_equal(error.reason, "interaction-required");
    assert_null(text);
    request.interaction = NULL;
    request.waiting = note_waiting;
    request.context = &seen;
    assert_int_equal(lanyard_session_prove(f->agent, &request, &text, &error), LANYARD_OK);
    assert_string_equal(text, "https://op.example " CHALLENGE " -1");
    assert_string_equal(seen.words, "provider(-) ");
    assert_int_equal(seen.tries, -1);
    lanyard_free(text);
    request.interaction = "silent";
    request.max_age = &(int){0};
    assert_int_equal(lanyard_session_prove(f->agent, &request, &text, &error), LANYARD_OK);
    assert_string_equal(text, "https://op.example " CHALLENGE " 0");
    assert_string_equal(error.reason, "");
    lanyard_free(text);
}

static void a_proof_is_refused_with_words(void **state)
{
    struct fixture *f = *state;
    static const int too_old = 86401;
    static const struct {
        struct lanyard_session_prove request;
        enum lanyard_result result;
        const char *reason;
        const char *says; /* how the sentence begins */
    } rows[] = {
        {{.challenge = CHALLENGE, .origin = "https://no.example"},
         LANYARD_REFUSED,
         "not-allowed",
         "This site"},
        {{.challenge = CHALLENGE, .origin = "https://op.example", .max_age = &too_old},
         LANYARD_REFUSED,
         "invalid-request",
         "maxAge: "},
        {{.challenge = "short", .origin = "https://op.example"},
         LANYARD_REFUSED,
         "invalid-request",
         "challenge: base64url"},
        {{.challenge = CHALLENGE}, LANYARD_INVALID, "invalid-request", "origin: "},
        {{.origin = "https://op.example"}, LANYARD_INVALID, "invalid-request", "challenge: "},
        {{.challenge = CHALLENGE, .origin = "https://op.example", .timeout_ms = -1},
         LANYARD_INVALID,
         "invalid-request",
         "timeout_ms: "},
        {{.challenge = CHALLENGE, .origin = "\xff"},
         LANYARD_INVALID,
         "invalid-request",
         "params: "},
        {{.challenge = CHALLENGE,
          .origin = "https://op.example",
          .interaction = "force",
          .timeout_ms = 50},
         LANYARD_TIMED_OUT,
         "timed-out",
         "Nobody"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lanyard_error error;
        char *proof;
        assert_int_equal(lanyard_session_prove(f->agent, &rows[i].request, &proof, &error),
                         rows[i].result);
        assert_string_equal(error.reason, rows[i].reason);
        assert_ptr_equal(strstr(error.sentence, rows[i].says), error.sentence);
        assert_null(proof);
    }
}

static void a_session_begins_changes_its_role_and_ends(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    struct lanyard_error error;
    char *json;
    assert_int_equal(lanyard_session_status(f->agent, &json, &error), LANYARD_OK);
    assert_string_equal(json, "{\"state\":\"none\",\"cause\":null,\"pendingEnds\":0}");
    lanyard_free(json);
    struct lanyard_session_role role = {.role = "r1"};
    assert_int_equal(lanyard_session_role(f->agent, &role, &json, &error), LANYARD_REFUSED);
    assert_string_equal(error.reason, "no-session");
    assert_null(json);

    struct lanyard_session_begin begin = {
        .origin = "https://op.example", .waiting = note_waiting, .context = &seen};
    assert_int_equal(lanyard_session_begin(f->agent, &begin, &json, &error), LANYARD_OK);
    assert_non_null(strstr(json, "\"sid\":\"stub-session\""));
    assert_non_null(strstr(json, "\"role\":null"));
    assert_string_equal(seen.words, "role(-) ");
    lanyard_free(json);
    assert_int_equal(lanyard_session_begin(f->agent, &begin, &json, &error), LANYARD_REFUSED);
    assert_string_equal(error.reason, "session-exists");
    assert_null(json);

    assert_int_equal(lanyard_session_role(f->agent, &role, &json, &error), LANYARD_OK);
    assert_non_null(strstr(json, "\"role\":{\"id\":\"r1\""));
    lanyard_free(json);
    role.role = "r9";
    assert_int_equal(lanyard_session_role(f->agent, &role, &json, &error), LANYARD_REFUSED);
    assert_string_equal(error.reason, "role-unknown");
    role = (struct lanyard_session_role){.waiting = note_waiting, .context = &seen};
    assert_int_equal(lanyard_session_role(f->agent, &role, &json, &error), LANYARD_OK);
    assert_string_equal(seen.words, "role(-) role(-) ");
    lanyard_free(json);

    assert_int_equal(lanyard_session_end(f->agent, &error), LANYARD_OK);
    assert_int_equal(lanyard_session_end(f->agent, &error), LANYARD_OK);
    assert_int_equal(lanyard_session_status(f->agent, &json, &error), LANYARD_OK);
    assert_non_null(strstr(json, "\"state\":\"none\""));
    lanyard_free(json);
}

static void security_keys_are_looked_after(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct lanyard_key request;
        enum lanyard_result result;
        const char *says; /* the result, or the error's reason */
    } rows[] = {
        {{.what = "info"}, LANYARD_OK, "\"versions\":[\"FIDO_2_0\"]"},
        {{.what = "info", .key = "7"}, LANYARD_OK, "\"name\":\"Stub key\""},
        {{.what = "info", .key = "8"}, LANYARD_REFUSED, "no-key"},
        {{.what = "info", .key = "Stub key"}, LANYARD_REFUSED, "invalid-request"},
        {{.what = "setPin"}, LANYARD_OK, "{}"},
        {{.what = "changePin"}, LANYARD_OK, "{}"},
        {{.what = "reset"}, LANYARD_OK, "{}"},
        {{.what = "credentials"}, LANYARD_OK, "\"id\":\"AQ\",\"rpId\":\"stub.example\""},
        {{.what = "deleteCredential", .credential = "AQ"}, LANYARD_OK, "{}"},
        {{.what = "deleteCredential", .credential = "Ag"}, LANYARD_REFUSED, "credential-unknown"},
        {{.what = "deleteCredential"}, LANYARD_REFUSED, "invalid-request"},
        {{.what = "renameCredential", .credential = "AQ", .user_name = "a", .display_name = ""},
         LANYARD_OK,
         "{}"},
        {{.what = "renameCredential", .credential = "AQ"}, LANYARD_REFUSED, "invalid-request"},
        {{.what = "erase"}, LANYARD_INVALID, "invalid-request"},
        {{.what = NULL}, LANYARD_INVALID, "invalid-request"},
        {{.what = "info", .key = "\xff"}, LANYARD_INVALID, "invalid-request"},
        {{.what = "info", .timeout_ms = -1}, LANYARD_INVALID, "invalid-request"},
    };
    struct lanyard_error error;
    char *json;
    assert_int_equal(lanyard_key_list(f->agent, &json, &error), LANYARD_OK);
    assert_string_equal(json, "{\"keys\":[{\"id\":\"7\",\"name\":\"Stub key\",\"path\":"
                              "\"/dev/stub\",\"session\":false}]}");
    lanyard_free(json);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen seen = {0};
        struct lanyard_key request = rows[i].request;
        request.waiting = note_waiting;
        request.context = &seen;
        assert_int_equal(lanyard_key(f->agent, &request, &json, &error), rows[i].result);
        assert_non_null(strstr(json ? json : error.reason, rows[i].says));
        if (rows[i].result == LANYARD_OK)
            assert_string_equal(seen.words, "key-pin(Stub key) ");
        lanyard_free(json);
    }
}

static void a_program_may_choose_the_role_itself(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    char *json;
    struct lanyard_session_begin begin = {
        .role = "caller", .waiting = note_waiting, .context = &seen};
    assert_int_equal(lanyard_session_begin(f->agent, &begin, &json, NULL), LANYARD_OK);
    assert_string_equal(seen.words, "");
    lanyard_free(json);
    begin.role = "nobody";
    struct lanyard_error error;
    assert_int_equal(lanyard_session_begin(f->agent, &begin, &json, &error), LANYARD_REFUSED);
    assert_ptr_equal(strstr(error.sentence, "role: window or caller"), error.sentence);
    begin.timeout_ms = -1;
    assert_int_equal(lanyard_session_begin(f->agent, &begin, &json, &error), LANYARD_INVALID);
    const struct lanyard_session_role role = {.timeout_ms = -1};
    assert_int_equal(lanyard_session_role(f->agent, &role, &json, &error), LANYARD_INVALID);
}

static void the_longest_session_is_read(void **state)
{
    struct fixture *f = *state;
    char *text;
    assert_int_equal(lanyard_session_prove(f->agent, &at_op, &text, NULL), LANYARD_OK);
    lanyard_free(text);
    assert_int_equal(lanyard_subscribe(f->agent, NULL), LANYARD_OK);
    assert_int_equal(kill(f->server, SIGHUP), 0);
    assert_int_equal(lanyard_next_event(f->agent, -1, &text, NULL), LANYARD_OK);
    assert_true(strlen(text) > 256 * 256);
    assert_non_null(strstr(text, "\"cause\":\"role-changed\""));
    lanyard_free(text);
    assert_int_equal(lanyard_session_status(f->agent, &text, NULL), LANYARD_OK);
    assert_true(strlen(text) > 256 * 256);
    lanyard_free(text);
}

/* The stub's process is gone right after it has told of the end: what it wrote still counts. */
static void the_end_of_a_session_is_an_event(void **state)
{
    struct fixture *f = *state;
    struct lanyard *unsubscribed;
    char *text;
    assert_int_equal(lanyard_open(f->path, &unsubscribed, NULL), LANYARD_OK);
    assert_int_equal(lanyard_session_prove(f->agent, &at_op, &text, NULL), LANYARD_OK);
    lanyard_free(text);
    assert_int_equal(lanyard_subscribe(f->agent, NULL), LANYARD_OK);
    assert_int_equal(kill(f->server, SIGUSR2), 0);
    assert_int_equal(lanyard_next_event(f->agent, -1, &text, NULL), LANYARD_OK);
    assert_string_equal(text, "{\"method\":\"session.changed\",\"params\":{\"state\":\"none\","
                              "\"cause\":\"card-removed\",\"pendingEnds\":0}}");
    lanyard_free(text);
    assert_int_equal(lanyard_next_event(unsubscribed, -1, &text, NULL), LANYARD_UNREACHABLE);
    assert_int_equal(lanyard_session_end(f->agent, NULL), LANYARD_UNREACHABLE);
    lanyard_close(unsubscribed);
}

static void cancel_when_waiting(void *context, const char *what, const char *reader, int tries_left)
{
    (void)what;
    (void)reader;
    (void)tries_left;
    lanyard_cancel(context);
}

static void cancelling_leaves_a_usable_connection(void **state)
{
    struct fixture *f = *state;
    char *text;
    struct lanyard_sign_in request = {.challenge = CHALLENGE,
                                      .origin = "https://op.example",
                                      .interaction = "force",
                                      .waiting = cancel_when_waiting,
                                      .context = f->agent};
    assert_int_equal(lanyard_sign_in(f->agent, &request, &text, NULL), LANYARD_CANCELLED);
    assert_int_equal(lanyard_card_list(f->agent, &text, NULL), LANYARD_OK);
    assert_non_null(strstr(text, "Stub reader"));
    lanyard_free(text);
    assert_int_equal(lanyard_status(f->agent, &text, NULL), LANYARD_OK);
    assert_non_null(strstr(text, "\"no-broker\""));
    lanyard_free(text);
}

static void events_come(void **state)
{
    struct fixture *f = *state;
    char *event;
    assert_int_equal(lanyard_subscribe(f->agent, NULL), LANYARD_OK);
    assert_int_equal(lanyard_next_event(f->agent, 0, &event, NULL), LANYARD_TIMED_OUT);
    assert_int_equal(kill(f->server, SIGUSR1), 0);
    assert_int_equal(lanyard_next_event(f->agent, -1, &event, NULL), LANYARD_OK);
    assert_non_null(strstr(event, "\"method\":\"card.changed\""));
    lanyard_free(event);
    lanyard_cancel(f->agent);
    assert_int_equal(lanyard_next_event(f->agent, -1, &event, NULL), LANYARD_CANCELLED);
    assert_null(event);
}

static void the_end_of_the_agent_is_told(void **state)
{
    struct fixture *f = *state;
    char *text;
    stop_server(f);
    struct lanyard_error error;
    assert_int_equal(lanyard_next_event(f->agent, -1, &text, &error), LANYARD_UNREACHABLE);
    assert_int_equal(lanyard_card_list(f->agent, &text, &error), LANYARD_UNREACHABLE);
    struct lanyard *again;
    assert_int_equal(lanyard_open(f->path, &again, &error), LANYARD_UNREACHABLE);
}

/* ---- agents that do not ---- */

struct impostor {
    int listener;
    const char *bytes;
    size_t len;
};

static void *answer_badly(void *context)
{
    const struct impostor *impostor = context;
    CLEANUP(close_fd) int fd = accept(impostor->listener, NULL, NULL);
    CLEANUP(bytes_deinit) struct bytes body = {0};
    if (frame_receive(fd, &body, FRAME_MAX_JSON) == 0 && impostor->len > 0)
        send(fd, impostor->bytes, impostor->len, MSG_NOSIGNAL);
    return NULL;
}

static void bad_answers_are_no_answers(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t len;
        enum lanyard_result result;
    } rows[] = {
        {"", 0, LANYARD_UNREACHABLE},
        {"\0\0\0\0", 4, LANYARD_UNREACHABLE},
        {"\xff\xff\xff\xff", 4, LANYARD_UNREACHABLE},
        {"\0\0\0\2[]", 6, LANYARD_UNREACHABLE},
        {"\0\0\0\1{", 5, LANYARD_UNREACHABLE},
        {"\0\0\0\x16{\"id\":1,\"result\":true}", 26, LANYARD_UNREACHABLE},
        {"\0\0\0\x15{\"id\":9,\"result\":{} }", 25, LANYARD_UNREACHABLE}, /* another's answer */
        {"\0\0\0\x13{\"id\":1,\"error\":{}}", 23, LANYARD_REFUSED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof address.sun_path, "%s/impostor", f->folder);
        CLEANUP(close_fd) int listener = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
        assert_int_equal(listen(listener, 1), 0);
        struct impostor impostor = {listener, rows[i].bytes, rows[i].len};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, answer_badly, &impostor), 0);
        struct lanyard *agent;
        if (lanyard_open(address.sun_path, &agent, NULL) != rows[i].result)
            fail_msg("row %zu", i);
        assert_null(agent);
        pthread_join(thread, NULL);
        unlink(address.sun_path);
    }
}

static void a_path_too_long_is_invalid(void **state)
{
    (void)state;
    char path[200];
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = '\0';
    struct lanyard *agent;
    assert_int_equal(lanyard_open(path, &agent, NULL), LANYARD_INVALID);
    lanyard_close(NULL);
    lanyard_free(NULL);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_default_path_is_found),
        T(a_sign_in_gives_a_token),
        T(refusals_carry_words),
        T(a_proof_signs_in_where_that_is_needed),
        T(a_proof_is_refused_with_words),
        T(a_session_begins_changes_its_role_and_ends),
        T(security_keys_are_looked_after),
        T(a_program_may_choose_the_role_itself),
        T(the_longest_session_is_read),
        T(the_end_of_a_session_is_an_event),
        T(cancelling_leaves_a_usable_connection),
        T(events_come),
        T(the_end_of_the_agent_is_told),
        T(bad_answers_are_no_answers),
        cmocka_unit_test(a_path_too_long_is_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
