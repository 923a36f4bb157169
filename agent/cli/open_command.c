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
#include "agent/cli/unseen.h"
#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    REPORT_BYTES_MAX = 60 * 1024, /* it goes into one message */
    BROWSER_WORDS_MAX = 16,
    OPENING_MS = 3000, /* a program that still runs then is a browser */
};

extern char **environ;

/* A program that opens the URL. */
struct browser {
    struct bytes text; /* each word terminated */
    char *words[BROWSER_WORDS_MAX + 1];
};

static void browser_release(struct browser *browser)
{
    bytes_deinit(&browser->text);
}

/* ---- $BROWSER, as xdg-open reads it: programs to be tried in turn, separated by colons; the URL
 * stands for %s, or behind the last word ---- */

/* True: the URL is in it. */
static bool append_word(struct bytes *text, const char *word, size_t len, const char *url)
{
    bool has_url = false;
    const char *end = word + len;
    for (const char *at; (at = memmem(word, (size_t)(end - word), "%s", 2)); word = at + 2) {
        bytes_append(text, word, (size_t)(at - word));
        bytes_append(text, url, strlen(url));
        has_url = true;
    }
    bytes_append(text, word, (size_t)(end - word));
    bytes_append(text, "", 1);
    return has_url;
}

/* *browser is zero. False: no program is named there, or by too many words. */
static bool browser_read(struct browser *browser, const char *entry, size_t len, const char *url)
{
    size_t count = 0;
    bool has_url = false;
    for (const char *end = entry + len; entry < end;) {
        size_t word = 0;
        while (entry + word < end && entry[word] != ' ')
            word++;
        if (word > 0 && ++count <= BROWSER_WORDS_MAX)
            has_url |= append_word(&browser->text, entry, word, url);
        entry += word + (entry + word < end);
    }
    if (count > 0 && !has_url && ++count <= BROWSER_WORDS_MAX)
        append_word(&browser->text, url, strlen(url), url);
    if (count == 0 || count > BROWSER_WORDS_MAX || browser->text.failed)
        return false;
    char *at = (char *)browser->text.data;
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        browser->words[i] = at;
    return true;
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

/* ---- opening ---- */

/* False: it has ended, and badly. */
static bool goes_well(pid_t pid)
{
    CLEANUP(close_fd) int watched = pidfd_open(pid, 0);
    struct pollfd ended = {.fd = watched, .events = POLLIN};
    if (watched < 0 || poll(&ended, 1, OPENING_MS) <= 0)
        return true;
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What the browser prints is nobody's business here. */
static bool start_browser(const struct browser *browser)
{
    posix_spawn_file_actions_t files;
    pid_t pid;
    if (posix_spawn_file_actions_init(&files) != 0)
        return false;
    int r = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawnp(&pid, browser->words[0], &files, NULL, browser->words, environ);
    posix_spawn_file_actions_destroy(&files);
    if (r == 0 && goes_well(pid))
        return true;
    fprintf(stderr, "lanyard: %s could not open the browser%s%s\n", browser->words[0],
            r != 0 ? ": " : "", r != 0 ? strerror(r) : "");
    return false;
}

static bool open_in_browser(const char *url)
{
    const char *named = getenv("BROWSER");
    const char *at = named && *named ? named : "xdg-open";
    for (size_t len; *at; at += len + (at[len] == ':')) {
        CLEANUP(browser_release) struct browser browser = {0};
        len = strcspn(at, ":");
        if (browser_read(&browser, at, len, url) && start_browser(&browser))
            return true;
    }
    return false;
}

/* ---- what doctor finds ---- */

/* What lanyard-doctor --json writes, terminated; false: it cannot be had. */
static bool ask_doctor(const struct options *options, struct bytes *report)
{
    struct options asked = *options;
    struct doctor_line line;
    asked.json = true;
    doctor_line(&line, &asked);
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
        r = posix_spawn(&pid, line.program, &files, NULL, line.arguments, environ);
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

void open_in_vain(const struct lanyard_error *error, const struct options *options)
{
    char advice[sizeof error->advice + sizeof error->code + 4];
    snprintf(advice, sizeof advice, "%s (%s)", error->advice, error->code);
    if (!options->print && has_display())
        unseen_tell(error->sentence, advice);
}

int command_open(struct lanyard *agent, const struct options *options)
{
    CLEANUP(text_release) char *url = NULL;
    CLEANUP(bytes_deinit) struct bytes report = {0};
    struct lanyard_error error;
    if (lanyard_open_status(agent, &url, &error) != LANYARD_OK) {
        open_in_vain(&error, options);
        return report_error_at_once(&error, options);
    }
    bool wanted = !options->print && has_display();
    bool shown = wanted && open_in_browser(url);
    if (!shown && puts(url) >= 0)
        fflush(stdout);
    if (!shown)
        fputs("Open it in a browser of this desktop within a minute; it is good once.\n", stderr);
    if (wanted && !shown)
        unseen_tell("The browser could not be opened.", "Ask your IT service desk.");
    /* Without doctor the page says that nothing was checked. */
    if (ask_doctor(options, &report) &&
        lanyard_note_doctor(agent, (const char *)report.data, NULL) != LANYARD_OK)
        fputs("lanyard: what lanyard doctor has found cannot be shown on the page\n", stderr);
    return wanted && !shown ? STATUS_REFUSED : STATUS_DONE;
}
