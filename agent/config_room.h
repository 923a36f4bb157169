/* SPDX-License-Identifier: MIT */
/*
 * What the rooms of the configuration share, and nobody else includes: the table's rows as the
 * parser and the printer see them, the text that is being read, and owned texts.
 *
 *   config.c           the whole: empty, complete, released
 *   config_table.c        the table
 *   config_read.c         one text into sections, keys and values
 *   config_value.c        what a value may be, by the type of its key
 *   config_provider.c     [provider NAME]
 *   config_environment.c  what is known of live, dep, int, dev, training and sandbox
 *   config_user.c         a user's file over the whole
 *   config_replace.c      a new whole in place of one that is in force
 *   config_print.c        all of it back into text
 *   config_load.c         the files
 *   config_manual.c       a program: the table as manual page and example file
 */
#pragma once

#include "agent/config.h"

#include <limits.h>

/* ---- the table ---- */

/* What is in the row's member of its struct. */
enum config_type {
    CONFIG_WORD,    /* unsigned, one of the words */
    CONFIG_SWITCH,  /* bool */
    CONFIG_MODES,   /* unsigned, a set of 1 << word */
    CONFIG_SECONDS, /* unsigned */
    CONFIG_PATH,    /* char *, as all down to */
    CONFIG_SOCKET,
    CONFIG_COMMAND,
    CONFIG_ENDPOINT,
    CONFIG_ISSUER,
    CONFIG_PROXY, /* here */
    CONFIG_PATHS, /* struct config_list, as all below */
    CONFIG_TEXTS,
    CONFIG_ORIGINS,
    CONFIG_LOCKS,
};

struct config_word {
    unsigned value;
    const char *name; /* NULL behind the last */
};

struct config_row {
    struct config_key is;
    enum config_type type;
    size_t offset;        /* of its member in struct config; of a provider's key in its struct */
    unsigned least, most; /* CONFIG_SECONDS */
    const struct config_word *words; /* CONFIG_WORD, CONFIG_SWITCH, CONFIG_MODES */
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;
extern const struct config_word config_environment_words[];

/* A key of [provider NAME]. */
bool config_row_of_provider(const struct config_row *row);
/* NULL: there is none. */
const struct config_row *config_row_named(const char *section, const char *name);
/* The key of that section, or of any (NULL), whose name (or section) is nearest to word. NULL: none
 * is near it. */
const struct config_row *config_row_nearest(const char *section, const char *word);

/* Whether the candidate is likelier than the one before to be what was meant by word, both at most
 * CONFIG_LINE_MAX long: without regard to case, *least changes of a letter at most, and no more
 * than one in three. *least, UINT_MAX at first, becomes how many there are. */
bool config_is_nearer(const char *word, const char *candidate, unsigned *least);

/* ---- one text that is being read ---- */

enum { CONFIG_PROBLEM_MAX = PATH_MAX + 512 };

struct config_source {
    struct config *config;
    struct config_reporter report;
    const char *name;
    const char *rest;
    size_t left;
    unsigned line;
    bool section_known;               /* else its keys are passed over: it has been reported */
    struct config_provider *provider; /* of the section; NULL: another section */
    const struct config *rules;       /* of a user's file: whose locks hold; NULL: another file */
    unsigned problems;
    int result; /* 0, -EINVAL, -ENOMEM */
};

/* Reports it with file and line, and notes that the text is faulty. */
__attribute__((format(printf, 2, 3))) void config_problem(struct config_source *source,
                                                          const char *format, ...);
/* "FILE:LINE", owned; NULL without memory. */
char *config_place_of(const struct config_source *source);

/* Reads what is left of it. 0, -EINVAL, -ENOMEM. */
int config_source_read(struct config_source *source);
/* What the row's offset is in. */
void *config_base(const struct config_row *row, struct config *config,
                  struct config_provider *provider);

/* Takes the value of a key into the configuration, or into source->provider. 0 (problems are noted
 * in the source) or -ENOMEM. */
int config_set(struct config_source *source, const struct config_row *row, const char *value);

/* ---- providers ---- */

/* Finds or adds the provider of a section. 0, -EINVAL (the name is none; reported), -ENOMEM. */
int config_provider_open(struct config_source *source, const char *name);
/* Fills in "" for what was not given, and says what is missing. 0, -EINVAL, -ENOMEM. */
int config_providers_complete(struct config *config, struct config_reporter report);
void config_providers_deinit(struct config *config);

void config_provider_free(struct config_provider *provider);

/* ---- environments ---- */

/* Fills in what the provider's environment brings and the files did not give. 0, -EINVAL (an origin
 * is another provider's; reported), -ENOMEM. */
int config_environment_apply(struct config *config, struct config_provider *provider,
                             struct config_reporter report);

/* ---- values ---- */

/* How many values that row has in its struct, and the i-th as text: borrowed, or written to room.
 */
size_t config_value_count(const struct config_row *row, const void *base);
const char *config_value_text(const struct config_row *row, const void *base, size_t i,
                              char room[CONFIG_LINE_MAX]);
/* Frees what it holds for that row, and sets it to nothing. */
void config_value_free(const struct config_row *row, void *base);
/* Exchanges what two structs of the same kind hold for that row. */
void config_value_swap(const struct config_row *row, void *one, void *other);
bool config_type_is_text(enum config_type type);
bool config_type_is_list(enum config_type type);

/* ---- owned texts ---- */

void config_list_deinit(struct config_list *list);
bool config_list_has(const struct config_list *list, const char *text);
/* Where that one was given, or "default"; NULL: it is not in the list. Borrowed. */
const char *config_list_place(const struct config_list *list, const char *text);
/* Copies text, and place (NULL: default); keeps the list NULL-terminated. 0 or -ENOMEM. */
int config_list_add(struct config_list *list, const char *text, const char *place);
/* Sees to it that a list without anything is NULL-terminated, too. 0 or -ENOMEM. */
int config_list_complete(struct config_list *list);
/* Replaces *text by a copy; without memory it stays. 0 or -ENOMEM. */
int config_text_set(char **text, const char *value);
