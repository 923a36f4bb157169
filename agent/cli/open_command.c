/* SPDX-License-Identifier: MIT */
/*
 * lanyard open: the browser is sent to the agent's own page, then lanyard-doctor is asked and what
 * it has found is handed to the agent, for the page to show. Doctor runs here and not in the agent:
 * it looks at this desktop as a person does, without what the agent has given up.
 *
 * The URL stands among the arguments of a program for a moment, where other users may read it. It
 * is good once, and opens nothing but this user's own agent to this user's own connections.
 */
#include "agent/cli/commands.h"
#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT_BYTES_MAX = 60 * 1024 }; /* it goes into one message */

extern char **environ;

/* The first of $BROWSER's programs (xdg-open's own rule, for desktops without it), or xdg-open. */
static const char *browser(void)
{
    const char *named = getenv("BROWSER");
    return named && *named && !strchr(named, ':') && !strchr(named, '%') ? named : "xdg-open";
}

static bool has_display(void)
{
    static const char *const places[] = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv(places[i]);
        if (value && *value)
            return true;
    }
    return false;
}

/* What the browser prints is nobody's business here. */
static bool open_in_browser(char *url)
{
    char program[PATH_MAX];
    snprintf(program, sizeof program, "%s", browser());
    char *arguments[] = {program, url, NULL};
    posix_spawn_file_actions_t files;
    pid_t pid;
    if (posix_spawn_file_actions_init(&files) != 0)
        return false;
    int r = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawnp(&pid, program, &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    if (r != 0)
        fprintf(stderr, "lanyard: %s: %s\n", program, strerror(r));
    return r == 0;
}

/* What lanyard-doctor --json writes, terminated; false: it cannot be had. */
static bool ask_doctor(const struct options *options, struct bytes *report)
{
    const char *folder = options->helpers ? options->helpers : LANYARD_LIBEXECDIR;
    char program[PATH_MAX], folder_word[PATH_MAX], socket_word[PATH_MAX];
    snprintf(program, sizeof program, "%s/lanyard-doctor", folder);
    snprintf(folder_word, sizeof folder_word, "--helpers=%s", folder);
    snprintf(socket_word, sizeof socket_word, "--socket=%s",
             options->socket ? options->socket : "");
    char *arguments[] = {program, (char[]){"--json"}, folder_word,
                         options->socket ? socket_word : NULL, NULL};
    int pipes[2];
    posix_spawn_file_actions_t files;
    pid_t pid;
    if (pipe2(pipes, O_CLOEXEC) < 0)
        return false;
    CLEANUP(close_fd) int out = pipes[0], in = pipes[1];
    if (posix_spawn_file_actions_init(&files) != 0)
        return false;
    int r = posix_spawn_file_actions_adddup2(&files, in, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn(&pid, program, &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    close_fd(&in);
    if (r != 0)
        return false;
    char piece[4096];
    ssize_t got;
    while ((got = read(out, piece, sizeof piece)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0 && report->len + (size_t)got < REPORT_BYTES_MAX)
            bytes_append(report, piece, (size_t)got);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    bytes_append(report, "", 1);
    return !report->failed;
}

int command_open(struct lanyard *agent, const struct options *options)
{
    CLEANUP(text_release) char *url = NULL;
    CLEANUP(bytes_deinit) struct bytes report = {0};
    struct lanyard_error error;
    if (lanyard_open_status(agent, &url, &error) != LANYARD_OK)
        return report_error_at_once(&error, options);
    bool shown = !options->print && has_display() && open_in_browser(url);
    if (!shown && puts(url) >= 0)
        fflush(stdout);
    if (!shown)
        fputs("Open it in a browser of this desktop within a minute; it is good once.\n", stderr);
    /* Without doctor the page says that nothing was checked. */
    if (ask_doctor(options, &report) &&
        lanyard_note_doctor(agent, (const char *)report.data, NULL) != LANYARD_OK)
        fputs("lanyard: what lanyard doctor has found cannot be shown on the page\n", stderr);
    return STATUS_DONE;
}
