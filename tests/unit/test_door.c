/* SPDX-License-Identifier: MIT */
/*
 * The native door over real sockets: the doors run in a thread of their own with a service that
 * notes what it is asked and answers, keeps or is told to cancel.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/door/door.h"
#include "ipc/frame.h"
#include "ipc/portd/link_message.h"
#include "test_folder_rig.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CHALLENGE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

struct fixture {
    char folder[64];
    char path[96];
    char broker_path[96]; /* "": none */
    int broker;           /* listens as one would; -1: none */
    struct loop *loop;
    struct doors *doors;
    struct loop_wakeup *stop;
    pthread_t thread;
};

/* ---- a service without cards ---- */

static const struct card_list no_cards = {0};

static void sign_in(void *context, struct request *request, const struct sign_in_params *params)
{
    (void)context;
    request_waiting(request, WAITING_CARD, "Reader", 3);
    if (params->interaction == INTERACTION_FORCE)
        return; /* until it is cancelled */
    answer_sign_in(&request, &(struct sign_in_result){.jws = "a.b.c"});
}

static void card_list(void *context, struct request *request)
{
    (void)context;
    answer_card_list(&request, &no_cards);
}

static void status(void *context, struct request *request)
{
    (void)context;
    answer_status(&request, &(struct agent_status){.reader_service = "up"});
}

static void open_status(void *context, struct request *request, const struct findings *findings)
{
    (void)context;
    (void)findings;
    answer_status_url(&request);
}

static void cancel(void *context, struct request *request)
{
    (void)context;
    answer_error(&request, OUTCOME_CANCELLED);
}

static atomic_uint refusals;
static char refused_origin[ORIGIN_TEXT_MAX + 1];

static void refused(void *context, const struct caller *caller, const char *origin, int result)
{
    (void)context;
    if (caller->door == DOOR_NATIVE && caller->pid == getpid() && result == OUTCOME_NOT_ALLOWED)
        strcpy(refused_origin, origin);
    refusals++;
}

static const struct service service = {.sign_in = sign_in,
                                       .card_list = card_list,
                                       .status = status,
                                       .open_status = open_status,
                                       .cancel = cancel,
                                       .refused = refused};
static const char *const origins[] = {"https://op.example", NULL};

/* ---- the doors in a thread ---- */

static void stop(void *context)
{
    loop_stop(context);
}

static void *run(void *context)
{
    struct fixture *f = context;
    doors_run(f->doors);
    return NULL;
}

static int listen_as_broker(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4) == 0 ? fd
                                                                                            : -1;
}

static int open_doors(void **state, bool brokered)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    strcpy(f->folder, "/tmp/test_door.XXXXXX");
    if (!folder_make(f->folder))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/run/agent", f->folder);
    if (brokered)
        snprintf(f->broker_path, sizeof f->broker_path, "%s/broker", f->folder);
    f->broker = brokered ? listen_as_broker(f->broker_path) : -1;
    f->loop = loop_new();
    const struct doors_config config = {
        .native_path = f->path, .broker_path = f->broker_path, .origins = origins};
    f->doors = doors_open(f->loop, &config, &service);
    f->stop = loop_wakeup_new(f->loop, stop, f->loop);
    return f->doors && pthread_create(&f->thread, NULL, run, f) == 0 ? 0 : -1;
}

static int setup(void **state)
{
    return open_doors(state, false);
}

static int setup_with_broker(void **state)
{
    return open_doors(state, true);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close_fd(&f->broker);
    loop_wake(f->stop);
    pthread_join(f->thread, NULL);
    doors_close(&f->doors);
    loop_wakeup_free(&f->stop);
    loop_free(&f->loop);
    bool socket_left = access(f->path, F_OK) == 0; /* it goes with its door */
    folder_remove(f->folder);
    free(f);
    return socket_left ? -1 : 0;
}

/* ---- a client ---- */

static int dial(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(frame_send(fd, text, strlen(text), FRAME_MAX_JSON), 0);
}

/* The next message holds the words. */
static void expect(int fd, const char *words)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(frame_receive(fd, &body, FRAME_MAX_JSON), 0);
    bytes_append(&body, "", 1);
    if (!strstr((char *)body.data, words))
        fail_msg("%s is not in %s", words, (char *)body.data);
}

static void expect_end(int fd)
{
    char byte;
    while (recv(fd, &byte, 1, 0) > 0)
        ;
}

static void call(int fd, int id, const char *method, const char *params)
{
    char text[512];
    snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"%s\",\"params\":{%s}}",
             id, method, params);
    say(fd, text);
}

/* Asks how pages reach the agent until that is the answer: the end of a link is seen in a while. */
static void await_door(int fd, const char *state)
{
    for (int i = 0; i < 200; i++) {
        CLEANUP(bytes_deinit) struct bytes body = {0};
        call(fd, 100 + i, "agent.status", "");
        assert_int_equal(frame_receive(fd, &body, FRAME_MAX_JSON), 0);
        bytes_append(&body, "", 1);
        if (strstr((char *)body.data, state))
            return;
        poll(NULL, 0, 50);
    }
    fail_msg("never: %s", state);
}

/* ---- tests ---- */

static void the_socket_is_its_users_alone(void **state)
{
    struct fixture *f = *state;
    struct stat file, folder;
    char path[128];
    snprintf(path, sizeof path, "%s/run", f->folder);
    assert_int_equal(stat(f->path, &file), 0);
    assert_int_equal(stat(path, &folder), 0);
    assert_int_equal(file.st_mode & 07777, 0600);
    assert_int_equal(folder.st_mode & 07777, 0700);
}

static void methods_are_answered(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int fd = dial(f->path);
    call(fd, 1, "agent.hello", "\"protocol\":[1]");
    expect(fd, "\"agent.subscribe\"");
    call(fd, 2, "agent.hello", "\"protocol\":[7]");
    expect(fd, "\"agent-too-old\"");
    call(fd, 3, "card.list", "");
    expect(fd, "{\"readers\":[],\"cards\":[]}");
    call(fd, 4, "agent.status", "");
    expect(fd, "\"state\":\"no-broker\"");
    say(fd, "{");
    expect(fd, "-32700");
    call(fd, 5, "no.such", "");
    expect(fd, "-32601");
}

static void a_sign_in_waits_and_answers(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int fd = dial(f->path);
    call(fd, 1, "card.signIn", "\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://op.example\"");
    expect(fd, "\"for\":\"card\",\"triesLeft\":3,\"reader\":\"Reader\"");
    expect(fd, "\"token\":\"a.b.c\"");
    call(fd, 2, "card.signIn", "\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://no.example\"");
    expect(fd, "\"not-allowed\"");
}

static void a_refusal_is_for_the_audit_trail(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int fd = dial(f->path);
    refusals = 0;
    call(fd, 1, "card.signIn", "\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://no.example\"");
    expect(fd, "\"not-allowed\"");
    call(fd, 2, "card.list", ""); /* when that is answered, the service was told */
    expect(fd, "readers");
    assert_int_equal(refusals, 1);
    assert_string_equal(refused_origin, "https://no.example");
}

#define WAIT                                                                                       \
    "\"challenge\":\"" CHALLENGE "\",\"origin\":\"https://op.example\",\"interaction\":\"force\""

static void a_request_is_cancelled_once(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int fd = dial(f->path);
    call(fd, 1, "card.signIn", WAIT);
    expect(fd, "operation.waiting");
    call(fd, 1, "card.signIn", WAIT);
    expect(fd, "-32600"); /* of that id there is one already */
    call(fd, 2, "operation.cancel", "\"request\":9");
    expect(fd, "\"result\":{}");
    call(fd, 3, "operation.cancel", "\"request\":1");
    expect(fd, "\"result\":{}");
    expect(fd, "\"cancelled\"");
}

static void requests_under_way_are_bounded(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int fd = dial(f->path);
    for (int i = 0; i < 16; i++) {
        call(fd, i, "card.signIn", WAIT);
        expect(fd, "operation.waiting");
    }
    call(fd, 16, "card.signIn", WAIT);
    expect(fd, "\"busy\"");
}

static void leaving_cancels(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f->path);
    call(fd, 1, "card.signIn", WAIT);
    expect(fd, "operation.waiting");
    close(fd);
    CLEANUP(close_fd) int other = dial(f->path);
    call(other, 1, "card.list", "");
    expect(other, "readers");
}

static void a_broken_rule_closes_that_connection_only(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {{"\0\0\0\0", 4},
                {"\0\1\0\1", 4},
                {"\xff\xff\xff\xff", 4},
                {"\0\0\0\1\xff", 5},
                {"\0\0\0\x09[[[[[[[[[", 13}};
    CLEANUP(close_fd) int witness = dial(f->path);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(close_fd) int fd = dial(f->path);
        assert_int_equal(send(fd, rows[i].bytes, rows[i].len, 0), rows[i].len);
        expect_end(fd);
        call(witness, 1, "card.list", "");
        expect(witness, "readers");
    }
}

static void too_many_messages_close(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int fd = dial(f->path);
    for (int i = 0; i < 100; i++)
        if (frame_send(fd, "{}", 2, FRAME_MAX_JSON) < 0)
            break;
    expect_end(fd);
}

static void the_longest_quiet_makes_room(void **state)
{
    struct fixture *f = *state;
    int fds[300];
    fds[0] = dial(f->path);
    call(fds[0], 1, "card.signIn", WAIT); /* the oldest, but at work */
    expect(fds[0], "operation.waiting");
    for (int i = 1; i < 300; i++) {
        fds[i] = dial(f->path);
        call(fds[i], 1, "card.list", "");
        expect(fds[i], "readers");
    }
    expect_end(fds[1]);
    call(fds[0], 2, "card.list", "");
    expect(fds[0], "readers");
    call(fds[299], 2, "card.list", "");
    expect(fds[299], "readers");
    for (int i = 0; i < 300; i++)
        close(fds[i]);
}

static void another_agent_is_a_fault(void **state)
{
    struct fixture *f = *state;
    CLEANUP(loop_free) struct loop *loop = loop_new();
    const struct doors_config config = {.native_path = f->path, .origins = origins};
    assert_null(doors_open(loop, &config, &service));
    CLEANUP(close_fd) int fd = dial(f->path); /* and the first is still there */
    call(fd, 1, "card.list", "");
    expect(fd, "readers");
}

static void a_stale_socket_is_replaced(void **state)
{
    struct fixture *f = *state;
    CLEANUP(loop_free) struct loop *loop = loop_new();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/run/stale", f->folder);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    const struct doors_config config = {.native_path = address.sun_path, .origins = origins};
    struct doors *doors = doors_open(loop, &config, &service);
    assert_non_null(doors);
    doors_close(&doors);
    char lock[128];
    snprintf(lock, sizeof lock, "%s.lock", address.sun_path);
    unlink(lock);
}

/* What is no socket, or in a folder that others can enter, is left alone. */
static void strange_paths_are_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP(loop_free) struct loop *loop = loop_new();
    char path[128], lock[160];
    snprintf(path, sizeof path, "%s/run/file", f->folder);
    CLEANUP(close_fd) int fd = open(path, O_CREAT | O_WRONLY, 0600);
    const struct doors_config file = {.native_path = path, .origins = origins};
    assert_null(doors_open(loop, &file, &service));
    assert_int_equal(unlink(path), 0);
    snprintf(lock, sizeof lock, "%s.lock", path);
    unlink(lock);
    assert_null(
        doors_open(loop, &(struct doors_config){.native_path = "/tmp/lanyard-agent"}, &service));
}

static void another_user_gets_no_answer(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0) {
        print_message("skipped: only root can be another user\n");
        skip();
    }
    char folder[128];
    snprintf(folder, sizeof folder, "%s/run", f->folder);
    chmod(f->folder, 0755); /* even if the folders and the socket stood open */
    chmod(folder, 0755);
    chmod(f->path, 0666);
    pid_t child = fork(); /* a process: a thread's user is that of all threads */
    if (child == 0) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        memcpy(address.sun_path, f->path, sizeof f->path);
        char byte;
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        bool connected =
            setuid(65534) == 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
        _exit(connected && recv(fd, &byte, 1, 0) <= 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* ---- a broker that takes its time ---- */

static int take_link(const struct fixture *f)
{
    int link = accept4(f->broker, NULL, NULL, SOCK_CLOEXEC);
    assert_true(link >= 0);
    return link;
}

static void register_it(int link, enum link_result result, uint16_t port)
{
    uint8_t message[LINK_REGISTRATION_BYTES];
    link_registration_encode(message, result, port);
    assert_int_equal(send(link, message, sizeof message, MSG_NOSIGNAL), sizeof message);
}

/* What waits for the broker is behind what does not. */
static void ask_early(int fd)
{
    call(fd, 1, "agent.status", "");
    call(fd, 2, "agent.openStatus", "");
    call(fd, 3, "card.list", "");
    expect(fd, "\"readers\"");
}

static void whoever_asks_early_is_told_the_truth(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int link = take_link(f);
    CLEANUP(close_fd) int fd = dial(f->path);
    ask_early(fd);
    register_it(link, LINK_REGISTERED, 4711);
    expect(fd, "\"door\":{\"port\":4711,\"state\":\"open\"}");
    expect(fd, "http://127.0.0.1:4711/status?token=");
    call(fd, 4, "agent.status", ""); /* and from now on at once */
    expect(fd, "\"state\":\"open\"");
}

static void whoever_asks_early_is_told_of_a_refusal(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int link = take_link(f);
    CLEANUP(close_fd) int fd = dial(f->path);
    ask_early(fd);
    register_it(link, LINK_TAKEN, 0);
    expect(fd, "\"state\":\"taken\"");
    expect(fd, "\"no-door\"");
}

/* As systemd does with what nobody can serve. */
static void a_broker_that_hangs_up_is_none(void **state)
{
    struct fixture *f = *state;
    int link = take_link(f);
    CLEANUP(close_fd) int fd = dial(f->path);
    ask_early(fd);
    close_fd(&link);
    for (int i = 0; i < 2; i++) {
        link = take_link(f);
        close_fd(&link);
    }
    expect(fd, "\"state\":\"no-broker\"");
    expect(fd, "\"no-door\"");
}

static void a_broker_that_comes_back_is_waited_for(void **state)
{
    struct fixture *f = *state;
    int link = take_link(f);
    CLEANUP(close_fd) int fd = dial(f->path);
    register_it(link, LINK_REGISTERED, 4711);
    call(fd, 1, "agent.status", "");
    expect(fd, "\"state\":\"open\"");
    close_fd(&link);
    link = take_link(f); /* it has seen the end of the one before */
    ask_early(fd);
    register_it(link, LINK_REGISTERED, 4712);
    expect(fd, "\"door\":{\"port\":4712,\"state\":\"open\"}");
    expect(fd, "http://127.0.0.1:4712/status?token=");
    close_fd(&link);
}

static void a_broker_that_ends_is_waited_for_in_vain(void **state)
{
    struct fixture *f = *state;
    int link = take_link(f);
    CLEANUP(close_fd) int fd = dial(f->path);
    register_it(link, LINK_REGISTERED, 4711);
    call(fd, 1, "agent.status", "");
    expect(fd, "\"state\":\"open\"");
    assert_int_equal(unlink(f->broker_path), 0);
    close_fd(&f->broker);
    close_fd(&link);
    await_door(fd, "\"state\":\"no-broker\"");
}

static void who_waits_may_give_up(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int link = take_link(f);
    CLEANUP(close_fd) int fd = dial(f->path);
    ask_early(fd);
    call(fd, 4, "operation.cancel", "\"request\":1");
    expect(fd, "\"result\":{}");
    expect(fd, "\"cancelled\"");
    int gone = dial(f->path);
    ask_early(gone);
    close_fd(&gone);
    call(fd, 5, "card.list", "");
    expect(fd, "\"readers\"");
    register_it(link, LINK_REGISTERED, 4711);
    expect(fd, "http://127.0.0.1:4711/status?token=");
}

/* Its folder is then watched anew, which is no further change. */
static void a_broker_that_comes_and_goes_is_waited_for_in_vain(void **state)
{
    struct fixture *f = *state;
    int link = take_link(f);
    CLEANUP(close_fd) int fd = dial(f->path);
    register_it(link, LINK_REGISTERED, 4711);
    assert_int_equal(unlink(f->broker_path), 0);
    close_fd(&f->broker);
    close_fd(&link);
    f->broker = listen_as_broker(f->broker_path);
    link = take_link(f);
    register_it(link, LINK_REGISTERED, 4712);
    call(fd, 1, "agent.status", "");
    expect(fd, "\"door\":{\"port\":4712,\"state\":\"open\"}");
    assert_int_equal(unlink(f->broker_path), 0);
    close_fd(&f->broker);
    close_fd(&link);
    await_door(fd, "\"state\":\"no-broker\"");
}

/* The doors are closed over those who wait. */
static void waiting_ends_with_the_agent(void **state)
{
    struct fixture *f = *state;
    CLEANUP(close_fd) int link = take_link(f);
    int fd = dial(f->path);
    ask_early(fd);
    close_fd(&fd);
}

#define WITH_BROKER(test) cmocka_unit_test_setup_teardown(test, setup_with_broker, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_socket_is_its_users_alone),
        T(methods_are_answered),
        T(a_sign_in_waits_and_answers),
        T(a_refusal_is_for_the_audit_trail),
        T(a_request_is_cancelled_once),
        T(requests_under_way_are_bounded),
        T(leaving_cancels),
        T(a_broken_rule_closes_that_connection_only),
        T(too_many_messages_close),
        T(the_longest_quiet_makes_room),
        T(another_agent_is_a_fault),
        T(a_stale_socket_is_replaced),
        T(strange_paths_are_refused),
        T(another_user_gets_no_answer),
        WITH_BROKER(whoever_asks_early_is_told_the_truth),
        WITH_BROKER(whoever_asks_early_is_told_of_a_refusal),
        WITH_BROKER(a_broker_that_hangs_up_is_none),
        WITH_BROKER(a_broker_that_comes_back_is_waited_for),
        WITH_BROKER(a_broker_that_ends_is_waited_for_in_vain),
        WITH_BROKER(a_broker_that_comes_and_goes_is_waited_for_in_vain),
        WITH_BROKER(who_waits_may_give_up),
        WITH_BROKER(waiting_ends_with_the_agent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
