/* SPDX-License-Identifier: MIT */
/* The configuration back into text, and value by value: each key in the order of the table. */
#include "agent/config_room.h"

#include <string.h>

/* base: the struct that the row's offset is in. */
static void print_key(const struct config_row *row, const void *base, FILE *out)
{
    char room[CONFIG_LINE_MAX];
    size_t count = config_value_count(row, base);
    fprintf(out, "# %s\n", row->is.meaning);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s = %s\n", row->is.name, config_value_text(row, base, i, room));
    if (count == 0)
        fprintf(out, "# (no %s)\n", row->is.name);
}

void config_print(const struct config *config, FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < config_row_count; i++) {
        if (config_row_of_provider(&config_rows[i]))
            continue;
        if (strcmp(section, config_rows[i].is.section) != 0)
            fprintf(out, "%s[%s]\n", i > 0 ? "\n" : "", config_rows[i].is.section);
        section = config_rows[i].is.section;
        print_key(&config_rows[i], config, out);
    }
    for (size_t p = 0; p < config->provider_count; p++) {
        fprintf(out, "\n[provider %s]\n", config->providers[p]->name);
        for (size_t i = 0; i < config_row_count; i++)
            if (config_row_of_provider(&config_rows[i]))
                print_key(&config_rows[i], config->providers[p], out);
    }
}

/* ---- where each value is from ---- */

static enum config_by by_of(const struct config *config, const char *place)
{
    static const char environment[] = "environment ";
    size_t len = config->user_file ? strlen(config->user_file) : 0;
    if (!place)
        return CONFIG_BY_DEFAULT;
    if (strncmp(place, environment, sizeof environment - 1) == 0)
        return CONFIG_BY_ENVIRONMENT;
    return len > 0 && strncmp(place, config->user_file, len) == 0 && place[len] == ':'
               ? CONFIG_BY_USER
               : CONFIG_BY_ADMINISTRATOR;
}

static void each_value(const struct config *config, const struct config_provider *provider,
                       size_t row_number, config_value_fn *fn, void *context)
{
    const struct config_row *row = &config_rows[row_number];
    const void *base = provider ? (const void *)provider : (const void *)config;
    char *const *places = provider ? provider->places : config->places;
    size_t count = config_value_count(row, base);
    for (size_t i = 0; i < count || i == 0; i++) {
        char room[CONFIG_LINE_MAX];
        const char *place = places[row_number];
        if (config_type_is_list(row->type))
            place =
                count == 0
                    ? NULL
                    : ((const struct config_list *)(const void *)((const char *)base + row->offset))
                          ->places[i];
        fn(context, &(struct config_value){
                        .key = &row->is,
                        .provider = provider,
                        .text = count == 0 ? NULL : config_value_text(row, base, i, room),
                        .by = by_of(config, place),
                        .place = place ? place : "default",
                    });
    }
}

void config_each(const struct config *config, config_value_fn *fn, void *context)
{
    for (size_t i = 0; i < config_row_count; i++)
        if (!config_row_of_provider(&config_rows[i]))
            each_value(config, NULL, i, fn, context);
    for (size_t p = 0; p < config->provider_count; p++)
        for (size_t i = 0; i < config_row_count; i++)
            if (config_row_of_provider(&config_rows[i]))
                each_value(config, config->providers[p], i, fn, context);
}
