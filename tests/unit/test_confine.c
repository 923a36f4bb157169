/* SPDX-License-Identifier: MIT */
/*
 * What a program of each kind can still do. What a guest could do to the person's files without any
 * right to write is test_confine_guests.c's.
 */
#include "ipc/base/harden.h"
#include "ipc/confine/confine.h"
#include "test_confine_rig.h"
#include "test_folder_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    STARTED = 200,     /* a program's status */
    UNHEARD_OF = 1000, /* no call */
};

static char folder[] = "/tmp/lanyard-test-XXXXXX", ours[64], others[64];
static struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
static pid_t test;
static int listener, tcp;
static struct sockaddr_in tcp_address;

/* ---- attempts: 0, or errno ---- */

static int trace_the_test(void)
{
    return result(ptrace(PTRACE_SEIZE, test, NULL, NULL));
}

static int read_its_memory(void)
{
    char byte;
    struct iovec here = {&byte, 1}, there = {&byte, 1};
    return result(process_vm_readv(test, &here, 1, &there, 1, 0));
}

static int start_a_program(void)
{
    execl("/bin/sh", "sh", "-c", "exit 200", NULL);
    return errno;
}

static int signal_the_test(void)
{
    return result(kill(test, 0));
}

static int have_a_child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : result(waitpid(pid, NULL, 0));
}

static void *do_nothing(void *context)
{
    return context;
}

static int have_a_thread(void)
{
    pthread_t thread;
    int r = pthread_create(&thread, NULL, do_nothing, NULL);
    return r != 0 ? r : pthread_join(thread, NULL);
}

static int have_a_namespace(void)
{
    return result(unshare(CLONE_NEWUSER));
}

static int clone_a_namespace(void)
{
    long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(0);
    return result(pid);
}

static int open_a_ring(void)
{
    struct io_uring_params params = {0};
    return result(syscall(SYS_io_uring_setup, 1, &params));
}

static int call_the_unheard_of(void)
{
    return result(syscall(UNHEARD_OF));
}

static int be_traceable(void)
{
    return result(prctl(PR_SET_DUMPABLE, 1));
}

static int outlive_the_agent(void)
{
    return result(prctl(PR_SET_PDEATHSIG, 0));
}

static int run_data(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? errno : 0;
}

static int use_memory(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? errno : result(munmap(page, 4096));
}

static int open_a_socket(int family, int type)
{
    return result(socket(family, type, 0));
}

static int open_tcp(void)
{
    return open_a_socket(AF_INET, SOCK_STREAM);
}

static int open_udp6(void)
{
    return open_a_socket(AF_INET6, SOCK_DGRAM);
}

static int open_packets(void)
{
    return open_a_socket(AF_PACKET, SOCK_RAW);
}

static int hear_the_kernel(void)
{
    return open_a_socket(AF_NETLINK, SOCK_RAW);
}

static int connect_unix(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd < 0 ? errno
                  : result(connect(fd, (struct sockaddr *)&unix_address, sizeof unix_address));
}

/* The socket is from before, as one would be that was passed. */
static int connect_tcp(void)
{
    return result(connect(tcp, (struct sockaddr *)&tcp_address, sizeof tcp_address));
}

static int listen_on_tcp(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return result(bind(tcp, (struct sockaddr *)&any, sizeof any));
}

/* Likewise: EINVAL, since that one listens. */
static int connect_again(void)
{
    return result(connect(listener, (struct sockaddr *)&unix_address, sizeof unix_address));
}

static int open_datagrams(void)
{
    return open_a_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC);
}

static int open_raw(void)
{
    return open_a_socket(AF_UNIX, SOCK_RAW);
}

static int open_a_pair(int type)
{
    int pair[2];
    return result(socketpair(AF_UNIX, type, 0, pair));
}

static int have_a_pair(void)
{
    int r = open_a_pair(SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
    return r != 0 ? r : open_a_pair(SOCK_SEQPACKET);
}

static int have_datagrams(void)
{
    return open_a_pair(SOCK_DGRAM | SOCK_NONBLOCK);
}

/* Of a socket that may be had, without connecting it. */
static int name_a_recipient(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno
                  : result(sendto(fd, "", 1, MSG_NOSIGNAL, (struct sockaddr *)&unix_address,
                                  sizeof unix_address));
}

/* Which nobody gets: there is none at that address. */
static int ask_for_a_filter(void)
{
    return result(
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, NULL));
}

static int limit(pid_t pid)
{
    struct rlimit limit;
    int r = result(prlimit(pid, RLIMIT_NPROC, NULL, &limit));
    return r != 0 ? r : result(prlimit(pid, RLIMIT_NPROC, &limit, NULL));
}

static int limit_itself(void)
{
    return limit(0);
}

static int limit_the_test(void)
{
    return limit(test);
}

static int signal_its_thread(void)
{
    return result(syscall(SYS_tgkill, test, test, 0));
}

static int keep_a_descriptor(void)
{
    int flags = fcntl(tcp, F_GETFL);
    if (flags < 0 || fcntl(tcp, F_SETFL, flags) < 0)
        return errno;
    return result(fcntl(tcp, F_DUPFD_CLOEXEC, 3));
}

/* By the kernel, when something comes. */
static int signal_at_input(void)
{
    return result(fcntl(tcp, F_SETOWN, test));
}

static int end_itself(void)
{
    signal(SIGSEGV, SIG_DFL); /* cmocka's is for the test */
    abort();
}

static int open_file(const char *where, int flags)
{
    char path[128];
    snprintf(path, sizeof path, "%s/file", where);
    return result(open(path, flags | O_CLOEXEC, 0600));
}

static int read_ours(void)
{
    return open_file(ours, O_RDONLY);
}

static int write_ours(void)
{
    return open_file(ours, O_WRONLY | O_TRUNC);
}

static int make_ours(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/new", ours);
    return result(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void remove_new(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/new", ours);
    unlink(path);
}

static int remove_ours(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/file", ours);
    return result(unlink(path));
}

static int read_others(void)
{
    return open_file(others, O_RDONLY);
}

static int write_others(void)
{
    return open_file(others, O_WRONLY);
}

static int make_others(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/new", others);
    return result(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int move_ours_away(void)
{
    char from[128], to[128];
    snprintf(from, sizeof from, "%s/file", ours);
    snprintf(to, sizeof to, "%s/moved", others);
    return result(rename(from, to));
}

static int move_within_ours(void)
{
    char from[128], to[128];
    snprintf(from, sizeof from, "%s/file", ours);
    snprintf(to, sizeof to, "%s/below/file", ours);
    return result(rename(from, to));
}

/* ---- calls ---- */

static void calls_are_kept_or_not(void **state)
{
    (void)state;
    skip_if_instrumented();
    enum {
        NO = EACCES,
        NONE = ENOSYS,
        FAMILY = EAFNOSUPPORT,
        AGAIN = EINVAL,
        IS = EOPNOTSUPP,
        WHERE = EFAULT
    };
    const struct calls_row rows[] = {
        {"trace",
         trace_the_test,
         {NONE, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"memory of others",
         read_its_memory,
         {NONE, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"io_uring",
         open_a_ring,
         {NONE, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"unshare",
         have_a_namespace,
         {NONE, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"clone a namespace",
         clone_a_namespace,
         {NONE, NONE, NONE, NONE, NONE, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"a call of later",
         call_the_unheard_of,
         {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE}},
        {"exec", start_a_program, {STARTED, NO, NO, NO, NO, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"a child", have_a_child, {0, 0, 0, 0, 0, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"a thread", have_a_thread, {0, 0, 0, 0, 0, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"dumpable", be_traceable, {0, NONE, NONE, NONE, NONE, NO, NO, NO, NO, NO}},
        {"outlive", outlive_the_agent, {0, NONE, NONE, NONE, NONE, NO, NO, NO, NO, NO}},
        {"memory", use_memory, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
        {"data as code", run_data, {0, 0, 0, 0, 0, 0, 0, NONE, NONE, NONE}},
        {"TCP", open_tcp, {0, FAMILY, FAMILY, FAMILY, 0, ENDED, ENDED, ENDED, ENDED, NONE}},
        {"UDP", open_udp6, {0, FAMILY, FAMILY, FAMILY, 0, ENDED, ENDED, ENDED, ENDED, NONE}},
        {"packets",
         open_packets,
         {AS_IT_LIKES, NONE, NONE, NONE, NONE, NONE, NONE, ENDED, NONE, NONE}},
        {"the kernel's events", hear_the_kernel, {0, 0, 0, 0, 0, NONE, NONE, ENDED, NONE, NONE}},
        {"a Unix socket", connect_unix, {0, NONE, 0, 0, 0, NO, 0, ENDED, 0, 0}},
        {"connect what it has",
         connect_again,
         {AGAIN, NONE, AGAIN, AGAIN, AGAIN, ENDED, AGAIN, ENDED, AGAIN, AGAIN}},
        {"datagrams", open_datagrams, {0, NONE, NONE, 0, 0, NO, 0, ENDED, 0, NONE}},
        {"raw datagrams", open_raw, {0, NONE, NONE, 0, 0, NO, 0, ENDED, 0, NONE}},
        {"a pair", have_a_pair, {0, 0, 0, 0, 0, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"a pair that others hear",
         have_datagrams,
         {0, NONE, NONE, 0, 0, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"name a recipient", name_a_recipient, {IS, IS, IS, IS, IS, NO, IS, ENDED, IS, IS}},
        {"its own filter",
         ask_for_a_filter,
         {WHERE, NO, NO, WHERE, WHERE, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"own limits", limit_itself, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
        {"limits of others",
         limit_the_test,
         {0, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE}},
        {"signal others", signal_the_test, {0, 0, 0, 0, 0, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"signal a thread", signal_its_thread, {0, 0, 0, 0, 0, NO, NO, NO, NO, NO}},
        {"own descriptors", keep_a_descriptor, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
        {"have others signalled", signal_at_input, {0, 0, 0, 0, 0, NONE, NONE, NONE, NONE, NONE}},
        {"abort", end_itself, {OVER, OVER, OVER, OVER, OVER, OVER, OVER, OVER, OVER, OVER}},
        {"read a file", read_ours, {0, 0, 0, 0, 0, 0, 0, NO, NONE, NO}},
        {"write a file", write_ours, {0, 0, 0, 0, 0, EPERM, EPERM, NO, 0, NO}},
    };
    try_calls(rows, sizeof rows / sizeof *rows);
}

/* The watch that ends lanyard-prompt with its agent is a thread that runs by then. */
static void *wait_and_open(void *context)
{
    char byte;
    if (read(*(int *)context, &byte, 1) != 1)
        _exit(251);
    _exit(open_tcp());
}

static void threads_that_run_are_confined_too(void **state)
{
    (void)state;
    skip_if_instrumented();
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        int ends[2];
        pthread_t thread;
        if (harden_process() < 0 || pipe(ends) < 0 ||
            pthread_create(&thread, NULL, wait_and_open, ends) != 0 ||
            confine_calls(CONFINE_PROMPT) < 0 || write(ends[1], "", 1) != 1)
            _exit(250);
        for (;;)
            poll(NULL, 0, -1);
    }
    assert_int_equal(status_of(pid), ENDED);
}

/* ---- places ---- */

static long landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
}

static int try_reach(unsigned rights, unsigned reach, int (*attempt)(void))
{
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        char missing[128];
        snprintf(missing, sizeof missing, "%s/nothing", folder);
        const struct confine_place places[] = {{missing, CONFINE_WRITE}, {ours, rights}};
        if (harden_process() < 0 || confine_reach(places, 2, reach) < 0)
            _exit(250);
        _exit(attempt());
    }
    return status_of(pid);
}

static void places_are_kept_or_not(void **state)
{
    (void)state;
    skip_if_instrumented();
    long abi = landlock();
    if (abi <= 0) {
        print_message("this kernel has no Landlock\n");
        skip();
    }
    enum { ABI_MOVE = 2, ABI_TRUNCATE = 3, ABI_NET = 4, ABI_SCOPE = 6 };
    const struct {
        const char *what;
        int (*attempt)(void);
        unsigned rights, reach;
        int expected, since;
    } rows[] = {
        {"read", read_ours, CONFINE_READ, 0, 0, 1},
        {"write what may be read", write_ours, CONFINE_READ, 0, EACCES, 1},
        {"make where may be read", make_ours, CONFINE_READ, 0, EACCES, 1},
        {"write", write_ours, CONFINE_WRITE, 0, 0, 1},
        {"make", make_ours, CONFINE_WRITE, 0, 0, 1},
        {"write a device", write_ours, CONFINE_DEVICES, 0, 0, 1},
        {"make a device", make_ours, CONFINE_DEVICES, 0, EACCES, 1},
        {"read what may be removed", read_ours, CONFINE_REMOVE, 0, EACCES, 1},
        {"remove", remove_ours, CONFINE_REMOVE, 0, 0, 1},
        {"remove what may be read", remove_ours, CONFINE_READ, 0, EACCES, 1},
        {"read elsewhere", read_others, CONFINE_WRITE, 0, EACCES, 1},
        {"write elsewhere", write_others, CONFINE_WRITE, 0, EACCES, 1},
        {"make elsewhere", make_others, CONFINE_WRITE, 0, EACCES, 1},
        {"start a program", start_a_program, CONFINE_WRITE, 0, EACCES, 1},
        {"move", move_within_ours, CONFINE_WRITE, 0, 0, ABI_MOVE},
        {"move away", move_ours_away, CONFINE_WRITE, 0, EACCES, ABI_MOVE},
        {"connect by TCP", connect_tcp, 0, 0, EACCES, ABI_NET},
        {"connect by TCP as allowed", connect_tcp, 0, CONFINE_TCP, 0, 1},
        {"listen", listen_on_tcp, 0, CONFINE_TCP, EACCES, ABI_NET},
        {"a Unix socket with a path", connect_unix, 0, 0, 0, 1},
        {"signal others", signal_the_test, 0, 0, EPERM, ABI_SCOPE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (abi < rows[i].since)
            continue;
        assert_int_equal(open_file(ours, O_WRONLY | O_CREAT), 0);
        remove_new();
        int got = try_reach(rows[i].rights, rows[i].reach, rows[i].attempt);
        if (got != rows[i].expected && !(rows[i].expected == EACCES && got == EXDEV))
            fail_msg("%s: %d, not %d", rows[i].what, got, rows[i].expected);
    }
}

/* ---- around it ---- */

static int set_up(void **state)
{
    (void)state;
    test = getpid();
    if (!folder_make(folder))
        return -1;
    snprintf(ours, sizeof ours, "%s/ours", folder);
    snprintf(others, sizeof others, "%s/others", folder);
    char below[128];
    snprintf(below, sizeof below, "%s/below", ours);
    if (mkdir(ours, 0700) < 0 || mkdir(others, 0700) < 0 || mkdir(below, 0700) < 0 ||
        open_file(ours, O_WRONLY | O_CREAT) != 0 || open_file(others, O_WRONLY | O_CREAT) != 0)
        return -1;

    snprintf(unix_address.sun_path, sizeof unix_address.sun_path, "%s/socket", folder);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&unix_address, sizeof unix_address) < 0 ||
        listen(listener, 64) < 0)
        return -1;

    tcp_address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof tcp_address;
    int web = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(web, (struct sockaddr *)&tcp_address, len) < 0 || listen(web, 64) < 0 ||
        getsockname(web, (struct sockaddr *)&tcp_address, &len) < 0)
        return -1;
    tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return tcp < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_kept_or_not),
        cmocka_unit_test(threads_that_run_are_confined_too),
        cmocka_unit_test(places_are_kept_or_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
