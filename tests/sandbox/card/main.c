/* SPDX-License-Identifier: MIT */
/*
 * lanyard-virtual-card DIR CARDS READER...: plays the cards of one sandbox.
 *
 * DIR gets the control socket (DIR/control) and one socket per reader (DIR/readers/READER), to
 * which the driver inside pcscd connects; so this comes before pcscd. Readers are called reader-0,
 * reader-1, ..., those with a PIN pad pinpad-0, ... CARDS is a folder of card folders, as made by
 * pki/make-pki; it is only read. The word "ready" on standard output means that all sockets are
 * there.
 *
 * One thread, one poll; sleeps until something happens. SIGTERM, SIGINT or the command `quit` end
 * it.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "control.h"
#include "tests/sandbox/lines/lines.h"

#define POLLS_MAX (1 + LINES_POLLS + READER_POLLS * BENCH_READERS_MAX)

static bool reader_name_valid(const char *name)
{
    return card_name_valid(name) && (strncmp(name, "reader-", strlen("reader-")) == 0 ||
                                     strncmp(name, "pinpad-", strlen("pinpad-")) == 0);
}

static bool set_up(struct bench *bench, const char *dir, char *const names[], int count)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/readers", dir);
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/readers/%s", dir, names[i]);
        if (!reader_name_valid(names[i]) || !bench_add_reader(bench, names[i], path)) {
            fprintf(stderr, "cannot make the reader %s\n", path);
            return false;
        }
    }
    return true;
}

static int sooner(int a, int b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static void run(struct bench *bench, struct lines *lines, int signals)
{
    struct pollfd fds[POLLS_MAX];
    struct pollfd *reader_fds = fds + 1 + LINES_POLLS;

    while (!bench->quit) {
        int timeout = -1;

        fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
        lines_watch(lines, fds + 1);
        for (size_t i = 0; i < bench->reader_count; i++) {
            reader_link_watch(bench->readers[i], reader_fds + READER_POLLS * i);
            timeout = sooner(timeout, reader_link_timeout(bench->readers[i]));
        }
        if (poll(fds, 1 + LINES_POLLS + READER_POLLS * bench->reader_count, timeout) < 0)
            continue;
        if (fds[0].revents)
            return;
        for (size_t i = 0; i < bench->reader_count; i++)
            reader_link_turn(bench->readers[i], reader_fds + READER_POLLS * i);
        lines_turn(lines, fds + 1);
    }
}

static int catch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char *argv[])
{
    struct lines *lines = NULL;
    struct bench bench;
    char path[PATH_MAX];
    int signals;

    if (argc < 4) {
        fprintf(stderr, "usage: lanyard-virtual-card DIR CARDS READER...\n");
        return 2;
    }
    signals = catch_signals();
    if (signals < 0 || !bench_init(&bench, argv[2]))
        return EXIT_FAILURE;
    if (set_up(&bench, argv[1], argv + 3, argc - 3)) {
        snprintf(path, sizeof path, "%s/control", argv[1]);
        lines = lines_new(path, control_command, &bench);
        if (!lines)
            fprintf(stderr, "%s: cannot listen\n", path);
    }
    if (lines) {
        puts("ready");
        fflush(stdout);
        run(&bench, lines, signals);
    }
    lines_free(lines);
    bench_deinit(&bench);
    close(signals);
    return lines ? EXIT_SUCCESS : EXIT_FAILURE;
}
