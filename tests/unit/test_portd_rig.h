/* SPDX-License-Identifier: MIT */
/*
 * lanyard-portd and the agent's side of its link, as processes: the broker on a port that the
 * kernel chose, agents of one and (as root) of several users behind it, and pages in front of it.
 */
#pragma once

#include "ipc/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <cmocka.h>

#define PORTD LANYARD_BUILD "/bin/lanyard-portd"
#define DOOR_SERVER LANYARD_BUILD "/tests/integration/door_server"

enum {
    WAIT_MS = 20000,
    SECOND_USER = 65534,
    BROKER_USER = 60001,
    FIRST_OF_MANY = 60100,
};

/* ---- programs ---- */

struct program {
    pid_t pid;
    int in;  /* its standard input; closing it ends a door_server */
    int out; /* what it writes on descriptor 1 */
    int err; /* its log */
};

struct program program_start(uid_t uid, const char *const *argv);
/* The exit status of a program that ends by itself; -N: signal N ended it. */
int program_wait(struct program *program);
/* The same, by SIGTERM; 0 for one that has not been started. */
int program_end(struct program *program);
/* Reads from fd until the words have come. */
void read_until(int fd, const char *words, char *text, size_t size);
/* How many descriptors a program holds; waits until there are no more than that many. */
int descriptors_of(pid_t pid);
void await_descriptors(pid_t pid, int count);

/* ---- broker and agents ---- */

struct fixture {
    char folder[64];
    char socket[96]; /* where agents register */
    char wake[96];   /* where the broker asks for agents; "": nowhere */
    char users[96];  /* where the users are who count; "": everybody does */
    uint16_t port;
    struct program broker; /* runs, at the beginning of a test, as this user */
};

/* port 0: any. */
void start_broker(struct fixture *f, uint16_t port);
/* As BROKER_USER, at a socket in that folder, which becomes theirs. descriptors: as many at most;
 * 0: as many as this process may have. Only root can. */
void restart_broker_in(struct fixture *f, const char *folder, rlim_t descriptors);
/* An agent of that user, registered. name makes its folder and the origin it lets in. */
struct program start_agent(const struct fixture *f, uid_t uid, const char *name);
/* One that has only been started, in the folder of that name; origins may be NULL. */
struct program launch_agent(const struct fixture *f, uid_t uid, const char *name,
                            const char *origin, const char *another);

/* ---- pages ---- */

int dial(const struct fixture *f);
int dial_as(const struct fixture *f, uid_t uid);
/* Asks for that path, as a page of https://NAME.example. */
void send_head(const struct fixture *f, int fd, const char *name, const char *path);
/* Everything until the other end closes. */
void read_all(int fd, char *text, size_t size);
/* What is answered begins so. */
void expect_head(int fd, const char *answer);
/* The same, of a page that comes and goes. */
void expect_answer(const struct fixture *f, const char *name, const char *answer);
/* A page that is let in. */
int open_page(const struct fixture *f, const char *name);

#define HELLO                                                                                      \
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"agent.hello\",\"params\":{\"protocol\":[1]}}"
/* A masked frame (the mask is zero). first: its first byte. */
void send_frame(int fd, uint8_t first, const char *text, size_t len);
/* Says HELLO, and is answered. */
void say_hello(int fd);

/* ---- life ---- */

void skip_unless_root(void);
int portd_set_up(void **state);
int portd_tear_down(void **state);
#define TEST(test) cmocka_unit_test_setup_teardown(test, portd_set_up, portd_tear_down)
