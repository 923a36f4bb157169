/* SPDX-License-Identifier: MIT */
/*
 * A folder for a test's files, and in it the sandbox's virtual cards and a private pcscd: this
 * process's PC/SC calls, and those of the programs it starts, go there (PCSCLITE_CSOCK_NAME).
 * Everything here fails the
 * running cmocka test, or the group's set-up, when it cannot do its part.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Runs a shell script to its end in this folder, its output to the file "log" there; fails the
 * test, and shows the log, unless it succeeds. */
void run_script(const char *folder, const char *script);
/* Makes a folder for the test's files; path is filled. Removes it with all that is in it. */
void make_folder(char *path, size_t size);
void remove_folder(const char *path);

enum { SANDBOX_READERS_MAX = 4 };

struct sandbox {
    char folder[256];
    pid_t cards, pcscd;
    int control; /* of the virtual cards */
};

/* Makes the people's cards, starts the virtual cards with these readers (NULL-terminated) and
 * pcscd. The readers are empty. */
void sandbox_start(struct sandbox *s, const char *const readers[]);
void sandbox_stop(struct sandbox *s);

/* Sends a command (ctl --help) and returns its answer after "ok ", valid until the next. Fails the
 * test for any other answer. */
__attribute__((format(printf, 2, 3))) const char *sandbox_do(struct sandbox *s, const char *format,
                                                             ...);

/* Kills pcscd, and starts it again. */
void sandbox_kill_pcscd(struct sandbox *s);
void sandbox_start_pcscd(struct sandbox *s);
