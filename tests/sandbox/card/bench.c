/* SPDX-License-Identifier: MIT */
/* Owns the readers and the cards of one sandbox; both are found by their short names. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

bool bench_init(struct bench *bench, const char *cards_folder)
{
    *bench = (struct bench){.cards_folder = strdup(cards_folder)};
    return bench->cards_folder;
}

void bench_deinit(struct bench *bench)
{
    for (size_t i = 0; i < bench->reader_count; i++)
        reader_link_free(bench->readers[i]);
    for (size_t i = 0; i < bench->card_count; i++)
        card_free(bench->cards[i]);
    free(bench->cards_folder);
    *bench = (struct bench){0};
}

bool bench_add_reader(struct bench *bench, const char *name, const char *path)
{
    struct reader_link *reader;

    if (bench->reader_count == BENCH_READERS_MAX || strlen(name) >= READER_NAME_MAX)
        return false;
    reader = reader_link_new(name, path);
    if (!reader)
        return false;
    bench->readers[bench->reader_count++] = reader;
    return true;
}

struct reader_link *bench_reader(const struct bench *bench, const char *name, const char **why)
{
    for (size_t i = 0; i < bench->reader_count; i++)
        if (strcmp(reader_link_name(bench->readers[i]), name) == 0)
            return bench->readers[i];
    *why = "no such reader";
    return NULL;
}

struct card *bench_card(struct bench *bench, const char *name, const char **why)
{
    struct card *card;

    for (size_t i = 0; i < bench->card_count; i++)
        if (strcmp(bench->cards[i]->name, name) == 0)
            return bench->cards[i];
    *why = "too many cards";
    if (bench->card_count == BENCH_CARDS_MAX)
        return NULL;
    card = card_load(bench->cards_folder, name, why);
    if (card)
        bench->cards[bench->card_count++] = card;
    return card;
}
