/* SPDX-License-Identifier: MIT */
/*
 * A configuration in place of one that is in force. The agent's parts hold on to the struct and to
 * its providers, so both stay where they are and what is in them changes: value by value, each row
 * by itself, the old one going out in the struct that the new one came in. Everything that needs
 * memory is done before anything changes.
 *
 * A provider that is no longer listed is found no more, and kept as it was for whoever still points
 * at it; one of that name that comes later takes its place, so that these do not grow without end.
 */
#include "agent/config_room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool same_value(const struct config_row *row, const void *one, const void *other)
{
    char room_one[CONFIG_LINE_MAX], room_other[CONFIG_LINE_MAX];
    size_t count = config_value_count(row, one);
    if (count != config_value_count(row, other))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(config_value_text(row, one, i, room_one),
                   config_value_text(row, other, i, room_other)) != 0)
            return false;
    return true;
}

static void swap_rows(bool of_provider, void *one, char **one_places, void *other,
                      char **other_places, struct config_reporter report)
{
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (config_row_of_provider(row) != of_provider)
            continue;
        if (row->is.when == CONFIG_AT_START) {
            if (!same_value(row, one, other))
                config_say(report, "%s: %s changes when the agent is started again",
                           other_places[i] ? other_places[i] : "default", row->is.name);
            continue;
        }
        config_value_swap(row, one, other);
        char *place = one_places[i];
        one_places[i] = other_places[i];
        other_places[i] = place;
    }
}

/* The one of that name, taken out of the list; NULL: there is none. */
static struct config_provider *take_named(struct config_provider **list, size_t count,
                                          const char *name)
{
    for (size_t i = 0; i < count; i++) {
        struct config_provider *found = list[i];
        if (!found || strcmp(found->name, name) != 0)
            continue;
        list[i] = NULL;
        return found;
    }
    return NULL;
}

static void retire(struct config *config, struct config_provider *provider)
{
    if (provider)
        config->retired[config->retired_count++] = provider;
}

static void replace_providers(struct config *running, struct config *fresh,
                              struct config_provider **listed, struct config_provider **retired)
{
    struct config_provider **old = running->providers, **gone = running->retired;
    size_t old_count = running->provider_count, gone_count = running->retired_count;
    running->providers = listed;
    running->provider_count = fresh->provider_count;
    running->retired = retired;
    running->retired_count = 0;
    for (size_t i = 0; i < fresh->provider_count; i++) {
        struct config_provider *new = fresh->providers[i];
        struct config_provider *kept = take_named(old, old_count, new->name);
        if (!kept)
            kept = take_named(gone, gone_count, new->name);
        listed[i] = kept ? kept : new;
        if (!kept) {
            fresh->providers[i] = NULL; /* moved */
            continue;
        }
        swap_rows(true, kept, kept->places, new, new->places, (struct config_reporter){0});
        char *place = kept->place;
        kept->place = new->place;
        new->place = place;
    }
    for (size_t i = 0; i < old_count; i++)
        retire(running, old[i]);
    for (size_t i = 0; i < gone_count; i++)
        retire(running, gone[i]);
    free(old);
    free(gone);
}

int config_replace(struct config *running, struct config *fresh, struct config_reporter report)
{
    size_t most = running->provider_count + running->retired_count;
    struct config_provider **listed = calloc(fresh->provider_count + 1, sizeof *listed);
    struct config_provider **retired = calloc(most + 1, sizeof *retired);
    if (!listed || !retired) {
        free(listed);
        free(retired);
        config_deinit(fresh);
        return -ENOMEM;
    }
    swap_rows(false, running, running->places, fresh, fresh->places, report);
    replace_providers(running, fresh, listed, retired);
    struct config_list origins = running->origins;
    running->origins = fresh->origins;
    fresh->origins = origins;
    char *user_file = running->user_file;
    running->user_file = fresh->user_file;
    fresh->user_file = user_file;
    config_deinit(fresh);
    return 0;
}
