/* SPDX-License-Identifier: MIT */
#include "test_portd_rig.h"

#include "test_folder_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- programs ---- */

static void become(uid_t uid)
{
    if (uid != geteuid() && (setgid(uid) < 0 || setuid(uid) < 0))
        _exit(126);
}

static struct program program_start_limited(uid_t uid, rlim_t descriptors, const char *const *argv)
{
    int in[2], out[2], err[2];
    assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(err, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        const struct rlimit limit = {descriptors / 2, descriptors}; /* half of it at first */
        if (descriptors > 0 && setrlimit(RLIMIT_NOFILE, &limit) < 0)
            _exit(126);
        become(uid);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    return (struct program){.pid = pid, .in = in[1], .out = out[0], .err = err[0]};
}

struct program program_start(uid_t uid, const char *const *argv)
{
    return program_start_limited(uid, 0, argv);
}

void read_until(int fd, const char *words, char *text, size_t size)
{
    size_t len = 0;
    text[0] = '\0';
    while (!memmem(text, len, words, strlen(words))) { /* frames have zeros in their heads */
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
        ssize_t got = read(fd, text + len, size - 1 - len);
        if (got <= 0)
            fail_msg("\"%s\" did not come, but: %s", words, text);
        len += (size_t)got;
        text[len] = '\0';
    }
}

int program_wait(struct program *program)
{
    int status = 0;
    waitpid(program->pid, &status, 0);
    close_fd(&program->in);
    close_fd(&program->out);
    close_fd(&program->err);
    program->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int program_end(struct program *program)
{
    if (program->pid <= 0)
        return 0;
    kill(program->pid, SIGTERM);
    return program_wait(program);
}

int descriptors_of(pid_t pid)
{
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

void await_descriptors(pid_t pid, int count)
{
    for (int waited = 0; descriptors_of(pid) > count && waited < WAIT_MS; waited += 10)
        poll(NULL, 0, 10);
}

/* ---- the broker ---- */

static struct program start_broker_as(struct fixture *f, uid_t uid, rlim_t descriptors,
                                      uint16_t port)
{
    char listen_on[32], line[64];
    snprintf(listen_on, sizeof listen_on, "127.0.0.1:%u", (unsigned)port);
    const char *argv[12] = {PORTD, "--listen", listen_on, "--socket", f->socket, "--ready-fd", "1"};
    size_t count = 7;
    if (f->users[0]) {
        argv[count++] = "--users";
        argv[count++] = f->users;
    }
    if (f->wake[0]) {
        argv[count++] = "--wake";
        argv[count++] = f->wake;
    }
    struct program broker = program_start_limited(uid, descriptors, argv);
    read_until(broker.out, "\n", line, sizeof line);
    f->port = (uint16_t)strtoul(line, NULL, 10);
    return broker;
}

void start_broker(struct fixture *f, uint16_t port)
{
    f->broker = start_broker_as(f, geteuid(), 0, port);
}

void restart_broker_in(struct fixture *f, const char *folder, rlim_t descriptors)
{
    program_end(&f->broker);
    snprintf(f->socket, sizeof f->socket, "%s/theirs", folder);
    assert_int_equal(chown(folder, BROKER_USER, BROKER_USER), 0);
    f->broker = start_broker_as(f, BROKER_USER, descriptors, 0);
}

/* ---- agents ---- */

struct program launch_agent(const struct fixture *f, uid_t uid, const char *name,
                            const char *origin, const char *another)
{
    char folder[128], path[160];
    snprintf(folder, sizeof folder, "%s/%s", f->folder, name);
    mkdir(folder, 0700);
    assert_int_equal(chown(folder, uid, uid), 0);
    snprintf(path, sizeof path, "%s/agent", folder);
    const char *argv[] = {DOOR_SERVER, path, f->socket, origin, another, NULL};
    return program_start(uid, argv);
}

struct program start_agent(const struct fixture *f, uid_t uid, const char *name)
{
    char origin[64], text[512];
    snprintf(origin, sizeof origin, "https://%s.example", name);
    struct program agent = launch_agent(f, uid, name, origin, NULL);
    read_until(agent.err, "pages reach", text, sizeof text);
    return agent;
}

/* ---- pages ---- */

int dial(const struct fixture *f)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

int dial_as(const struct fixture *f, uid_t uid)
{
    assert_int_equal(seteuid(uid), 0);
    int fd = dial(f);
    assert_int_equal(seteuid(0), 0);
    return fd;
}

void send_head(const struct fixture *f, int fd, const char *name, const char *path)
{
    char head[512];
    int len = snprintf(head, sizeof head,
                       "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nOrigin: https://%s.example\r\n"
                       "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Protocol: lanyard.v1\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                       path, (unsigned)f->port, name);
    assert_int_equal(send(fd, head, (size_t)len, MSG_NOSIGNAL), len);
}

void read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t got = 1;
    while (got > 0 && len < size - 1) {
        assert_int_equal(poll(&ready, 1, WAIT_MS), 1);
        got = recv(fd, text + len, size - 1 - len, 0);
        len += got > 0 ? (size_t)got : 0;
    }
    text[len] = '\0';
}

void expect_head(int fd, const char *answer)
{
    char text[1024];
    read_until(fd, "\r\n\r\n", text, sizeof text);
    if (strncmp(text, answer, strlen(answer)) != 0)
        fail_msg("expected %s, got %s", answer, text);
}

void expect_answer(const struct fixture *f, const char *name, const char *answer)
{
    CLEANUP(close_fd) int fd = dial(f);
    send_head(f, fd, name, "/v1");
    expect_head(fd, answer);
}

void send_frame(int fd, uint8_t first, const char *text, size_t len)
{
    uint8_t frame[1024] = {first};
    size_t at = 2;
    if (len < 126) {
        frame[1] = (uint8_t)(0x80 | len);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(len >> 8);
        frame[3] = (uint8_t)len;
        at = 4;
    }
    at += 4;
    memcpy(frame + at, text, len);
    assert_int_equal(send(fd, frame, at + len, MSG_NOSIGNAL), at + len);
}

int open_page(const struct fixture *f, const char *name)
{
    int fd = dial(f);
    send_head(f, fd, name, "/v1");
    expect_head(fd, "HTTP/1.1 101 ");
    return fd;
}

void say_hello(int fd)
{
    char text[1024];
    send_frame(fd, 0x81, HELLO, sizeof HELLO - 1);
    read_until(fd, "\"protocol\":1", text, sizeof text);
}

/* ---- life ---- */

void skip_unless_root(void)
{
    if (geteuid() == 0)
        return;
    print_message("skipped: only root can be several users\n");
    skip();
}

int portd_set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    signal(SIGPIPE, SIG_IGN);
    strcpy(f->folder, "/tmp/test_portd.XXXXXX");
    if (!folder_make(f->folder) || chmod(f->folder, 0755) < 0)
        return -1;
    snprintf(f->socket, sizeof f->socket, "%s/portd", f->folder);
    start_broker(f, 0);
    return 0;
}

int portd_tear_down(void **state)
{
    struct fixture *f = *state;
    program_end(&f->broker);
    folder_remove(f->folder);
    free(f);
    return 0;
}
