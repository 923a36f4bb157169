/* SPDX-License-Identifier: MIT */
/*
 * lanyardd: hardens itself, reads its configuration, wires the parts and runs them until it is told
 * to stop. Nothing is decided here.
 */
#include "agent/agent.h"
#include "agent/passed.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/base/ready.h"
#include "ipc/door/door.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

enum { EXIT_USAGE = 2, EXIT_CONFIG = 6 }; /* as lanyardd(8) says */

static const char help[] =
    "Usage: lanyardd [OPTION]...\n"
    "The Lanyard agent: signs whoever has a smartcard or a security key in to the sites that ask.\n"
    "\n"
    "  --config DIR     read lanyard.conf and conf.d in DIR instead of " CONFIG_DEFAULT_DIR "\n"
    "  --helpers DIR    find lanyard-card, lanyard-fido, lanyard-prompt and\n"
    "                   lanyard-chooser in DIR\n"
    "  --socket PATH    serve native programs at PATH instead of\n"
    "                   $XDG_RUNTIME_DIR/lanyard/agent\n"
    "  --ready-fd N     write a line to descriptor N once the doors are open\n"
    "  --methods        print the methods it serves, and exit\n"
    "  --help           print this help, and exit\n"
    "  --version        print the version, and exit\n";

struct arguments {
    const char *config_dir;
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
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"helpers", required_argument, NULL, 'p'},
        {"socket", required_argument, NULL, 's'}, {"ready-fd", required_argument, NULL, 'r'},
        {"methods", no_argument, NULL, 'm'},      {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},      {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
        switch (option) {
        case 'c':
            arguments->config_dir = optarg;
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

static void say(void *context, const char *problem)
{
    (void)context;
    log_error("%s", problem);
}

static void warn(void *context, const char *problem)
{
    (void)context;
    log_warning("%s", problem);
}

static void say_of_issuers(void *config, const char *problem)
{
    log_error("%s: issuers: %s", config_place(config, "issuers"), problem);
}

/* *out stays NULL when any authority will do. 0 or a fault, said. */
static int load_issuers(struct config *config, struct issuers **out)
{
    struct config_reporter report = {.fn = say_of_issuers, .context = config};
    if (config->issuers[0] == '\0')
        return 0;
    CLEANUP(bytes_deinit) struct bytes pem = {0};
    int r = config_read_file(config, config->issuers, &pem, report);
    if (r < 0)
        return r;
    r = issuers_parse(pem.data, pem.len, out);
    if (r < 0)
        config_say(report, "%s: cannot be used", config->issuers);
    return r;
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

static int serve(const struct arguments *arguments, const struct config *config,
                 struct issuers *issuers)
{
    char path[PATH_MAX];
    if (native_path(arguments, path, sizeof path) < 0)
        return EXIT_FAILURE;
    CLEANUP(loop_free) struct loop *loop = loop_new();
    if (!loop || !loop_signal_new(loop, SIGTERM, on_stop, loop) ||
        !loop_signal_new(loop, SIGINT, on_stop, loop))
        return EXIT_FAILURE;
    struct agent_setup setup = {.config = config,
                                .issuers = issuers,
                                .helper_folder = arguments->helpers,
                                .native_path = path,
                                .native_fd = passed_native()};
    CLEANUP(agent_free) struct agent *agent = agent_new(loop, &setup);
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

    CLEANUP(config_deinit) struct config config;
    config_init(&config);
    if (config_load(arguments.config_dir, &config, (struct config_reporter){.fn = say}) < 0)
        return EXIT_CONFIG;
    log_init("lanyardd", config.log_level);
    config_check_pinentry(&config, (struct config_reporter){.fn = warn});
    config_check_lock_command(&config, (struct config_reporter){.fn = warn});
    CLEANUP(issuers_free) struct issuers *issuers = NULL;
    if (load_issuers(&config, &issuers) < 0)
        return EXIT_CONFIG;
    return serve(&arguments, &config, issuers);
}
