/* SPDX-License-Identifier: MIT */
/*
 * lanyard-doctor: what `lanyard doctor` becomes. A program of its own, so that no other command
 * waits for libcurl and all that comes with it to be loaded. It takes the options that `lanyard`
 * has checked; lanyard(1) describes them.
 */
#include "agent/doctor/bundle.h"
#include "agent/doctor/doctor.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_ERRORS = 1, EXIT_USAGE = 2 }; /* as lanyard(1) says */

struct arguments {
    struct doctor_setup setup;
    bool json;
    const char *bundle, *journal; /* NULL: none; this computer's */
};

static bool parse(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},         {"socket", required_argument, NULL, 's'},
        {"config", required_argument, NULL, 'C'}, {"user-config", required_argument, NULL, 'U'},
        {"bundle", required_argument, NULL, 'B'}, {"journal", required_argument, NULL, 'J'},
        {"root", required_argument, NULL, 'R'},   {"helpers", required_argument, NULL, 'H'},
        {"port", required_argument, NULL, 'P'},   {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        struct doctor_setup *setup = &arguments->setup;
        switch (c) {
        case 'j':
            arguments->json = true;
            break;
        case 's':
            setup->socket = optarg;
            break;
        case 'C':
            setup->config = optarg;
            break;
        case 'U':
            setup->user_config = optarg;
            break;
        case 'B':
            arguments->bundle = optarg;
            break;
        case 'J':
            arguments->journal = optarg;
            break;
        case 'R':
            setup->root = optarg;
            break;
        case 'H':
            setup->helpers = optarg;
            break;
        case 'P':
            setup->port = (uint16_t)strtoul(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    return optind == argc;
}

static void report_release(struct report **report)
{
    if (*report)
        report_deinit(*report);
    free(*report);
}

static bool write_bundle(const struct arguments *arguments, const struct report *report,
                         const char *json)
{
    int r = bundle_write(arguments->bundle, report, json, arguments->journal);
    if (r == -EOVERFLOW) {
        fprintf(stderr,
                "lanyard: %s: not written, because there are more names to take out of it than "
                "there is room for\n",
                arguments->bundle);
        return false;
    }
    if (r < 0) {
        fprintf(stderr, "lanyard: %s: %s%s\n", arguments->bundle, strerror(-r),
                r == -EEXIST ? "; name another file, or delete it" : "");
        return false;
    }
    fprintf(stderr,
            "%s is for your service desk. No PIN, token, name or certificate is in it; look into "
            "it before you send it.\n",
            arguments->bundle);
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.setup.helpers = LANYARD_LIBEXECDIR};
    if (harden_process() < 0)
        return EXIT_ERRORS;
    if (!parse(argc, argv, &arguments)) {
        fputs("lanyard-doctor: this is run by lanyard doctor\n", stderr);
        return EXIT_USAGE;
    }
    log_init("lanyard-doctor", 0); /* what goes wrong is in the report */
    CLEANUP(report_release) struct report *report = calloc(1, sizeof *report);
    if (!report)
        return EXIT_ERRORS;
    doctor_run(&arguments.setup, report);
    CLEANUP(free_text) char *json = report_json(report);
    if (!json)
        return EXIT_ERRORS;
    if (arguments.json)
        puts(json);
    else
        report_print(report, stdout);
    if (arguments.bundle && !write_bundle(&arguments, report, json))
        return EXIT_ERRORS;
    const struct finding *first = report_first(report);
    bool good = !first || first->severity != SEVERITY_ERROR;
    return fflush(stdout) == 0 && good ? EXIT_SUCCESS : EXIT_ERRORS;
}
