/* SPDX-License-Identifier: MIT */
/* The limits of a conversation, without a socket: rate, room, and requests whose caller has gone.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/door/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WAIT                                                                                       \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"card.signIn\",\"params\":{\"challenge\":"          \
    "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}}"

struct fixture {
    struct loop *loop;
    struct connections set;
    struct connection connections[CONNECTIONS_MAX + 1];
    struct request *kept; /* the last sign-in, not answered */
    unsigned cancels;
    unsigned refusals;
    unsigned sent;
    enum close_code closed;
    const struct connection *closed_one;
};

static struct fixture *fixture; /* transports have no context of their own */

static void keep(void *context, struct request *request, const struct sign_in_params *params)
{
    (void)params;
    ((struct fixture *)context)->kept = request;
}

static void note_cancel(void *context, struct request *request)
{
    (void)request;
    ((struct fixture *)context)->cancels++;
}

static void note_refusal(void *context, const struct caller *caller, const char *origin, int result)
{
    (void)caller;
    assert_string_equal(origin, "https://no.example");
    assert_int_equal(result, OUTCOME_NOT_ALLOWED);
    ((struct fixture *)context)->refusals++;
}

static void note_send(struct connection *connection, const struct bytes *message)
{
    (void)connection;
    (void)message;
    fixture->sent++;
}

static void flush_nothing(struct connection *connection)
{
    (void)connection;
}

static void note_close(struct connection *connection, enum close_code code)
{
    fixture->closed = code;
    fixture->closed_one = connection;
}

static struct service service = {.sign_in = keep, .cancel = note_cancel, .refused = note_refusal};
static const struct transport transport = {note_send, flush_nothing, note_close};
static const struct caller page = {.door = DOOR_WEB, .origin = "https://op.example"};
static const char *const origins[] = {"https://op.example", NULL};

static int setup(void **state)
{
    fixture = *state = calloc(1, sizeof *fixture);
    service.context = fixture;
    fixture->loop = loop_new();
    return connections_init(&fixture->set, fixture->loop, &service, origins);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    connections_deinit(&f->set);
    loop_free(&f->loop);
    free(f);
    return 0;
}

static void say(struct connection *connection, const char *text)
{
    connection_receive(connection, text, strlen(text));
}

static void a_burst_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct connection *c = &f->connections[0];
    connection_open(c, &f->set, &transport, &page);
    for (int i = 0; i < MESSAGES_AT_ONCE; i++)
        say(c, "{}");
    assert_int_equal(f->closed, 0);
    assert_int_equal(f->sent, MESSAGES_AT_ONCE);
    /* The bucket refills while we are at it, so the end comes within twice its depth. */
    for (int i = 0; i < MESSAGES_AT_ONCE && !f->closed; i++)
        say(c, "{}");
    assert_int_equal(f->closed, CLOSE_POLICY);
    unsigned sent = f->sent;
    say(c, "{}");
    assert_int_equal(f->sent, sent);
    connection_gone(c);
}

static void room_is_made_at_one_door_only(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        assert_true(connections_make_room(&f->set, DOOR_WEB));
        connection_open(&f->connections[i], &f->set, &transport, &page);
    }
    say(&f->connections[0], WAIT); /* at work */
    say(&f->connections[1], "{}"); /* spoke last */
    assert_true(connections_make_room(&f->set, DOOR_NATIVE));
    assert_null(f->closed_one);
    assert_true(connections_make_room(&f->set, DOOR_WEB));
    assert_ptr_equal(f->closed_one, &f->connections[2]);
    assert_int_equal(f->closed, CLOSE_POLICY);
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        connection_gone(&f->connections[i]);
    assert_int_equal(f->set.count[DOOR_WEB], 0);
    loop_dispatch(f->loop);
    assert_int_equal(f->cancels, 1);
    answer_error(&f->kept, OUTCOME_CANCELLED);
}

static void no_room_where_all_are_at_work(void **state)
{
    struct fixture *f = *state;
    struct request *kept[CONNECTIONS_MAX];
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        connection_open(&f->connections[i], &f->set, &transport, &page);
        say(&f->connections[i], WAIT);
        kept[i] = f->kept;
    }
    assert_false(connections_make_room(&f->set, DOOR_WEB));
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        answer_error(&kept[i], OUTCOME_BUSY);
        connection_gone(&f->connections[i]);
    }
}

static void an_answer_may_come_after_everything_has_gone(void **state)
{
    struct fixture *f = *state;
    connection_open(&f->connections[0], &f->set, &transport, &page);
    say(&f->connections[0], WAIT);
    connection_gone(&f->connections[0]);
    assert_int_equal(f->cancels, 0); /* told from the loop, not from here */
    connections_deinit(&f->set);
    assert_int_equal(f->cancels, 1);
    assert_string_equal(request_caller(f->kept)->origin, "https://op.example");
    request_waiting(f->kept, WAITING_PIN, NULL, -1);
    answer_error(&f->kept, OUTCOME_CANCELLED);
    assert_null(f->kept);
    assert_int_equal(f->sent, 0);
    assert_int_equal(connections_init(&f->set, f->loop, &service, origins), 0);
}

/* The service is told of a few; the answers are the same for all. */
static void refusals_are_told_ten_a_minute(void **state)
{
    struct fixture *f = *state;
    struct connection *c = &f->connections[0];
    connection_open(c, &f->set, &transport, &(struct caller){.door = DOOR_NATIVE});
    for (unsigned i = 0; i < 2 * REFUSALS_TOLD_MAX; i++)
        say(c, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"card.signIn\",\"params\":{"
               "\"challenge\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\","
               "\"origin\":\"https://no.example\"}}");
    assert_int_equal(f->refusals, REFUSALS_TOLD_MAX);
    assert_int_equal(f->set.refusals, 2 * REFUSALS_TOLD_MAX);
    assert_int_equal(f->sent, 2 * REFUSALS_TOLD_MAX);
    connection_gone(c);
}

/* A subscribed program and a page that waits, each told once of what it has not been told yet. */
static void a_change_is_told_once(void **state)
{
    struct fixture *f = *state;
    static const struct reader_view readers[] = {{.name = "A", .state = "empty"},
                                                 {.name = "A", .state = "unreadable"}};
    const struct card_list none = {0}, empty = {1, readers, 0, NULL},
                           unreadable = {1, readers + 1, 0, NULL};
    struct connection *program = &f->connections[0], *waiting = &f->connections[1];
    connection_open(program, &f->set, &transport, &(struct caller){.door = DOOR_NATIVE});
    connection_open(waiting, &f->set, &transport, &page);
    program->subscribed = true;
    say(waiting, WAIT);
    connections_card_changed(&f->set, &empty);
    assert_int_equal(f->sent, 2);
    connections_card_changed(&f->set, &empty);
    assert_int_equal(f->sent, 2);
    connections_card_changed(&f->set, &unreadable); /* the page's counts are the same */
    assert_int_equal(f->sent, 3);
    connections_card_changed(&f->set, &none);
    connections_card_changed(&f->set, &none);
    assert_int_equal(f->sent, 5);
    answer_error(&f->kept, OUTCOME_CANCELLED);
    connection_gone(program);
    connection_gone(waiting);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_burst_is_bounded),
        T(room_is_made_at_one_door_only),
        T(no_room_where_all_are_at_work),
        T(an_answer_may_come_after_everything_has_gone),
        T(refusals_are_told_ten_a_minute),
        T(a_change_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
