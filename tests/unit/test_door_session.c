/* SPDX-License-Identifier: MIT */
/*
 * The session at the doors, without a socket: what reaches the service, what each kind of caller
 * reads, and who is told of a change and who is not.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/door/connection.h"
#include "ipc/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHALLENGE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define WITH_CHALLENGE "\"challenge\":\"" CHALLENGE "\""

/* One conversation, and what came of it. */
struct peer {
    struct connection connection; /* first: the transport casts back */
    unsigned sent, flushed;
    enum close_code closed; /* 0: open */
    struct bytes last;      /* the last message, terminated */
};

struct fixture {
    struct loop *loop;
    struct connections set;
    struct peer page, other_page, program, subscriber;
    const char *asked; /* which callback ran last */
    struct request *kept;
    struct session_prove_params prove;
    struct session_begin_params begin;
    struct session_role_params role;
    unsigned refusals;
};

static const char *const listed[] = {"https://op.example", "https://other.example", NULL};
static const char *const of_provider[] = {"https://op.example", "https://op2.example", NULL};

/* ---- a service that keeps what it is given ---- */

static void keep(struct fixture *f, const char *name, struct request *request)
{
    f->asked = name;
    f->kept = request;
}

static void sign_in(void *context, struct request *request, const struct sign_in_params *params)
{
    (void)params;
    keep(context, "sign_in", request);
}

static void prove(void *context, struct request *request, const struct session_prove_params *params)
{
    struct fixture *f = context;
    f->prove = *params;
    keep(f, "prove", request);
}

static void begin(void *context, struct request *request, const struct session_begin_params *params)
{
    struct fixture *f = context;
    f->begin = *params;
    keep(f, "begin", request);
}

static void status(void *context, struct request *request)
{
    keep(context, "status", request);
}

static void role(void *context, struct request *request, const struct session_role_params *params)
{
    struct fixture *f = context;
    f->role = *params;
    keep(f, "role", request);
}

static void end(void *context, struct request *request)
{
    keep(context, "end", request);
}

static void cancel(void *context, struct request *request)
{
    (void)context;
    answer_error(&request, OUTCOME_CANCELLED);
}

static void refused(void *context, const struct caller *caller, const char *origin, int result)
{
    struct fixture *f = context;
    assert_int_equal(caller->door, DOOR_NATIVE);
    assert_string_equal(origin, "https://no.example");
    assert_int_equal(result, OUTCOME_NOT_ALLOWED);
    f->refusals++;
}

static struct service service = {.sign_in = sign_in,
                                 .session_prove = prove,
                                 .session_begin = begin,
                                 .session_status = status,
                                 .session_role = role,
                                 .session_end = end,
                                 .card_list = status,
                                 .status = status,
                                 .cancel = cancel,
                                 .refused = refused};

/* ---- four conversations ---- */

static void take(struct connection *connection, const struct bytes *message)
{
    struct peer *peer = (struct peer *)connection;
    peer->sent++;
    bytes_reset(&peer->last);
    bytes_append(&peer->last, message->data, message->len);
    bytes_append(&peer->last, "", 1);
}

/* What is flushed has been sent. */
static void flush(struct connection *connection)
{
    struct peer *peer = (struct peer *)connection;
    peer->flushed = peer->sent;
}

static void note_close(struct connection *connection, enum close_code code)
{
    ((struct peer *)connection)->closed = code;
}

static const struct transport transport = {take, flush, note_close};

static int setup(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    service.context = f;
    f->loop = loop_new();
    if (connections_init(&f->set, f->loop, &service, listed) < 0)
        return -1;
    const struct caller page = {.door = DOOR_WEB, .origin = "https://op.example"},
                        other = {.door = DOOR_WEB, .origin = "https://other.example"},
                        program = {.door = DOOR_NATIVE, .pid = 7};
    connection_open(&f->page.connection, &f->set, &transport, &page);
    connection_open(&f->other_page.connection, &f->set, &transport, &other);
    connection_open(&f->program.connection, &f->set, &transport, &program);
    connection_open(&f->subscriber.connection, &f->set, &transport, &program);
    f->subscriber.connection.subscribed = true;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct peer *const peers[] = {&f->page, &f->other_page, &f->program, &f->subscriber};
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        connection_gone(&peers[i]->connection);
        bytes_deinit(&peers[i]->last);
    }
    connections_deinit(&f->set);
    loop_free(&f->loop);
    free(f);
    return 0;
}

static void call(struct peer *peer, const char *method, const char *params)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s}}",
             method, params);
    connection_receive(&peer->connection, text, strlen(text));
}

static void expect(const struct peer *peer, const char *text)
{
    assert_non_null(peer->last.data);
    assert_string_equal((const char *)peer->last.data, text);
}

static void expect_words(const struct peer *peer, const char *words)
{
    assert_non_null(peer->last.data);
    if (!strstr((const char *)peer->last.data, words))
        fail_msg("%s is not in %s", words, (const char *)peer->last.data);
}

/* ---- views ---- */

static const struct role_view two_roles[] = {
    {.id = "r1", .name = "Nurse", .organisation = "Infirmary", .code = "R8001"},
    {.id = "r2", .name = "Clerk", .organisation = "Infirmary"}};
static const char *const methods[] = {"sc", "pin"};

static struct session_view active(void)
{
    return (struct session_view){.state = "active",
                                 .cause = "signed-in",
                                 .live = true,
                                 .provider = "care-identity",
                                 .sid = "s1",
                                 .uid = "555",
                                 .role = &two_roles[1],
                                 .role_count = 2,
                                 .roles = two_roles,
                                 .amr_count = 2,
                                 .amr = methods,
                                 .auth_time = 1790000000,
                                 .expires_in = 36000,
                                 .idle_in = 3600,
                                 .card = true,
                                 .pending_ends = 3};
}

/* What is not live has nothing to say about a person, whatever stands in the view. */
static struct session_view ended(void)
{
    struct session_view view = active();
    view.state = "ended";
    view.cause = "card-removed";
    view.live = false;
    return view;
}

#define ACTIVE                                                                                     \
    "{\"state\":\"active\",\"cause\":\"signed-in\",\"provider\":\"care-identity\",\"sid\":\"s1\"," \
    "\"uid\":\"555\",\"name\":null,\"role\":{\"id\":\"r2\",\"name\":\"Clerk\","                    \
    "\"organisation\":\"Infirmary\",\"code\":null},\"roles\":[{\"id\":\"r1\",\"name\":\"Nurse\","  \
    "\"organisation\":\"Infirmary\",\"code\":\"R8001\"},{\"id\":\"r2\",\"name\":\"Clerk\","        \
    "\"organisation\":\"Infirmary\",\"code\":null}],\"acr\":null,\"amr\":[\"sc\",\"pin\"],"        \
    "\"authTime\":1790000000,\"expiresIn\":36000,\"idleIn\":3600,\"card\":true,"                   \
    "\"reachable\":false"

/* ---- requests ---- */

static void a_page_proves_for_its_own_origin(void **state)
{
    struct fixture *f = *state;
    call(&f->page, "session.prove", WITH_CHALLENGE ",\"interaction\":\"silent\",\"maxAge\":86400");
    assert_string_equal(f->asked, "prove");
    assert_string_equal(f->prove.origin, "https://op.example");
    assert_string_equal(f->prove.challenge, CHALLENGE);
    assert_int_equal(f->prove.interaction, INTERACTION_SILENT);
    assert_int_equal(f->prove.max_age, 86400);
    answer_proof(&f->kept, "a.b.c");
    assert_null(f->kept);
    expect(&f->page, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"proof\":\"a.b.c\"}}");
}

static void a_page_that_waits_is_told_for_what(void **state)
{
    struct fixture *f = *state;
    call(&f->page, "session.prove", WITH_CHALLENGE);
    assert_int_equal(f->prove.interaction, INTERACTION_IF_NEEDED);
    assert_int_equal(f->prove.max_age, -1);
    request_waiting(f->kept, WAITING_PROVIDER, NULL, -1);
    expect_words(&f->page, "\"for\":\"provider\"");
    request_waiting(f->kept, WAITING_ROLE, NULL, -1);
    expect_words(&f->page, "\"for\":\"role\"");
    assert_int_equal(f->other_page.sent + f->subscriber.sent, 0);
    answer_error(&f->kept, OUTCOME_PROVIDER_UNREACHABLE);
    expect_words(&f->page, "\"reason\":\"provider-unreachable\",\"code\":\"LY-1601\"");
}

static void a_program_names_a_listed_origin(void **state)
{
    struct fixture *f = *state;
    call(&f->program, "session.prove", WITH_CHALLENGE ",\"origin\":\"https://op.example\"");
    assert_string_equal(f->prove.origin, "https://op.example");
    answer_error(&f->kept, OUTCOME_NO_SESSION);
    f->asked = NULL;
    call(&f->program, "session.prove", WITH_CHALLENGE ",\"origin\":\"https://no.example\"");
    expect_words(&f->program, "\"not-allowed\"");
    call(&f->program, "session.begin", "\"origin\":\"https://no.example\"");
    expect_words(&f->program, "\"not-allowed\"");
    assert_int_equal(f->refusals, 2);
    assert_null(f->asked);
}

static void a_page_hands_over_a_session(void **state)
{
    struct fixture *f = *state;
    call(&f->page, "session.begin", "\"sid\":\"s-1.~_Z\"");
    assert_string_equal(f->asked, "begin");
    assert_string_equal(f->begin.sid, "s-1.~_Z");
    assert_string_equal(f->begin.origin, "https://op.example");
    assert_false(f->begin.caller_chooses_role);
    const struct session_view view = active();
    answer_session(&f->kept, &view);
    expect(&f->page, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" ACTIVE "}}");
    call(&f->page, "session.begin", "");
    assert_string_equal(f->begin.sid, "");
    answer_error(&f->kept, OUTCOME_SESSION_EXISTS);
    expect_words(&f->page, "\"session-exists\"");
}

static void a_program_may_leave_the_provider_to_the_agent(void **state)
{
    struct fixture *f = *state;
    call(&f->program, "session.begin", "\"role\":\"caller\"");
    assert_string_equal(f->begin.origin, "");
    assert_true(f->begin.caller_chooses_role);
    answer_error(&f->kept, OUTCOME_CANCELLED);
    call(&f->program, "session.begin", "\"role\":\"window\",\"origin\":\"https://other.example\"");
    assert_string_equal(f->begin.origin, "https://other.example");
    assert_false(f->begin.caller_chooses_role);
    answer_error(&f->kept, OUTCOME_CANCELLED);
    assert_int_equal(f->refusals, 0);
}

static void the_service_sees_which_page_asks(void **state)
{
    struct fixture *f = *state;
    const struct session_view none = {.state = "none"};
    call(&f->other_page, "session.status", "");
    assert_string_equal(f->asked, "status");
    assert_string_equal(request_caller(f->kept)->origin, "https://other.example");
    answer_session(&f->kept, &none);
    expect(&f->other_page,
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"state\":\"none\",\"cause\":null}}");
    call(&f->other_page, "session.end", "");
    assert_string_equal(f->asked, "end");
    assert_string_equal(request_caller(f->kept)->origin, "https://other.example");
    answer_done(&f->kept);
    expect(&f->other_page, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
}

/* How many ends are owed, and to whom a session belonged, is no page's business. */
static void programs_alone_read_what_is_owed(void **state)
{
    struct fixture *f = *state;
    struct session_view view = active();
    call(&f->program, "session.status", "");
    answer_session(&f->kept, &view);
    expect(&f->program, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" ACTIVE ",\"pendingEnds\":3}}");
    view = ended();
    call(&f->program, "session.status", "");
    answer_session(&f->kept, &view);
    expect(&f->program, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"state\":\"ended\","
                        "\"cause\":\"card-removed\",\"pendingEnds\":3}}");
}

static void a_role_is_chosen_by_programs_only(void **state)
{
    struct fixture *f = *state;
    call(&f->page, "session.role", "\"role\":\"r1\"");
    expect_words(&f->page, "-32601");
    assert_null(f->asked);
    call(&f->program, "session.role", "\"role\":\"r 1~\"");
    assert_string_equal(f->asked, "role");
    assert_string_equal(f->role.role, "r 1~");
    answer_error(&f->kept, OUTCOME_ROLE_UNKNOWN);
    expect_words(&f->program, "\"role-unknown\"");
    call(&f->program, "session.role", "");
    assert_string_equal(f->role.role, "");
    answer_error(&f->kept, OUTCOME_NO_SESSION);
}

static void a_null_limit_is_told_as_null(void **state)
{
    struct fixture *f = *state;
    struct session_view view = active();
    view.idle_in = -1;
    view.role = NULL;
    view.role_count = view.amr_count = 0;
    view.name = "Ada \xff";
    call(&f->page, "session.status", "");
    answer_session(&f->kept, &view);
    expect_words(&f->page, "\"name\":\"(unreadable)\",\"role\":null,\"roles\":[],\"acr\":null,"
                           "\"amr\":[],");
    expect_words(&f->page, "\"idleIn\":null,\"card\":true");
}

/* ---- who is told ---- */

static void a_change_is_told_to_whom_it_concerns(void **state)
{
    struct fixture *f = *state;
    struct session_view view = active();
    connections_session_changed(&f->set, &view, of_provider);
    expect(&f->page, "{\"jsonrpc\":\"2.0\",\"method\":\"session.changed\",\"params\":" ACTIVE "}}");
    expect(&f->subscriber, "{\"jsonrpc\":\"2.0\",\"method\":\"session.changed\",\"params\":" ACTIVE
                           ",\"pendingEnds\":3}}");
    view = ended();
    connections_session_changed(&f->set, &view, of_provider);
    expect(&f->page, "{\"jsonrpc\":\"2.0\",\"method\":\"session.changed\",\"params\":{"
                     "\"state\":\"ended\",\"cause\":\"card-removed\"}}");
    expect_words(&f->subscriber, "\"cause\":\"card-removed\",\"pendingEnds\":3");
    assert_int_equal(f->page.flushed, 2); /* written by now, not queued */
    assert_int_equal(f->subscriber.flushed, 2);
    assert_int_equal(f->other_page.sent, 0); /* listed, but of another provider */
    assert_int_equal(f->program.sent, 0);    /* has not subscribed */
}

/* Equal views are told twice: how long is left is not what counts. */
static void every_change_is_told(void **state)
{
    struct fixture *f = *state;
    const struct session_view view = ended();
    connections_session_changed(&f->set, &view, of_provider);
    connections_session_changed(&f->set, &view, of_provider);
    assert_int_equal(f->page.sent, 2);
    const char *const nobody[] = {NULL};
    connections_session_changed(&f->set, &view, nobody);
    assert_int_equal(f->page.sent, 2);
    assert_int_equal(f->subscriber.sent, 3);
}

static void who_is_leaving_is_not_told(void **state)
{
    struct fixture *f = *state;
    const struct session_view view = ended();
    connection_close(&f->page.connection, CLOSE_POLICY);
    connections_session_changed(&f->set, &view, of_provider);
    assert_int_equal(f->page.sent, 0);
}

static void a_page_that_may_wait_for_a_card_hears_of_cards(void **state)
{
    struct fixture *f = *state;
    static const struct reader_view readers[] = {{.name = "A", .state = "empty"}};
    static const char *const rows[][2] = {
        {"session.prove", WITH_CHALLENGE}, {"session.begin", ""}, {"session.status", ""}};
    struct card_list list = {.readers = readers};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        call(&f->page, rows[i][0], rows[i][1]);
        list.reader_count = !list.reader_count;
        unsigned sent = f->page.sent;
        connections_card_changed(&f->set, &list);
        assert_int_equal(f->page.sent - sent, i < 2);
        assert_int_equal(f->other_page.sent, 0);
        answer_error(&f->kept, OUTCOME_CANCELLED);
    }
}

static void cancelling_reaches_a_proof(void **state)
{
    struct fixture *f = *state;
    call(&f->page, "session.prove", WITH_CHALLENGE);
    static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"operation.cancel\","
                               "\"params\":{\"request\":1}}";
    connection_receive(&f->page.connection, text, sizeof text - 1);
    assert_int_equal(f->page.sent, 2);
    expect_words(&f->page, "\"cancelled\"");
}

/* ---- a provider that says as much as it may, and one that says more ---- */

struct crowd {
    char id[ROLE_ID_MAX + 1];
    char text[ROLE_TEXT_MAX + 1];
    struct role_view roles[ROLES_MAX];
    struct session_view view;
};

static struct crowd *crowd_new(char character)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    assert_non_null(crowd);
    memset(crowd->id, '"', ROLE_ID_MAX);
    memset(crowd->text, character, ROLE_TEXT_MAX);
    for (size_t i = 0; i < ROLES_MAX; i++)
        crowd->roles[i] = (struct role_view){crowd->id, crowd->text, crowd->text, crowd->text};
    crowd->view = active();
    crowd->view.name = crowd->view.uid = crowd->view.acr = crowd->text;
    crowd->view.role = &crowd->roles[7];
    crowd->view.role_count = ROLES_MAX;
    crowd->view.roles = crowd->roles;
    return crowd;
}

static void the_longest_session_fits(void **state)
{
    struct fixture *f = *state;
    struct crowd *crowd = crowd_new('"'); /* each becomes two characters */
    call(&f->program, "session.status", "");
    answer_session(&f->kept, &crowd->view);
    expect_words(&f->program, "\"pendingEnds\":3}}");
    connections_session_changed(&f->set, &crowd->view, of_provider);
    expect_words(&f->page, "\"method\":\"session.changed\"");
    assert_int_equal(f->page.closed, 0);
    assert_true(f->program.last.len > FRAME_MAX_JSON);
    assert_true(2 * f->program.last.len < CONNECTION_OUT_MAX);
    free(crowd);
}

/* Silence would say that all is as it was. */
static void who_cannot_be_told_is_closed(void **state)
{
    struct fixture *f = *state;
    struct crowd *crowd = crowd_new('\x01'); /* each becomes six characters */
    call(&f->program, "session.status", "");
    answer_session(&f->kept, &crowd->view);
    expect_words(&f->program, "\"reason\":\"internal\"");
    connections_session_changed(&f->set, &crowd->view, of_provider);
    assert_int_equal(f->page.closed, CLOSE_INTERNAL);
    assert_int_equal(f->subscriber.closed, CLOSE_INTERNAL);
    assert_int_equal(f->other_page.closed, 0);
    assert_int_equal(f->program.closed, 0);
    free(crowd);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_page_proves_for_its_own_origin),
        T(a_page_that_waits_is_told_for_what),
        T(a_program_names_a_listed_origin),
        T(a_page_hands_over_a_session),
        T(a_program_may_leave_the_provider_to_the_agent),
        T(the_service_sees_which_page_asks),
        T(programs_alone_read_what_is_owed),
        T(a_role_is_chosen_by_programs_only),
        T(a_null_limit_is_told_as_null),
        T(a_change_is_told_to_whom_it_concerns),
        T(every_change_is_told),
        T(who_is_leaving_is_not_told),
        T(a_page_that_may_wait_for_a_card_hears_of_cards),
        T(cancelling_reaches_a_proof),
        T(the_longest_session_fits),
        T(who_cannot_be_told_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
