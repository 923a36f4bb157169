/* SPDX-License-Identifier: MIT */
/*
 * What `lanyard` can be asked to do. Each command gets a connection and the options, writes its
 * result to standard output and what people should know to standard error, and returns the
 * program's exit status. Main thread; blocks.
 */
#pragma once

#include "ipc/client/lanyard.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The program's exit statuses; lanyard(1) documents them. */
enum status {
    STATUS_DONE = 0,
    STATUS_REFUSED = 1,     /* the agent said no, or failed */
    STATUS_USAGE = 2,       /* the command line is wrong */
    STATUS_UNREACHABLE = 3, /* no agent answers */
    STATUS_CANCELLED = 4,   /* cancelled, or nobody answered in time */
    STATUS_CARD = 5,        /* reader, card, certificate, security key or PIN */
    STATUS_SETUP = 6,       /* configuration, card module, smartcard service or prompt */
    STATUS_PROVIDER = 7,    /* the provider cannot be reached, or refused */
    STATUS_SESSION = 8,     /* nobody is signed in, or somebody is already; none of the roles */
};

enum { ALGORITHMS_MAX = 4, WORDS_MAX = 5, TIMEOUT_SECONDS_MAX = 3600, ENTRIES_MAX = 100000 };

struct options {
    bool json;
    bool silent;
    const char *socket;                         /* NULL: the desktop's own */
    const char *origin, *challenge, *format;    /* NULL: not given */
    const char *algorithms[ALGORITHMS_MAX + 1]; /* NULL-terminated */
    unsigned algorithm_count;
    int timeout_seconds;          /* 0: not given */
    const char *words[WORDS_MAX]; /* behind the command */
    unsigned word_count;
    const char *key, *reader; /* NULL: not given */
    bool verbose, print;
    const char *since, *event, *folder;  /* of audit; NULL: not given */
    const char *config_dir, *user_file;  /* of config; NULL: not given */
    int entries;                         /* 0: not given */
    const char *bundle, *root, *helpers; /* of doctor; NULL: not given */
    int port;                            /* 0: not given */
};

int command_status(struct lanyard *agent, const struct options *options);
int command_readers(struct lanyard *agent, const struct options *options);
int command_cards(struct lanyard *agent, const struct options *options);
/* A card token for the origin that is given; without one, the session. */
int command_sign_in(struct lanyard *agent, const struct options *options);
int command_sign_out(struct lanyard *agent, const struct options *options);
int command_keys(struct lanyard *agent, const struct options *options);
int command_open(struct lanyard *agent, const struct options *options);
/* Besides, it is said on the desktop to who chose that from a menu (agent/cli/unseen.h). */
void open_in_vain(const struct lanyard_error *error, const struct options *options);
int command_pin(struct lanyard *agent, const struct options *options);
int command_key(struct lanyard *agent, const struct options *options);
int command_role(struct lanyard *agent, const struct options *options);
int command_session(struct lanyard *agent, const struct options *options);
/* Until it is cancelled, which is its success. */
int command_events(struct lanyard *agent, const struct options *options);
/* Without an agent: agent is NULL. */
int command_audit(struct lanyard *agent, const struct options *options);

/* The same; what is configured. */
int command_config(struct lanyard *agent, const struct options *options);

/* Without an agent; STATUS_REFUSED: something keeps people from signing in. */
int command_doctor(struct lanyard *agent, const struct options *options);

enum { WORDS_OF_DOCTOR_MAX = 24 };

/* How lanyard-doctor is run; it borrows the options. */
struct doctor_line {
    char program[PATH_MAX];
    char port[8];
    size_t count;
    union { /* for exec, which changes none of them */
        const char *words[WORDS_OF_DOCTOR_MAX + 1];
        char *arguments[WORDS_OF_DOCTOR_MAX + 1];
    };
};

/* The options that are not given are left to lanyard-doctor. */
void doctor_line(struct doctor_line *line, const struct options *options);

/* Whether the words behind the command are such as it takes: STATUS_DONE, or STATUS_USAGE (said).
 */
int check_config(const struct options *options);
int check_key(const struct options *options);
int check_pin(const struct options *options);

/* Says what is wrong with the command line; STATUS_USAGE. */
__attribute__((format(printf, 1, 2))) int usage_error(const char *format, ...);
/* Says what went wrong, and returns the exit status for it. */
int report_error(const struct lanyard_error *error, const struct options *options);
/* The same of a request that waits for nobody: that the time is over says that no agent answers. */
int report_error_at_once(const struct lanyard_error *error, const struct options *options);
/* The same of what is no sign-in, and is not called one when it was cancelled. unchanged: what it
 * then has left as it was, static text; NULL: nothing to be said of that. */
int report_upkeep_error(const struct lanyard_error *error, const char *unchanged,
                        const struct options *options);
/* The same of an outcome (ipc/base/outcome.h) that the command itself has met. */
int report_outcome(int outcome, const struct options *options);
void error_of_outcome(int outcome, struct lanyard_error *error);

/* Writes a member of the object that json is, a list; none: what people are told when it is empty.
 * hidden: as outline_print_without has it. */
void show_list(const char *json, const char *name, const char *none, const char *const *hidden,
               const struct options *options);
/* A lanyard_waiting_fn: says what to do now. */
void say_waiting(void *context, const char *what, const char *reader, int tries_left);
/* For CLEANUP: lanyard_free. */
void text_release(char **text);

/* True once the program was interrupted (SIGINT, SIGTERM). */
bool command_interrupted(void);
