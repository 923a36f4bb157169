/* SPDX-License-Identifier: MIT */
/*
 * The configuration as a whole: empty, complete, released. Defaults go the way of every other
 * value, so that a default that the parser would refuse cannot exist.
 */
#include "agent/config_room.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- owned texts ---- */

void config_list_deinit(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((void *)(uintptr_t)list->at[i]);
        free(list->places[i]);
    }
    free(list->at);
    free(list->places);
    *list = (struct config_list){0};
}

const char *config_list_place(const struct config_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->at[i], text) == 0)
            return list->places[i] ? list->places[i] : "default";
    return NULL;
}

bool config_list_has(const struct config_list *list, const char *text)
{
    return config_list_place(list, text);
}

int config_list_add(struct config_list *list, const char *text, const char *place)
{
    const char **grown = reallocarray(list->at, list->count + 2, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    list->at = grown;
    list->at[list->count] = NULL;
    char **places = reallocarray(list->places, list->count + 1, sizeof *places);
    if (!places)
        return -ENOMEM;
    list->places = places;
    char *copy = strdup(text);
    char *where = place ? strdup(place) : NULL;
    if (!copy || (place && !where)) {
        free(copy);
        free(where);
        return -ENOMEM;
    }
    list->at[list->count] = copy;
    list->places[list->count] = where;
    list->at[++list->count] = NULL;
    return 0;
}

int config_list_complete(struct config_list *list)
{
    if (!list->at)
        list->at = calloc(1, sizeof *list->at);
    return list->at ? 0 : -ENOMEM;
}

int config_text_set(char **text, const char *value)
{
    char *copy = strdup(value);
    if (!copy)
        return -ENOMEM;
    free(*text);
    *text = copy;
    return 0;
}

/* ---- the whole ---- */

void config_init(struct config *config)
{
    *config = (struct config){.log_level = LOG_LEVEL_INFO};
}

void config_deinit(struct config *config)
{
    config_providers_deinit(config);
    config_list_deinit(&config->origins);
    free(config->user_file);
    for (size_t i = 0; i < config_row_count; i++) {
        free(config->places[i]);
        if (!config_row_of_provider(&config_rows[i]))
            config_value_free(&config_rows[i], config);
    }
    config_init(config);
}

const char *config_place(const struct config *config, const char *key)
{
    for (size_t i = 0; i < config_row_count; i++)
        if (config->places[i] && strcmp(config_rows[i].is.name, key) == 0)
            return config->places[i];
    return "default";
}

void config_say(struct config_reporter report, const char *format, ...)
{
    char text[CONFIG_PROBLEM_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (report.fn)
        report.fn(report.context, text);
}

/* The first existing of the paths in list (with ':' between them), else the first. *out is owned.
 */
static int first_existing(const char *list, char **out)
{
    *out = strdup(list);
    if (!*out)
        return -ENOMEM;
    size_t start = 0;
    for (size_t at = 0; list[start] != '\0'; start = at + (list[at] == ':')) {
        at = start + strcspn(list + start, ":");
        memcpy(*out, list + start, at - start);
        (*out)[at - start] = '\0';
        if (access(*out, F_OK) == 0)
            return 0;
    }
    memcpy(*out, list, strlen(list));
    (*out)[strcspn(list, ":")] = '\0';
    return 0;
}

static int set_default(struct config_source *defaults, const struct config_row *row)
{
    if (row->type != CONFIG_PATH && row->type != CONFIG_PATHS)
        return config_set(defaults, row, row->is.fallback);
    char *value = NULL;
    int r = first_existing(row->is.fallback, &value);
    if (r == 0)
        r = config_set(defaults, row, value);
    free(value);
    return r;
}

/* Whose word a list is can be told by its issuer alone. */
static int check_lists(const struct config *config, struct config_reporter report)
{
    if (config->revocation_lists[0] == '\0' || config->issuers[0] != '\0')
        return 0;
    config_say(report, "%s: revocation-lists needs issuers, who sign them",
               config_place(config, "revocation-lists"));
    return -EINVAL;
}

int config_complete(struct config *config, struct config_reporter report)
{
    struct config_source defaults = {.config = config, .report = report, .name = "defaults"};
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        bool optional = row->is.repeatable && row->is.fallback[0] == '\0';
        if (config->places[i] || optional || config_row_of_provider(row))
            continue;
        int r = set_default(&defaults, row);
        if (r < 0)
            return r;
    }
    int r = config_providers_complete(config, report);
    if (r == -ENOMEM)
        return r;
    struct config_list *lists[] = {&config->modules, &config->ignored_readers, &config->origins,
                                   &config->locks};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (config_list_complete(lists[i]) < 0)
            return -ENOMEM;
    if (r == 0)
        r = check_lists(config, report);
    return r < 0 ? r : defaults.result;
}
