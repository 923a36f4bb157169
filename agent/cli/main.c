/* SPDX-License-Identifier: MIT */
/*
 * lanyard: the agent from a terminal or a script. This file reads the command line, connects, and
 * turns an interrupt into a cancellation at the agent, so that no PIN prompt outlives its command.
 */
#include "agent/cli/commands.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: lanyard [OPTION]... COMMAND\n"
    "\n"
    "Ask the Lanyard sign-in agent of this desktop.\n"
    "\n"
    "Commands:\n"
    "  status    show the state of the agent and its parts\n"
    "  readers   list the smartcard readers\n"
    "  cards     list the smartcards and their certificates\n"
    "  sign-in   sign a challenge with a smartcard and print the token\n"
    "  events    print what happens until interrupted\n"
    "  help      show this text\n"
    "  version   show the version\n"
    "\n"
    "Options:\n"
    "  --json               write JSON, also for errors\n"
    "  --socket PATH        ask the agent at this socket\n"
    "  --origin URL         sign in at this provider (required for sign-in)\n"
    "  --challenge TEXT     sign this challenge, base64url of 32 to 256 bytes;\n"
    "                       for web-eid 44 to 128 printable ASCII characters\n"
    "  --format FORMAT      make a token of this format, jws or web-eid\n"
    "  --algorithm NAME     accept this algorithm, ES256, ES384, PS256 or RS256; repeatable\n"
    "  --silent             never disturb the person\n"
    "  --timeout SECONDS    give up after so many seconds\n"
    "  --help               show this text\n"
    "  --version            show the version\n";

static const struct {
    const char *name;
    int (*run)(struct lanyard *agent, const struct options *options);
} commands[] = {
    {"status", command_status},   {"readers", command_readers}, {"cards", command_cards},
    {"sign-in", command_sign_in}, {"events", command_events},
};

/* ---- the command line ---- */

__attribute__((format(printf, 1, 2))) static int usage_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("lanyard: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("; see lanyard --help\n", stderr);
    va_end(arguments);
    return STATUS_USAGE;
}

static int take_timeout(const char *text, struct options *options)
{
    size_t digits = strspn(text, "0123456789");
    long seconds = digits > 0 && digits <= 4 && !text[digits] ? strtol(text, NULL, 10) : 0;
    if (seconds < 1 || seconds > TIMEOUT_SECONDS_MAX)
        return usage_error("--timeout is 1 to %d seconds", TIMEOUT_SECONDS_MAX);
    options->timeout_seconds = (int)seconds;
    return STATUS_DONE;
}

static int take_algorithm(const char *name, struct options *options)
{
    if (options->algorithm_count == ALGORITHMS_MAX)
        return usage_error("at most %d algorithms", ALGORITHMS_MAX);
    options->algorithms[options->algorithm_count++] = name;
    return STATUS_DONE;
}

/* The command line, taken apart; borrowed from it. */
struct line {
    struct options options;
    const char *command;
    const char *of_sign_in; /* an option that only sign-in takes; NULL: none was given */
};

/* getopt takes any beginning of an option's name for it; what a script writes must not change its
 * meaning with the next option there is. word: "--name" or "--name=value". */
static bool is_whole(const char *word, const char *name)
{
    size_t len = strlen(name);
    return strncmp(word, "--", 2) == 0 && strncmp(word + 2, name, len) == 0 &&
           (word[2 + len] == '\0' || word[2 + len] == '=');
}

static int read_line(int argc, char **argv, struct line *line)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"socket", required_argument, NULL, 's'},
        {"origin", required_argument, NULL, 'o'},
        {"challenge", required_argument, NULL, 'c'},
        {"format", required_argument, NULL, 'f'},
        {"algorithm", required_argument, NULL, 'a'},
        {"silent", no_argument, NULL, 'q'},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    struct options *options = &line->options;
    int status = STATUS_DONE;
    int which = 0;
    for (int c;
         status == STATUS_DONE && (c = getopt_long(argc, argv, "", long_options, &which)) != -1;) {
        const char *word = argv[optind - 1];
        if (c != '?' && optarg == word) /* the value stands behind the option */
            word = argv[optind - 2];
        if (c != '?' && !is_whole(word, long_options[which].name))
            return usage_error("\"%s\" is not an option", word);
        if (strchr("ocfaqt", c))
            line->of_sign_in = long_options[which].name;
        switch (c) {
        case 'j':
            options->json = true;
            break;
        case 's':
            options->socket = optarg;
            break;
        case 'o':
            options->origin = optarg;
            break;
        case 'c':
            options->challenge = optarg;
            break;
        case 'f':
            options->format = optarg;
            break;
        case 'a':
            status = take_algorithm(optarg, options);
            break;
        case 'q':
            options->silent = true;
            break;
        case 't':
            status = take_timeout(optarg, options);
            break;
        case 'h':
            line->command = "help";
            break;
        case 'v':
            line->command = "version";
            break;
        default:
            fputs("See lanyard --help\n", stderr);
            status = STATUS_USAGE;
        }
    }
    if (status != STATUS_DONE || line->command)
        return status;
    if (optind == argc)
        return usage_error("no command");
    if (optind + 1 < argc)
        return usage_error("\"%s\" is one word too many", argv[optind + 1]);
    line->command = argv[optind];
    return STATUS_DONE;
}

/* ---- the conversation ---- */

static struct lanyard *volatile connection; /* for the signal handler */
static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
    if (connection)
        lanyard_cancel(connection);
}

/* Where an agent was looked for, in vain. */
static void say_where(const char *path)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (path)
        fprintf(stderr, "No agent answers at %s.\n", path);
    else if (!runtime || runtime[0] != '/')
        fputs("XDG_RUNTIME_DIR is not set: log in through the desktop, or give --socket.\n",
              stderr);
    else
        fprintf(stderr, "No agent answers at %s/lanyard/agent.\n", runtime);
}

static int converse(size_t command, const struct options *options)
{
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct lanyard *agent = NULL;
    struct lanyard_error error;
    if (lanyard_open(options->socket, &agent, &error) != LANYARD_OK) {
        int status = report_error(&error, options);
        if (status == STATUS_UNREACHABLE)
            say_where(options->socket);
        return status;
    }
    connection = agent;
    if (interrupted) /* while the handler had nothing to cancel yet */
        lanyard_cancel(agent);
    int status = commands[command].run(agent, options);
    connection = NULL;
    lanyard_close(agent);
    return status;
}

int main(int argc, char **argv)
{
    struct line line = {0};
    int status = read_line(argc, argv, &line);
    if (status != STATUS_DONE)
        return status;
    if (strcmp(line.command, "help") == 0)
        return fputs(help, stdout) < 0 ? STATUS_REFUSED : STATUS_DONE;
    if (strcmp(line.command, "version") == 0)
        return puts("lanyard " LANYARD_VERSION) < 0 ? STATUS_REFUSED : STATUS_DONE;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, line.command) == 0) {
            bool sign_in = commands[i].run == command_sign_in;
            if (sign_in && !line.options.origin)
                return usage_error("sign-in needs --origin");
            if (!sign_in && line.of_sign_in)
                return usage_error("%s does not take --%s", line.command, line.of_sign_in);
            status = converse(i, &line.options);
            return fflush(stdout) == 0 ? status : STATUS_REFUSED;
        }
    return usage_error("unknown command \"%s\"", line.command);
}
