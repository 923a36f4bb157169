/* SPDX-License-Identifier: MIT */
/*
 * agent/desktop by itself, for desktop.test.mjs: prints each event as a line, and does what it is
 * told on standard input.
 *
 *     desktop_client [LOCK COMMAND]
 *
 * lock           locks; then prints "lock LOCKED LOCKER FAILED" ("-": none)
 * tell TEXT|TEXT shows a notice: summary, body
 *
 * A DESKTOP_SLEEP is printed, and handled when the next line has come. Ends with standard input.
 */
#include "agent/desktop/desktop.h"
#include "agent/helper.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct client {
    struct loop *loop;
    struct desktop *desktop;
    char line[4096];
    size_t len;
};

/* Reads one byte after the other: what follows the line is for later. False: the end. */
static bool read_line(struct client *client)
{
    char byte;
    client->len = 0;
    while (read(STDIN_FILENO, &byte, 1) == 1) {
        if (byte == '\n') {
            client->line[client->len] = '\0';
            return true;
        }
        if (client->len < sizeof client->line - 1)
            client->line[client->len++] = byte;
    }
    return false;
}

static void on_event(void *context, enum desktop_event event)
{
    static const char *const names[] = {
        [DESKTOP_LOCKED] = "locked",         [DESKTOP_UNLOCKED] = "unlocked",
        [DESKTOP_SLEEP] = "sleep",           [DESKTOP_RESUMED] = "resumed",
        [DESKTOP_SWITCHED_AWAY] = "away",    [DESKTOP_SWITCHED_BACK] = "back",
        [DESKTOP_LOGGED_OUT] = "logged out",
    };
    static const char *const places[] = {[DESKTOP_PLACE_UNKNOWN] = "nowhere",
                                         [DESKTOP_PLACE_HERE] = "here",
                                         [DESKTOP_PLACE_REMOTE] = "remote"};
    struct client *client = context;
    puts(event == DESKTOP_PLACED ? places[desktop_place(client->desktop)] : names[event]);
    if (event == DESKTOP_PLACED && strcmp(desktop_seat(client->desktop), "seat0") != 0)
        printf("at %s\n", desktop_seat(client->desktop));
    if (event == DESKTOP_SLEEP && !read_line(client))
        loop_stop(client->loop);
}

static void on_lock(void *context, const struct desktop_lock_result *result)
{
    (void)context;
    printf("lock %s %s %s\n", result->locked ? "yes" : "no", result->locker,
           result->failed ? result->failed : "-");
}

/* "tell SUMMARY|BODY", "tell-lock ...", "tell-expiry ..." */
static void tell(struct client *client)
{
    static const struct {
        const char *word;
        enum notice_kind kind;
    } kinds[] = {
        {"tell ", NOTICE_ALARM}, {"tell-lock ", NOTICE_LOCK}, {"tell-expiry ", NOTICE_EXPIRY}};
    char *body = strchr(client->line, '|');
    if (body)
        *body++ = '\0';
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t len = strlen(kinds[i].word);
        if (strncmp(client->line, kinds[i].word, len) == 0)
            desktop_tell(client->desktop, kinds[i].kind, client->line + len, body ? body : "");
    }
    puts("told");
}

static void on_input(void *context, uint32_t events)
{
    struct client *client = context;
    (void)events;
    if (!read_line(client)) {
        loop_stop(client->loop);
    } else if (strcmp(client->line, "lock") == 0) {
        desktop_lock(client->desktop, on_lock, client);
        puts("locking");
    } else {
        tell(client);
    }
}

int main(int argc, char **argv)
{
    char none[] = "";
    struct config config = {.desktop_lock_command = argc > 1 ? argv[1] : none,
                            .notices_lock = true}; /* and none of the others */
    setvbuf(stdout, NULL, _IOLBF, 0);
    log_init("desktop_client", LOG_LEVEL_DEBUG);
    if (harden_process() < 0)
        return EXIT_FAILURE;
    CLEANUP(loop_free) struct loop *loop = loop_new();
    CLEANUP(helpers_free) struct helpers *helpers = loop ? helpers_new(loop, "") : NULL;
    struct client client = {.loop = loop};
    CLEANUP(desktop_free)
    struct desktop *desktop = helpers ? desktop_new(loop, &config, on_event, &client) : NULL;
    client.desktop = desktop;
    if (!desktop || !loop_watch_new(loop, STDIN_FILENO, LOOP_READABLE, on_input, &client))
        return EXIT_FAILURE;
    puts("ready");
    return loop_run(loop) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
