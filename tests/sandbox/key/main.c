/* SPDX-License-Identifier: MIT */
/*
 * lanyard-virtual-key DIR ATTESTATION KEY...: plays the security keys of one sandbox.
 *
 * Each KEY is KIND:NAME. KIND says how it is plugged in: usb (behind umockdev), socket (redirected,
 * at DIR/NAME.socket) or uhid (the kernel's own, in a virtual machine). All are unplugged at first;
 * DIR/control takes the commands. What the key NAME keeps is in DIR/NAME.state. ATTESTATION is a
 * folder with attestation.key.pem and attestation.cert.pem (pki/make-pki), or "-": self
 * attestation.
 *
 * The line "ready ROOT" on standard output means that the control socket is there; programs that
 * shall see the usb keys run under umockdev's preload with UMOCKDEV_DIR=ROOT ("-": there is none,
 * because a uhid key was asked for).
 *
 * One thread of ours, one poll; sleeps until something happens. SIGTERM, SIGINT or the command
 * `quit` end it.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control.h"
#include "tests/sandbox/lines/lines.h"

#define POLLS_MAX (1 + LINES_POLLS + LINK_POLLS * KEYS_MAX)

static bool name_valid(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return length > 0 && name[length] == '\0' && length < KEY_NAME_MAX;
}

static struct link *make_link(const char *dir, struct testbed *testbed, const char *kind,
                              const char *name, unsigned index)
{
    char path[PATH_MAX];

    if (strcmp(kind, "usb") == 0 && testbed)
        return usb_link_new(testbed, index, name);
    if (strcmp(kind, "uhid") == 0)
        return uhid_link_new(name);
    if (strcmp(kind, "socket") != 0)
        return NULL;
    snprintf(path, sizeof path, "%s/%s.socket", dir, name);
    return socket_link_new(path);
}

static bool add_key(struct key_ring *ring, const char *dir, struct testbed *testbed,
                    const struct attestation *attestation, const char *word)
{
    char kind[8] = "", state[PATH_MAX];
    const char *colon = strchr(word, ':');
    struct key *key;

    if (!colon || (size_t)(colon - word) >= sizeof kind || !name_valid(colon + 1) ||
        ring->count == KEYS_MAX)
        return false;
    memcpy(kind, word, (size_t)(colon - word));
    snprintf(state, sizeof state, "%s/%s.state", dir, colon + 1);
    key = key_new(colon + 1, state, attestation,
                  make_link(dir, testbed, kind, colon + 1, (unsigned)ring->count));
    if (key)
        ring->keys[ring->count++] = key;
    return key;
}

static bool load_attestation(const char *folder, struct attestation *attestation)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/attestation.key.pem", folder);
    attestation->key = private_key_load(path);
    snprintf(path, sizeof path, "%s/attestation.cert.pem", folder);
    attestation->certificate = certificate_load(path, &attestation->certificate_size);
    return attestation->key && attestation->certificate;
}

static int sooner(int a, int b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static void run(struct key_ring *ring, struct lines *lines, int signals)
{
    struct pollfd fds[POLLS_MAX];
    struct pollfd *key_fds = fds + 1 + LINES_POLLS;

    while (!ring->quit) {
        int timeout = -1;

        fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
        lines_watch(lines, fds + 1);
        for (size_t i = 0; i < ring->count; i++) {
            ring->keys[i]->link->kind->watch(ring->keys[i]->link, key_fds + LINK_POLLS * i);
            timeout = sooner(timeout, key_timeout(ring->keys[i]));
        }
        if (poll(fds, 1 + LINES_POLLS + LINK_POLLS * ring->count, timeout) < 0)
            continue;
        if (fds[0].revents)
            return;
        for (size_t i = 0; i < ring->count; i++)
            key_turn(ring->keys[i], key_fds + LINK_POLLS * i);
        lines_turn(lines, fds + 1);
    }
}

/* Before there are threads, which inherit it. */
static int catch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static bool wants_testbed(char *const words[], int count)
{
    for (int i = 0; i < count; i++)
        if (strncmp(words[i], "uhid:", strlen("uhid:")) == 0)
            return false;
    return true;
}

static struct lines *set_up(struct key_ring *ring, struct testbed *testbed,
                            const struct attestation *attestation, int argc, char *argv[])
{
    struct lines *lines;
    char path[PATH_MAX];

    for (int i = 3; i < argc; i++) {
        if (add_key(ring, argv[1], testbed, attestation, argv[i]))
            continue;
        fprintf(stderr, "cannot make the key %s\n", argv[i]);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/control", argv[1]);
    lines = lines_new(path, control_command, ring);
    if (!lines)
        fprintf(stderr, "%s: cannot listen\n", path);
    return lines;
}

int main(int argc, char *argv[])
{
    struct attestation attestation = {0};
    struct testbed *testbed = NULL;
    struct key_ring ring = {0};
    struct lines *lines = NULL;
    int signals;

    if (argc < 3) {
        fprintf(stderr, "usage: lanyard-virtual-key DIR ATTESTATION KIND:NAME...\n");
        return 2;
    }
    signals = catch_signals();
    if (signals < 0)
        return EXIT_FAILURE;
    if (wants_testbed(argv + 3, argc - 3))
        testbed = testbed_new(argv[1]);
    if (strcmp(argv[2], "-") != 0 && !load_attestation(argv[2], &attestation))
        fprintf(stderr, "%s: no attestation there\n", argv[2]);
    else
        lines = set_up(&ring, testbed, attestation.key ? &attestation : NULL, argc, argv);
    if (lines) {
        printf("ready %s\n", testbed ? testbed_root(testbed) : "-");
        fflush(stdout);
        run(&ring, lines, signals);
    }
    lines_free(lines);
    for (size_t i = 0; i < ring.count; i++)
        key_free(ring.keys[i]);
    testbed_free(testbed);
    private_key_free(attestation.key);
    free(attestation.certificate);
    close(signals);
    return lines ? EXIT_SUCCESS : EXIT_FAILURE;
}
