/* SPDX-License-Identifier: MIT */
/*
 * The administrator's configuration: DIR/lanyard.conf, then DIR/conf.d/NAME.conf in the order of
 * their names (lanyard.conf(5)); and over it, for a few harmless keys, a file of the user's own.
 *
 * It decides which modules are loaded and which sites may ask for a sign-in, so only root may be
 * able to write it: every file and folder belongs to root and is writable by its owner alone. What
 * is not understood is refused, never skipped: a misspelt key must not quietly mean its default.
 * In the user's file each line stands for itself, and one that cannot be taken is said and left
 * out: nothing in it is worth keeping anybody from signing in.
 *
 * One table describes every key; the parser, the defaults, config_print, the manual page and the
 * example file all come from it. Any thread, one at a time; what loads or reads files blocks on the
 * disk.
 * Functions return 0 or a fault: -EINVAL (content; each problem was reported), -EPERM (owner or
 * mode; reported), -ENOMEM, -errno (reported).
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/base/log.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define CONFIG_DEFAULT_DIR "/etc/lanyard"

enum {
    CONFIG_FILE_BYTES_MAX = 256 * 1024, /* thousands of origins; also a bundle of 100 authorities */
    CONFIG_FILES_MAX = 64,              /* in conf.d */
    CONFIG_LISTS_BYTES_MAX = 32 * 1024 * 1024, /* a million withdrawn cards at 30 bytes each */
    CONFIG_LINE_MAX = 198,                     /* what libinih reads at once (INI_MAX_LINE 200) */
    CONFIG_KEYS_MAX = 64,                      /* rows of the table */
    CONFIG_NAME_MAX = 40,                      /* of a provider; libinih cuts section names at 49 */
    CONFIG_VALUES_MAX = 1024,                  /* of one repeatable key, in one section */
    CONFIG_PIN_TIMEOUT_MIN = 10,  /* seconds: the shortest in which a PIN can be typed */
    CONFIG_PIN_TIMEOUT_MAX = 600, /* the longest that a reader should be kept from others */
    CONFIG_GRACE_MAX = 3600,      /* seconds without the card: an hour */
    CONFIG_SESSION_MIN = 60,      /* seconds; below, nobody gets anything done */
    CONFIG_SESSION_MAX = 36000,   /* seconds: ten hours, the longest that CIS grants */
};

/* Owned texts; at is NULL-terminated once the configuration is complete, NULL before. */
struct config_list {
    size_t count;
    const char **at;
    char **places; /* private: of each, as config_place has it */
};

/* Where a provider's people are real. Some bring origins and an issuer of their own
 * (agent/config_environment.c). */
enum config_environment {
    CONFIG_NO_ENVIRONMENT,
    CONFIG_LIVE,
    CONFIG_DEPLOYMENT,
    CONFIG_INTEGRATION,
    CONFIG_DEVELOPMENT,
    CONFIG_TRAINING,
    CONFIG_SANDBOX,
};

/* One [provider NAME]: who may ask for a sign-in, and where its sessions are kept. */
struct config_provider {
    char *name;
    enum config_environment environment;
    struct config_list origins;
    char *issuer;           /* of its OpenID Connect (Discovery 1.0 §3), a URL in which ":443" may
                               stand; what `lanyard doctor` asks; "": not known */
    char *session_endpoint; /* URL, checked (ipc/PROTOCOL.md §6): no user, query, fragment or slash
                               at its end; shorter than CONFIG_LINE_MAX; "": it has none */
    char *authorities;      /* absolute path of a PEM file for its TLS; "": the system's */
    char *proxy;            /* http, https or socks5h://host:port; "": what the environment says */
    char *place;            /* private: of its first section, "FILE:LINE" */
    char *places[CONFIG_KEYS_MAX]; /* private: of each key's first value */
    bool faulty;                   /* private: a line of it was refused, perhaps its origin */
};

/* Owned; config_init makes one. After config_load every text is set, if only to "". */
struct config {
    enum log_level log_level;
    char *broker_socket;
    struct config_list modules;         /* absolute paths; at least one */
    struct config_list ignored_readers; /* exact PC/SC names */
    bool cards_remote;                  /* used by remote sessions, too */
    char *issuers;                      /* absolute path of a PEM file; "": any issuer */
    char *revocation_lists;             /* absolute path of a PEM file; "": none */
    unsigned pin_timeout;               /* seconds */
    bool keys_enabled;                  /* security keys are used at all */
    char *keys_redirect;                /* absolute path of a redirected key's socket; "": none */
    char *pinentry;                     /* absolute path */
    struct config_list origins;         /* of every provider, in the order of the files */
    size_t provider_count;
    struct config_provider **providers; /* in the order of the files; none moves while the
                                           configuration lives (config_replace) */
    unsigned session_modes;             /* set of 1 << enum session_mode; never empty */
    unsigned session_grace;             /* seconds; 0: none */
    unsigned session_limit;             /* seconds; at most CONFIG_SESSION_MAX */
    unsigned session_idle;              /* seconds; 0: none */
    unsigned session_reauthenticate;    /* seconds; 0: none */
    bool session_at_insertion;          /* a card that is inserted starts a sign-in by itself */
    bool desktop_lock;                  /* when the card leaves */
    char *desktop_lock_command;         /* program and arguments, split at spaces; "": none */
    /* which kinds of notices a person gets (agent/desktop/notice_kind.h) */
    bool notices_sign_in, notices_lock, notices_expiry, notices_server;
    struct config_list locks;      /* "all" or section.key: what no user may set */
    char *user_file;               /* whose lines were taken; NULL: none was read */
    char *places[CONFIG_KEYS_MAX]; /* private: see config_place, config_each */
    uid_t owner;                   /* private: who besides root may own the files */
    size_t retired_count;
    struct config_provider **retired; /* private: listed once; kept for whoever points at them */
};

/* Says one problem: "conf.d/cis2.conf:3: unknown key "orign" in [provider cis2]; did you mean
 * "origin"?". No line break at its end; borrowed for the call. */
typedef void config_report_fn(void *context, const char *problem);

struct config_reporter {
    config_report_fn *fn;
    void *context;
};

/* Formats a problem and reports it. */
__attribute__((format(printf, 2, 3))) void config_say(struct config_reporter report,
                                                      const char *format, ...);

/* Empties *config: nothing set, nothing owned. */
void config_init(struct config *config);
/* Releases; takes what config_init or any failure left. */
void config_deinit(struct config *config);

/* Loads into *config (initialised by this call). dir NULL: CONFIG_DEFAULT_DIR, whose files must be
 * root's, and whose absence means the defaults. Otherwise the folder must exist, and files of the
 * running user are accepted too (sandbox, tests): lanyardd takes such a folder from its own command
 * line only. The providers' files of authorities must be there and obey the same rules. On failure
 * *config is empty. */
int config_load(const char *dir, struct config *config, struct config_reporter report);

/* Reads the user's own file over a complete configuration: path, or where that is NULL
 * $XDG_CONFIG_HOME/lanyard/lanyard.conf ($HOME/.config without it). No file is as good as an empty
 * one. Lines that cannot be taken are reported and change nothing. 0 or -ENOMEM. */
int config_load_user(struct config *config, const char *path, struct config_reporter report);

/* Where that file is, if there is one; false where the environment does not say. */
bool config_user_path(char *path, size_t size);

/* Reads a file that the configuration names (issuers) under the same rules of ownership, at most
 * CONFIG_FILE_BYTES_MAX, into *out (initialised, replaced). */
int config_read_file(const struct config *config, const char *path, struct bytes *out,
                     struct config_reporter report);
/* The same of its revocation lists: at most CONFIG_LISTS_BYTES_MAX. */
int config_read_lists(const struct config *config, struct bytes *out,
                      struct config_reporter report);

/* Puts fresh (complete) in force in place of running, as far as that can change while an agent
 * runs: what the table says is read at the start stays as it was, and is reported where it differs.
 * The providers that running had stay where they are in memory, filled anew where fresh knows them
 * by name; the others are no longer listed, and live on as they were. *fresh is empty afterwards,
 * on a fault too. 0, or -ENOMEM: running is as it was. */
int config_replace(struct config *running, struct config *fresh, struct config_reporter report);

/* Where that key was given first, "FILE:LINE", borrowed; "default" when nowhere. Of names that
 * several sections have, the first. */
const char *config_place(const struct config *config, const char *key);
/* The same of a provider's own keys; an environment's value is from "environment live". */
const char *config_provider_place(const struct config_provider *provider, const char *key);

/* Reports a pinentry that is not there or cannot be run: a sign-in would end for want of it. */
void config_check_pinentry(const struct config *config, struct config_reporter report);
/* The same of the lock command's program, where the desktop is to be locked. */
void config_check_lock_command(const struct config *config, struct config_reporter report);

/* Reports what lies in conf.d of that folder (NULL: CONFIG_DEFAULT_DIR) and is not read, for its
 * name does not end in .conf. Hidden files are not mentioned. */
void config_check_drop_ins(const char *dir, struct config_reporter report);

/* Borrowed; NULL when there is none. An origin belongs to one provider at most. The default is the
 * first that has a session endpoint. */
const struct config_provider *config_provider_of(const struct config *config, const char *origin);
const char *config_provider_name_of(const struct config *config, const char *origin);
const struct config_provider *config_provider_named(const struct config *config, const char *name);
const struct config_provider *config_provider_default(const struct config *config);
/* Whether it is one of the configuration's now: false once it was taken out. */
bool config_provider_listed(const struct config *config, const struct config_provider *provider);

/* "live" and so on; "" for none. Static. */
const char *config_environment_name(enum config_environment environment);
/* True if what signs in there signs no patient's data: any environment but live, or an origin of
 * this computer alone (http). A provider that names no environment is taken for live. */
bool config_provider_is_development(const struct config_provider *provider);

/* Writes what is in force, in the configuration's own syntax, each key under its meaning; reading
 * that again gives the same configuration. */
void config_print(const struct config *config, FILE *out);

/* ---- every value in force ---- */

enum config_by {
    CONFIG_BY_DEFAULT,
    CONFIG_BY_ENVIRONMENT,
    CONFIG_BY_ADMINISTRATOR,
    CONFIG_BY_USER,
};

struct config_key;
struct config_value {
    const struct config_key *key;
    const struct config_provider *provider; /* NULL: of no provider */
    const char *text;                       /* borrowed for the call; NULL: a list without any */
    enum config_by by;
    const char *place; /* "default", "environment live", "FILE:LINE" */
};
typedef void config_value_fn(void *context, const struct config_value *value);

/* Calls fn for every value of a complete configuration in the order of the table, then of each
 * provider; several times for a key that is given several times. */
void config_each(const struct config *config, config_value_fn *fn, void *context);

/* ---- without files: for the above, for tests and for fuzzers ---- */

/* Adds one file's text; name stands in front of its problems. 0, -EINVAL, -ENOMEM. */
int config_read(struct config *config, const char *name, const char *text, size_t len,
                struct config_reporter report);
/* Checks the whole and fills in the defaults. 0, -EINVAL, -ENOMEM. */
int config_complete(struct config *config, struct config_reporter report);
/* The text of a user's file over a complete configuration. Returns how many lines were left out,
 * each reported, or -ENOMEM. */
int config_read_user(struct config *config, const char *name, const char *text, size_t len,
                     struct config_reporter report);

/* When a changed value is obeyed, after the agent has been told to read its files again. */
enum config_when {
    CONFIG_AT_ONCE,
    CONFIG_AT_SESSION, /* by the next session; at once while there is none */
    CONFIG_AT_START,   /* by the next agent: it is started again at the next log-in */
};

/* The table, for documentation: the i-th key, NULL behind the last. */
struct config_key {
    const char *section; /* "provider" stands for [provider NAME] */
    const char *name;
    const char *fallback; /* the value when the key is absent, as text; "": none */
    const char *meaning;  /* one sentence */
    bool repeatable;
    bool user; /* a user may set it, unless the administrator has locked it */
    enum config_when when;
    const char *example; /* where the fallback is none: what it may look like */
};
const struct config_key *config_key_at(size_t i);
/* True for a key whose value is an absolute path. */
bool config_key_is_path(const struct config_key *key);
