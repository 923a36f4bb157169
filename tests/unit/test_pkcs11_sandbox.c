/* SPDX-License-Identifier: MIT */
/*
 * Two processes, each ended by its id: lanyard-virtual-card, which says "ready", and start-pcscd,
 * which says "Listening on" and becomes pcscd with its first client. The wait for those words has
 * no limit of its own; ctest has one.
 */
#include "test_pkcs11_sandbox.h"

#include "ipc/base/cleanup.h"
#include "test_folder_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- files ---- */

void run_script(const char *folder, const char *script)
{
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        if (chdir(folder) == 0)
            execl("/bin/sh", "sh", "-c", "exec >log 2>&1; set -e; eval \"$1\"", "sh", script, NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status == 0)
        return;
    char path[4096];
    snprintf(path, sizeof path, "cat %s/log >&2", folder);
    fail_msg("a script ended with %d (log %sshown)", status, system(path) == 0 ? "" : "not ");
}

void make_folder(char *path, size_t size)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(path, size, "%s/lanyard-test-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(folder_make(path));
}

void remove_folder(const char *path)
{
    folder_remove(path);
}

/* ---- the sandbox ---- */

/* Starts a program whose output is read until it has said the word. Returns its process id. */
static pid_t start_until(const char *const argv[], const char *word)
{
    int ends[2];
    assert_return_code(pipe(ends), errno);
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(ends[1]);
    char said[4096] = "";
    for (size_t len = 0; !strstr(said, word);) {
        ssize_t got = read(ends[0], said + len, sizeof said - 1 - len);
        if (got <= 0)
            fail_msg("%s ended, or said too much: %s", argv[0], said);
        len += (size_t)got;
        said[len] = '\0';
    }
    /* Its output stays open, so that it may go on talking; a pipe's 64 KiB are never filled. */
    return pid;
}

static void end(pid_t *pid, int signal)
{
    if (*pid > 0) {
        kill(*pid, signal);
        waitpid(*pid, NULL, 0);
    }
    *pid = 0;
}

static void connect_control(struct sandbox *s)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len = snprintf(address.sun_path, sizeof address.sun_path, "%s/control", s->folder);
    assert_in_range(len, 1, sizeof address.sun_path - 1);
    s->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(connect(s->control, (struct sockaddr *)&address, sizeof address), errno);
}

void sandbox_start_pcscd(struct sandbox *s)
{
    const char *argv[] = {LANYARD_SOURCE "/tests/sandbox/start-pcscd", s->folder,
                          LANYARD_BUILD "/tests/sandbox/reader/libvirtual-reader.so", NULL};
    s->pcscd = start_until(argv, "Listening on");
}

void sandbox_kill_pcscd(struct sandbox *s)
{
    end(&s->pcscd, SIGKILL);
}

void sandbox_start(struct sandbox *s, const char *const readers[])
{
    *s = (struct sandbox){.control = -1};
    make_folder(s->folder, sizeof s->folder);
    run_script(s->folder, LANYARD_SOURCE "/tests/sandbox/pki/make-pki pki");
    char cards[300], socket_path[300];
    snprintf(cards, sizeof cards, "%s/pki/cards", s->folder);
    snprintf(socket_path, sizeof socket_path, "%s/pcscd.sock", s->folder);
    const char *argv[3 + SANDBOX_READERS_MAX + 1] = {
        LANYARD_BUILD "/tests/sandbox/card/lanyard-virtual-card", s->folder, cards};
    for (size_t i = 0; readers[i] && i < SANDBOX_READERS_MAX; i++)
        argv[3 + i] = readers[i];
    s->cards = start_until(argv, "ready");
    connect_control(s);
    sandbox_start_pcscd(s);
    setenv("PCSCLITE_CSOCK_NAME", socket_path, 1);
}

void sandbox_stop(struct sandbox *s)
{
    close_fd(&s->control);
    end(&s->pcscd, SIGTERM);
    end(&s->cards, SIGTERM);
    remove_folder(s->folder);
}

const char *sandbox_do(struct sandbox *s, const char *format, ...)
{
    static char answer[2048];
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    assert_in_range(len, 1, sizeof line - 2);
    line[len] = '\n';
    assert_int_equal(write(s->control, line, (size_t)len + 1), len + 1);
    size_t got = 0;
    do {
        ssize_t n = read(s->control, answer + got, sizeof answer - 1 - got);
        assert_true(n > 0);
        got += (size_t)n;
    } while (answer[got - 1] != '\n');
    answer[got - 1] = '\0';
    if (strncmp(answer, "ok", 2) != 0)
        fail_msg("%.*s: %s", len, line, answer);
    return answer[2] ? answer + 3 : answer + 2;
}
