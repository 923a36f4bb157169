/* SPDX-License-Identifier: MIT */
/*
 * ssh_sign SOCKET: for each line of its standard input asks an ssh-agent for one signature by the
 * first key that it has, and prints how many microseconds that took: a neighbour's way from a
 * program to a card (the ssh-agent protocol, draft-ietf-sshm-ssh-agent §3).
 */
#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"
#include "ipc/frame.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE_MAX = 256 * 1024, /* OpenSSH's own */
    REQUEST_IDENTITIES = 11,
    IDENTITIES_ANSWER = 12,
    SIGN_REQUEST = 13,
    SIGN_RESPONSE = 14,
    DATA_BYTES = 64,
};

static _Noreturn void give_up(const char *what, int error)
{
    fprintf(stderr, "ssh_sign: %s: %s\n", what, strerror(error));
    exit(EXIT_FAILURE);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int open_agent(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        give_up(path, errno);
    return fd;
}

/* One question; its answer is of that type, and what stands behind the type is the reader's. */
static struct reader ask(int fd, const void *question, size_t len, uint8_t type,
                         struct bytes *answer)
{
    int r = frame_send(fd, question, len, MESSAGE_MAX);
    if (r == 0)
        r = frame_receive(fd, answer, MESSAGE_MAX);
    if (r < 0)
        give_up("the agent", -r);
    struct reader reader = READER(answer->data, answer->len);
    if (read_u8(&reader) != type)
        give_up("the agent refuses", EPROTO);
    return reader;
}

/* A signature by the first key: the key's blob, data, no flags. */
static void make_request(int fd, struct writer *request)
{
    static const uint8_t identities = REQUEST_IDENTITIES;
    CLEANUP(bytes_deinit) struct bytes answer = {0};
    struct reader reader = ask(fd, &identities, 1, IDENTITIES_ANSWER, &answer);
    uint32_t count = read_u32(&reader), len = read_u32(&reader);
    const uint8_t *key = read_raw(&reader, len);
    if (reader.failed || count == 0)
        give_up("no key", ENOENT);
    uint8_t data[DATA_BYTES] = {0};
    write_u8(request, SIGN_REQUEST);
    write_u32(request, len);
    write_raw(request, key, len);
    write_u32(request, sizeof data);
    write_raw(request, data, sizeof data);
    write_u32(request, 0);
    if (request->failed)
        give_up("key", EMSGSIZE);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: ssh_sign SOCKET\n");
        return 2;
    }
    int fd = open_agent(argv[1]);
    uint8_t space[8192];
    struct writer request = WRITER(space, sizeof space);
    make_request(fd, &request);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int c;
    while ((c = getchar()) != EOF) {
        if (c != '\n')
            continue;
        CLEANUP(bytes_deinit) struct bytes answer = {0};
        double begin = now_us();
        ask(fd, space, request.len, SIGN_RESPONSE, &answer);
        printf("%.0f\n", now_us() - begin);
    }
    close(fd);
    return EXIT_SUCCESS;
}
