/* SPDX-License-Identifier: MIT */
/*
 * A pinentry that costs next to nothing, so that a benchmark measures Lanyard and not a window:
 * asked for a PIN, it sends the nanoseconds of CLOCK_MONOTONIC as a line to the Unix socket named
 * by its argument, and passes on the line that comes back as the PIN. Everything else it is told it
 * accepts (the Assuan protocol as in pinentry's manual).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PIN_LINE_MAX = 66 };

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        perror("bench_pinentry");
        exit(EXIT_FAILURE);
    }
    return fd;
}

/* The PIN into pin, terminated; false when the benchmark gives none. */
static int ask(int bench, char pin[PIN_LINE_MAX])
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    dprintf(bench, "%llu\n",
            (unsigned long long)t.tv_sec * 1000000000u + (unsigned long long)t.tv_nsec);
    size_t have = 0;
    while (have < PIN_LINE_MAX - 1 && read(bench, pin + have, 1) == 1) {
        if (pin[have] == '\n') {
            pin[have] = '\0';
            return 1;
        }
        have++;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    int bench = connect_to(argv[1]);
    char *line = NULL;
    size_t size = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("OK ready");
    while (getline(&line, &size, stdin) > 0) {
        char pin[PIN_LINE_MAX];
        if (strncmp(line, "GETPIN", 6) == 0) {
            if (ask(bench, pin))
                printf("D %s\nOK\n", pin);
            else
                puts("ERR 83886179 Operation cancelled");
        } else if (strncmp(line, "BYE", 3) == 0) {
            puts("OK");
            break;
        } else {
            puts("OK");
        }
    }
    free(line);
    return 0;
}
