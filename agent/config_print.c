/* SPDX-License-Identifier: MIT */
/* The configuration back into text: each key under its meaning, in the order of the table. */
#include "agent/config_room.h"

#include <string.h>

static void print_list(const char *name, const struct config_list *list, FILE *out)
{
    for (size_t i = 0; i < list->count; i++)
        fprintf(out, "%s = %s\n", name, list->at[i]);
    if (list->count == 0)
        fprintf(out, "# (no %s)\n", name);
}

static void print_word(const struct config_row *row, unsigned value, FILE *out)
{
    for (const struct config_word *word = row->words; word->name; word++)
        if (word->value == value)
            fprintf(out, "%s = %s\n", row->is.name, word->name);
}

static void print_set(const struct config_row *row, unsigned set, FILE *out)
{
    for (const struct config_word *word = row->words; word->name; word++)
        if (set & 1U << word->value)
            fprintf(out, "%s = %s\n", row->is.name, word->name);
}

/* base: the struct that the row's offset is in. */
static void print_key(const struct config_row *row, const void *base, FILE *out)
{
    const void *at = (const char *)base + row->offset;
    fprintf(out, "# %s\n", row->is.meaning);
    switch (row->type) {
    case CONFIG_LEVEL:
        print_word(row, *(const enum log_level *)at, out);
        break;
    case CONFIG_SWITCH:
        print_word(row, *(const bool *)at, out);
        break;
    case CONFIG_MODES:
        print_set(row, *(const unsigned *)at, out);
        break;
    case CONFIG_SECONDS:
        fprintf(out, "%s = %u\n", row->is.name, *(const unsigned *)at);
        break;
    case CONFIG_PATHS:
    case CONFIG_READERS:
    case CONFIG_ORIGINS:
        print_list(row->is.name, at, out);
        break;
    case CONFIG_PATH:
    case CONFIG_SOCKET:
    case CONFIG_COMMAND:
    case CONFIG_ENDPOINT:
    case CONFIG_PROXY:
        fprintf(out, "%s = %s\n", row->is.name, *(char *const *)at);
        break;
    }
}

void config_print(const struct config *config, FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        if (config_row_of_provider(&config_rows[i]))
            continue;
        if (strcmp(section, config_rows[i].is.section) != 0)
            fprintf(out, "%s[%s]\n", i > 0 ? "\n" : "", config_rows[i].is.section);
        section = config_rows[i].is.section;
        print_key(&config_rows[i], config, out);
    }
    for (size_t p = 0; p < config->provider_count; p++) {
        fprintf(out, "\n[provider %s]\n", config->providers[p].name);
        for (size_t i = 0; i < CONFIG_KEYS; i++)
            if (config_row_of_provider(&config_rows[i]))
                print_key(&config_rows[i], &config->providers[p], out);
    }
}
