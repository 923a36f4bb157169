/* SPDX-License-Identifier: MIT */
/*
 * stamp SOCKET: sends the nanoseconds of CLOCK_MONOTONIC as a line to a Unix socket. For programs
 * that can be told to run a command, and so say when they did.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

int main(int argc, char **argv)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (argc != 2)
        return 2;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        perror("bench_stamp");
        return EXIT_FAILURE;
    }
    dprintf(fd, "%lld\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);
    return EXIT_SUCCESS;
}
