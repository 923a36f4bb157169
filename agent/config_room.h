/* SPDX-License-Identifier: MIT */
/*
 * What the rooms of the configuration share, and nobody else includes: the table's rows as the
 * parser and the printer see them, the text that is being read, and owned texts.
 *
 *   config.c           the whole: empty, complete, released
 *   config_table.c     the table
 *   config_read.c      one text into sections, keys and values
 *   config_value.c     what a value may be, by the type of its key
 *   config_provider.c  [provider NAME]
 *   config_print.c     all of it back into text
 *   config_load.c      the files
 */
#pragma once

#include "agent/config.h"

#include <limits.h>

/* ---- the table ---- */

enum config_type {
    CONFIG_LEVEL,
    CONFIG_SECONDS,
    CONFIG_SWITCH,
    CONFIG_MODES,
    CONFIG_PATH,
    CONFIG_PATHS,
    CONFIG_SOCKET,
    CONFIG_READERS,
    CONFIG_COMMAND,
    CONFIG_ORIGINS,
    CONFIG_ENDPOINT,
    CONFIG_PROXY,
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
    const struct config_word *words; /* CONFIG_LEVEL, CONFIG_SWITCH, CONFIG_MODES */
};

extern const struct config_row config_rows[CONFIG_KEYS];

/* A key of [provider NAME]. */
bool config_row_of_provider(const struct config_row *row);
/* The key of that section, or of any (NULL), whose name (or section) is nearest to word. */
const struct config_row *config_row_nearest(const char *section, const char *word);

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
    int result;                       /* 0, -EINVAL, -ENOMEM */
};

/* Reports it with file and line, and notes that the text is faulty. */
__attribute__((format(printf, 2, 3))) void config_problem(struct config_source *source,
                                                          const char *format, ...);
/* "FILE:LINE", owned; NULL without memory. */
char *config_place_of(const struct config_source *source);

/* Takes the value of a key into the configuration, or into source->provider. 0 (problems are noted
 * in the source) or -ENOMEM. */
int config_set(struct config_source *source, const struct config_row *row, const char *value);

/* ---- providers ---- */

/* Finds or adds the provider of a section. 0, -EINVAL (the name is none; reported), -ENOMEM. */
int config_provider_open(struct config_source *source, const char *name);
/* Fills in "" for what was not given, and says what is missing. 0, -EINVAL, -ENOMEM. */
int config_providers_complete(struct config *config, struct config_reporter report);
void config_providers_deinit(struct config *config);

/* ---- owned texts ---- */

void config_list_deinit(struct config_list *list);
bool config_list_has(const struct config_list *list, const char *text);
/* Copies text; keeps the list NULL-terminated. 0 or -ENOMEM. */
int config_list_add(struct config_list *list, const char *text);
/* Replaces *text by a copy. 0 or -ENOMEM. */
int config_text_set(char **text, const char *value);
