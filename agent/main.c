/* SPDX-License-Identifier: MIT */
/*
 * lanyardd: hardens itself, reads its configuration, wires the parts and runs them until it is told
 * to stop. Nothing is decided here.
 */
#include "agent/agent.h"
#include "agent/passed.h"
#include "agent/reload.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/base/ready.h"
#include "ipc/confine/confine.h"
#include "ipc/door/door.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

enum { EXIT_USAGE = 2, EXIT_CONFIG = 6 }; /* as lanyardd(8) says */

static const char help[] =
    "Usage: lanyardd [OPTION]...\n"
    "The Lanyard agent: signs whoever has a smartcard or a security key in to the sites that ask.\n"
    "\n"
    "  --config DIR     read lanyard.conf and conf.d in DIR instead of " CONFIG_DEFAULT_DIR "\n"
    "  --user-config FILE\n"
    "                   read the user's own configuration in FILE instead of\n"
    "                   $XDG_CONFIG_HOME/lanyard/lanyard.conf\n"
    "  --helpers DIR    find lanyard-card, lanyard-fido, lanyard-prompt and\n"
    "                   lanyard-chooser in DIR\n"
    "  --socket PATH    serve native programs at PATH instead of\n"
    "                   $XDG_RUNTIME_DIR/lanyard/agent\n"
    "  --ready-fd N     write a line to descriptor N once the doors are open\n"
    "  --methods        print the methods it serves, and exit\n"
    "  --help           print this help, and exit\n"
    "  --version        print the version, and exit\n";

struct arguments {
    struct settings_source settings;
    const char *helpers;
    const char *socket;
    int ready_fd;
};

static void print_methods(void)
{
    for (size_t i = 0; i < door_method_count(); i++)
        printf("%s %s\n", door_method_name(i), door_method_native_only(i) ? "native" : "both");
}

static int usage(const char *complaint, const char *word)
{
    fprintf(stderr, "lanyardd: %s: %s; see lanyardd --help\n", complaint, word);
    return EXIT_USAGE;
}

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"helpers", required_argument, NULL, 'p'},
                                            {"socket", required_argument, NULL, 's'},
                                            {"ready-fd", required_argument, NULL, 'r'},
                                            {"methods", no_argument, NULL, 'm'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"user-config", required_argument, NULL, 'u'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 'c':
            arguments->settings.dir = optarg;
            break;
        case 'u':
            arguments->settings.user_file = optarg;
            break;
        case 'p':
            arguments->helpers = optarg;
            break;
        case 's':
            arguments->socket = optarg;
            break;
        case 'r':
            if (!ready_parse(optarg, &arguments->ready_fd))
                return usage("--ready-fd takes a descriptor's number", optarg);
            break;
        case 'm':
            print_methods();
            return EXIT_SUCCESS;
        case 'h':
            fputs(help, stdout);
            return EXIT_SUCCESS;
        case 'v':
            puts("lanyardd " LANYARD_VERSION);
            return EXIT_SUCCESS;
        default:
            return EXIT_USAGE;
        }
    }
    return optind < argc ? usage("unexpected argument", argv[optind]) : -1;
}

static void on_stop(void *context)
{
    loop_stop(context);
}

static int native_path(const struct arguments *arguments, char *path, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int len;
    if (arguments->socket)
        len = snprintf(path, size, "%s", arguments->socket);
    else if (runtime && runtime[0] == '/')
        len = snprintf(path, size, "%s/lanyard/agent", runtime);
    else {
        log_error("XDG_RUNTIME_DIR is not set: log in through the desktop, or give --socket");
        return -ENOENT;
    }
    return len < (int)size ? 0 : log_fault(ENAMETOOLONG, "socket");
}

/* ---- its configuration, again ---- */

/* sd_notify(3): RELOADING=1 is to come with the time, and READY=1 behind it in any case. */
static void on_hangup(void *context)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
               (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    reload_start(*(struct reload **)context);
}

static void on_reloaded(void *context, struct settings *fresh)
{
    struct agent *agent = *(struct agent **)context;
    bool taken = fresh && agent_reconfigure(agent, &fresh->config, fresh->issuers,
                                            settings_log_remarks) == 0;
    if (taken)
        log_info("the configuration has been read again");
    else
        log_error("the configuration is refused; the one before it stays in force");
    sd_notify(0, taken ? "READY=1\nSTATUS=" : "READY=1\nSTATUS=The last configuration is refused.");
}

/* ---- its life ---- */

static int serve(const struct arguments *arguments, struct settings *settings)
{
    char path[PATH_MAX];
    if (native_path(arguments, path, sizeof path) < 0)
        return EXIT_FAILURE;
    CLEANUP(loop_free) struct loop *loop = loop_new();
    CLEANUP(agent_free) struct agent *agent = NULL;
    CLEANUP(reload_free)
    struct reload *reload =
        loop ? reload_new(loop, &arguments->settings, on_reloaded, &agent) : NULL;
    if (!reload || !loop_signal_new(loop, SIGTERM, on_stop, loop) ||
        !loop_signal_new(loop, SIGINT, on_stop, loop) ||
        !loop_signal_new(loop, SIGHUP, on_hangup, &reload))
        return EXIT_FAILURE;
    struct agent_setup setup = {.config = &settings->config,
                                .issuers = settings->issuers,
                                .helper_folder = arguments->helpers,
                                .native_path = path,
                                .native_fd = passed_native()};
    agent = agent_new(loop, &setup);
    if (!agent)
        return EXIT_FAILURE;
    log_info("ready, version " LANYARD_VERSION);
    ready_say(arguments->ready_fd, "ready");
    sd_notify(0, "READY=1");
    return agent_run(agent) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.helpers = LANYARD_LIBEXECDIR, .ready_fd = -1};
    int status = parse(argc, argv, &arguments);
    if (status >= 0)
        return status;
    log_init("lanyardd", LOG_LEVEL_INFO);
    if (harden_process() < 0)
        return EXIT_FAILURE;

    CLEANUP(settings_deinit) struct settings settings = {0};
    int r =
        settings_load(&arguments.settings, &settings, settings_log_faults, settings_log_remarks);
    if (r < 0) {
        log_error("nobody can sign in until that is put right (LY-%s)", r == -EPERM    ? "2202"
                                                                        : r == -EACCES ? "2209"
                                                                                       : "2201");
        return EXIT_CONFIG;
    }
    log_set_level(settings.config.log_level);
    if (confine_calls(CONFINE_AGENT) < 0)
        return EXIT_FAILURE;
    return serve(&arguments, &settings);
}
