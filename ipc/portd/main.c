/* SPDX-License-Identifier: MIT */
/*
 * lanyard-portd: the one program of ours that listens on TCP. See ipc/portd/broker.c for what it
 * does; this file reads the command line, hardens the process and wires.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/base/ready.h"
#include "ipc/confine/confine.h"
#include "ipc/portd/listener.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "Usage: lanyard-portd [--listen ADDRESS:PORT]... [--socket PATH] [--wake DIR]\n"
    "                     [--users DIR] [--ready-fd N]\n"
    "\n"
    "Passes pages' connections to the agent of the user who made them.\n"
    "\n"
    "  --listen ADDRESS:PORT  listen there; loopback addresses only; port 0: any; at most twice\n"
    "  --socket PATH          where agents register\n"
    "  --wake DIR             have missing agents started by files in DIR\n"
    "  --users DIR            serve only users with a file in DIR\n"
    "  --ready-fd N           write the port and a newline to descriptor N when serving\n"
    "  --help, --version      say this, or the version\n"
    "\n"
    "Sockets that systemd passes (named \"web\" and \"agents\") are used in their place.\n";

struct options {
    struct sockaddr_storage web[BROKER_WEB_MAX];
    size_t web_count;
    const char *socket;
    const char *wake;
    const char *users;
    int ready_fd;
};

/* 0, or an exit status + 1: the program ends there. */
static int parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"listen", required_argument, NULL, 'l'},   {"socket", required_argument, NULL, 's'},
        {"wake", required_argument, NULL, 'w'},     {"users", required_argument, NULL, 'u'},
        {"ready-fd", required_argument, NULL, 'r'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},        {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 'l':
            if (options->web_count == BROKER_WEB_MAX ||
                listener_parse(optarg, &options->web[options->web_count++]) < 0) {
                fprintf(stderr, "lanyard-portd: %s: not a loopback ADDRESS:PORT\n", optarg);
                return EXIT_USAGE + 1;
            }
            break;
        case 's':
            options->socket = optarg;
            break;
        case 'w':
            options->wake = optarg;
            break;
        case 'u':
            options->users = optarg;
            break;
        case 'r':
            if (!ready_parse(optarg, &options->ready_fd)) {
                fprintf(stderr, "lanyard-portd: %s: not a descriptor\n", optarg);
                return EXIT_USAGE + 1;
            }
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS + 1;
        case 'v':
            puts("lanyard-portd " LANYARD_VERSION);
            return EXIT_SUCCESS + 1;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE + 1;
        }
    }
    if (optind == argc)
        return 0;
    fputs(usage, stderr);
    return EXIT_USAGE + 1;
}

static int open_listeners(struct listeners *listeners, const struct options *options)
{
    int r = listeners_inherit(listeners);
    for (size_t i = 0; r == 0 && i < options->web_count; i++)
        r = listeners_add_web(listeners, &options->web[i]);
    if (r == 0 && listeners->agents < 0 && options->socket)
        r = listeners_open_agents(listeners, options->socket);
    if (r == 0 && (listeners->web_count == 0 || listeners->agents < 0)) {
        log_error("nothing to serve: --listen and --socket are needed, or systemd's sockets");
        r = -EINVAL;
    }
    return r;
}

static void tell_ready(int fd, uint16_t port)
{
    char line[8];
    snprintf(line, sizeof line, "%u", (unsigned)port);
    ready_say(fd, line);
    sd_notify(0, "READY=1");
}

/* What is open by now is enough; there are only the files that wake agents, and the socket's, which
 * is taken away in the end. */
static int confine(const struct options *options)
{
    char folder[PATH_MAX] = "";
    if (options->socket)
        snprintf(folder, sizeof folder, "%s", options->socket);
    struct confine_place places[2];
    size_t count = 0;
    if (options->socket)
        places[count++] = (struct confine_place){dirname(folder), CONFINE_REMOVE};
    if (options->wake)
        places[count++] = (struct confine_place){options->wake, CONFINE_WRITE};
    int r = confine_reach(places, count, CONFINE_ABSTRACT);
    return r < 0 ? r : confine_calls(CONFINE_BROKER);
}

static void stop(void *context)
{
    loop_stop(context);
}

int main(int argc, char **argv)
{
    log_init("lanyard-portd", LOG_LEVEL_INFO);
    struct options options = {.ready_fd = -1};
    int ended = parse(argc, argv, &options);
    if (ended)
        return ended - 1;
    if (harden_process() < 0)
        return EXIT_FAILURE;

    CLEANUP(listeners_close) struct listeners listeners = LISTENERS;
    CLEANUP(loop_free) struct loop *loop = loop_new();
    if (!loop || open_listeners(&listeners, &options) < 0 ||
        !loop_signal_new(loop, SIGTERM, stop, loop) || !loop_signal_new(loop, SIGINT, stop, loop))
        return EXIT_FAILURE;
    CLEANUP(broker_free)
    struct broker *broker =
        broker_new(loop, &(struct broker_setup){.web = listeners.web,
                                                .web_count = listeners.web_count,
                                                .port = listeners.port,
                                                .agents = listeners.agents,
                                                .wake_folder = options.wake,
                                                .users_folder = options.users});
    if (!broker || confine(&options) < 0)
        return EXIT_FAILURE;
    tell_ready(options.ready_fd, listeners.port);
    return loop_run(loop) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
