/* SPDX-License-Identifier: MIT */
/*
 * lanyard: the agent from a terminal or a script. This file reads the command line, connects, and
 * turns an interrupt into a cancellation at the agent, so that no PIN prompt outlives its command.
 */
#include "agent/cli/commands.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
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
    "  keys      list the security keys\n"
    "  sign-in   sign in; with --origin sign a challenge and print the token\n"
    "  sign-out  sign out\n"
    "  session   show who is signed in, in which role, until when\n"
    "  role      work in another role, that of the ID behind it or one that is asked for\n"
    "  events    print what happens until interrupted\n"
    "  audit     list what was signed in, refused, locked and ended\n"
    "  open      show in the browser what the agent sees\n"
    "  doctor    find what keeps people from signing in here, and what to do\n"
    "  config show\n"
    "            show every value that is configured, and where it is from\n"
    "  config check [PATH]\n"
    "            name the mistakes in a file or folder, or in what the agent reads\n"
    "  pin change\n"
    "            give your smartcard another PIN\n"
    "  pin unblock\n"
    "            give a smartcard whose PIN is blocked a new one, by its PUK\n"
    "  key info  show what a security key is and can\n"
    "  key pin set\n"
    "            give a security key its first PIN\n"
    "  key pin change\n"
    "            give a security key another PIN\n"
    "  key credentials list\n"
    "            list the sign-ins that are kept on a security key\n"
    "  key credentials delete ID\n"
    "            delete one of them\n"
    "  key credentials rename ID NAME [DISPLAY]\n"
    "            give one of them another name, and another one to show\n"
    "  key reset\n"
    "            erase a security key, which cannot be undone\n"
    "  help      show this text\n"
    "  version   show the version\n"
    "\n"
    "Options:\n"
    "  --json               write JSON, also for errors\n"
    "  --socket PATH        ask the agent at this socket\n"
    "  --origin URL         sign a challenge for this provider\n"
    "  --challenge TEXT     sign this challenge, base64url of 32 to 256 bytes;\n"
    "                       for web-eid 44 to 128 printable ASCII characters\n"
    "  --format FORMAT      make a token of this format, jws or web-eid\n"
    "  --algorithm NAME     accept this algorithm, ES256, ES384, PS256 or RS256; repeatable\n"
    "  --silent             never disturb the person\n"
    "  --timeout SECONDS    give up after so many seconds\n"
    "  --key KEY            do it with this security key, by its ID or its name\n"
    "  --reader NAME        do it with the smartcard in this reader\n"
    "  --print              print the page's URL instead of opening it\n"
    "  --verbose            show all that the certificates say\n"
    "  --since TIME         list what happened since then, as 2h, today or 2026-11-22 18:00\n"
    "  --event NAME         list only these events\n"
    "  --entries NUMBER     list only so many, the newest\n"
    "  --journal DIR        read the journal in this folder\n"
    "  --config DIR         show what is configured in this folder\n"
    "  --user-config FILE   show it with this file of the user's\n"
    "  --bundle FILE        write an archive for the service desk, without anything secret\n"
    "  --help               show this text\n"
    "  --version            show the version\n";

/* An option's letter is that of getopt_long; it is for no command that does not name it. */
static const struct command {
    const char *name;
    int (*run)(struct lanyard *agent, const struct options *options);
    const char *options;
    unsigned words;                              /* so many may follow */
    int (*check)(const struct options *options); /* of these; NULL: any will do */
    bool alone;                                  /* asks no agent */
} commands[] = {
    {.name = "status", .run = command_status, .options = "js"},
    {.name = "readers", .run = command_readers, .options = "js"},
    {.name = "cards", .run = command_cards, .options = "jsV"},
    {.name = "keys", .run = command_keys, .options = "js"},
    {.name = "key", .run = command_key, .options = "jstk", .words = WORDS_MAX, .check = check_key},
    {.name = "open", .run = command_open, .options = "spCUHP"},
    {.name = "pin", .run = command_pin, .options = "jstr", .words = 1, .check = check_pin},
    {.name = "sign-in", .run = command_sign_in, .options = "jsocfaqt"},
    {.name = "sign-out", .run = command_sign_out, .options = "js"},
    {.name = "session", .run = command_session, .options = "js"},
    {.name = "role", .run = command_role, .options = "jst", .words = 1},
    {.name = "events", .run = command_events, .options = "js"},
    {.name = "audit", .run = command_audit, .options = "jSenJ", .alone = true},
    {.name = "doctor", .run = command_doctor, .options = "jsCUBJRHP", .alone = true},
    {.name = "config",
     .run = command_config,
     .options = "jCU",
     .words = 2,
     .check = check_config,
     .alone = true},
};

/* ---- the command line ---- */

int usage_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("lanyard: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("; see lanyard --help\n", stderr);
    va_end(arguments);
    return STATUS_USAGE;
}

/* unit: what is counted, with a blank before it, or "". */
static int take_number(const char *name, const char *text, int most, const char *unit, int *number)
{
    size_t digits = strspn(text, "0123456789");
    long given = digits > 0 && digits <= 6 && !text[digits] ? strtol(text, NULL, 10) : 0;
    if (given < 1 || given > most)
        return usage_error("--%s is 1 to %d%s", name, most, unit);
    *number = (int)given;
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
    bool given[UCHAR_MAX + 1]; /* by the option's letter */
};

/* getopt takes any beginning of an option's name for it; what a script writes must not change its
 * meaning with the next option there is. word: "--name" or "--name=value". */
static bool is_whole(const char *word, const char *name)
{
    size_t len = strlen(name);
    return strncmp(word, "--", 2) == 0 && strncmp(word + 2, name, len) == 0 &&
           (word[2 + len] == '\0' || word[2 + len] == '=');
}

static const struct option long_options[] = {
    {"json", no_argument, NULL, 'j'},
    {"socket", required_argument, NULL, 's'},
    {"origin", required_argument, NULL, 'o'},
    {"challenge", required_argument, NULL, 'c'},
    {"format", required_argument, NULL, 'f'},
    {"algorithm", required_argument, NULL, 'a'},
    {"silent", no_argument, NULL, 'q'},
    {"timeout", required_argument, NULL, 't'},
    {"key", required_argument, NULL, 'k'},
    {"since", required_argument, NULL, 'S'},
    {"event", required_argument, NULL, 'e'},
    {"entries", required_argument, NULL, 'n'},
    {"reader", required_argument, NULL, 'r'},
    {"verbose", no_argument, NULL, 'V'},
    {"print", no_argument, NULL, 'p'},
    {"journal", required_argument, NULL, 'J'},
    {"help", no_argument, NULL, 'h'},
    {"config", required_argument, NULL, 'C'},
    {"user-config", required_argument, NULL, 'U'},
    {"bundle", required_argument, NULL, 'B'},
    {"version", no_argument, NULL, 'v'},
    /* for tests, and for nobody else: doctor looks there instead */
    {"root", required_argument, NULL, 'R'},
    {"helpers", required_argument, NULL, 'H'},
    {"port", required_argument, NULL, 'P'},
    {NULL, 0, NULL, 0},
};

static int take_option(int letter, struct line *line)
{
    struct options *options = &line->options;
    line->given[letter] = true;
    switch (letter) {
    case 'j':
        options->json = true;
        return STATUS_DONE;
    case 's':
        options->socket = optarg;
        return STATUS_DONE;
    case 'o':
        options->origin = optarg;
        return STATUS_DONE;
    case 'c':
        options->challenge = optarg;
        return STATUS_DONE;
    case 'f':
        options->format = optarg;
        return STATUS_DONE;
    case 'a':
        return take_algorithm(optarg, options);
    case 'q':
        options->silent = true;
        return STATUS_DONE;
    case 't':
        return take_number("timeout", optarg, TIMEOUT_SECONDS_MAX, " seconds",
                           &options->timeout_seconds);
    case 'k':
        options->key = optarg;
        return STATUS_DONE;
    case 'r':
        options->reader = optarg;
        return STATUS_DONE;
    case 'p':
        options->print = true;
        return STATUS_DONE;
    case 'V':
        options->verbose = true;
        return STATUS_DONE;
    case 'S':
        options->since = optarg;
        return STATUS_DONE;
    case 'e':
        options->event = optarg;
        return STATUS_DONE;
    case 'n':
        return take_number("entries", optarg, ENTRIES_MAX, "", &options->entries);
    case 'J':
        options->folder = optarg;
        return STATUS_DONE;
    case 'C':
        options->config_dir = optarg;
        return STATUS_DONE;
    case 'U':
        options->user_file = optarg;
        return STATUS_DONE;
    case 'B':
        options->bundle = optarg;
        return STATUS_DONE;
    case 'R':
        options->root = optarg;
        return STATUS_DONE;
    case 'H':
        options->helpers = optarg;
        return STATUS_DONE;
    case 'P':
        return take_number("port", optarg, UINT16_MAX, "", &options->port);
    case 'h':
        line->command = "help";
        return STATUS_DONE;
    case 'v':
        line->command = "version";
        return STATUS_DONE;
    default:
        fputs("See lanyard --help\n", stderr);
        return STATUS_USAGE;
    }
}

/* One letter is no option here; a credential's ID may begin so. */
static void explain_hyphen(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (argv[i][0] == '-' && argv[i][1] != '\0' && argv[i][1] != '-') {
            fprintf(stderr, "An ID that begins with a hyphen stands behind --: -- %s\n", argv[i]);
            return;
        }
}

static int read_line(int argc, char **argv, struct line *line)
{
    int status = STATUS_DONE;
    int which = 0;
    for (int c;
         status == STATUS_DONE && (c = getopt_long(argc, argv, "", long_options, &which)) != -1;) {
        const char *word = argv[optind - 1];
        if (c != '?' && optarg == word) /* the value stands behind the option */
            word = argv[optind - 2];
        if (c != '?' && !is_whole(word, long_options[which].name))
            return usage_error("\"%s\" is not an option", word);
        status = take_option(c, line);
        if (c == '?')
            explain_hyphen(argc, argv);
    }
    if (status != STATUS_DONE || line->command)
        return status;
    if (optind == argc)
        return usage_error("no command");
    line->command = argv[optind++];
    while (optind < argc && line->options.word_count < WORDS_MAX)
        line->options.words[line->options.word_count++] = argv[optind++];
    if (optind < argc)
        return usage_error("\"%s\" is one word too many", argv[optind]);
    return STATUS_DONE;
}

/* What belongs together. */
static int check_line(const struct command *command, const struct line *line)
{
    if (line->options.word_count > command->words)
        return usage_error("\"%s\" is one word too many", line->options.words[command->words]);
    for (const struct option *option = long_options; option->name; option++) {
        if (!line->given[option->val])
            continue;
        if (!strchr(command->options, option->val))
            return usage_error("%s does not take --%s", command->name, option->name);
        if (strchr("cfaq", option->val) && !line->options.origin)
            return usage_error("--%s goes with --origin", option->name);
    }
    return command->check ? command->check(&line->options) : STATUS_DONE;
}

/* ---- the conversation ---- */

static struct lanyard *volatile connection; /* for the signal handler */
static volatile sig_atomic_t interrupted;

bool command_interrupted(void)
{
    return interrupted != 0;
}

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

static int converse(const struct command *command, const struct options *options)
{
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct lanyard *agent = NULL;
    struct lanyard_error error;
    if (lanyard_open(options->socket, &agent, &error) != LANYARD_OK) {
        int status = report_error_at_once(&error, options);
        if (command->run == command_open)
            open_in_vain(&error, options);
        if (status == STATUS_UNREACHABLE)
            say_where(options->socket);
        return status;
    }
    connection = agent;
    if (interrupted) /* while the handler had nothing to cancel yet */
        lanyard_cancel(agent);
    int status = command->run(agent, options);
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
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *command = &commands[i];
        if (strcmp(command->name, line.command) != 0)
            continue;
        status = check_line(command, &line);
        if (status != STATUS_DONE)
            return status;
        status =
            command->alone ? command->run(NULL, &line.options) : converse(command, &line.options);
        return fflush(stdout) == 0 ? status : STATUS_REFUSED;
    }
    return usage_error("unknown command \"%s\"", line.command);
}
