/* SPDX-License-Identifier: MIT */
/*
 * A user's file. It is read into a configuration of its own, under the administrator's locks; what
 * was taken there is then moved over. So a value that makes no sense leaves the administrator's in
 * force, and nothing but the rows that users may set is ever touched.
 */
#include "agent/config_room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A list's values come behind those that are there. */
static int take_list(const struct config_row *row, struct config *config, const struct config *own)
{
    struct config_list *into = (void *)((char *)config + row->offset);
    const struct config_list *from = (const void *)((const char *)own + row->offset);
    for (size_t i = 0; i < from->count; i++)
        if (!config_list_has(into, from->at[i]) &&
            config_list_add(into, from->at[i], from->places[i]) < 0)
            return -ENOMEM;
    return 0;
}

static int take(struct config *config, struct config *own)
{
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        if (!own->places[i])
            continue;
        bool list = config_type_is_list(row->type);
        if (list && take_list(row, config, own) < 0)
            return -ENOMEM;
        if (list && config->places[i])
            continue;
        if (!list)
            config_value_swap(row, config, own);
        char *place = config->places[i];
        config->places[i] = own->places[i];
        own->places[i] = place;
    }
    return 0;
}

int config_read_user(struct config *config, const char *name, const char *text, size_t len,
                     struct config_reporter report)
{
    struct config own;
    config_init(&own);
    struct config_source source = {
        .config = &own, .report = report, .name = name, .rest = text, .left = len, .rules = config};
    int r = config_source_read(&source);
    if (r != -ENOMEM)
        r = take(config, &own);
    config_deinit(&own);
    return r < 0 ? r : (int)source.problems;
}
