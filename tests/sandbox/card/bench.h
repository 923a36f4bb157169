/* SPDX-License-Identifier: MIT */
/* What lies on the bench of one sandbox: its readers, and every card that was ever picked up. */
#ifndef LANYARD_SANDBOX_BENCH_H
#define LANYARD_SANDBOX_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "card.h"
#include "reader_link.h"

#define BENCH_READERS_MAX 16 /* as many as pcscd manages */
#define BENCH_CARDS_MAX 64

struct bench {
    char *cards_folder;
    struct reader_link *readers[BENCH_READERS_MAX];
    size_t reader_count;
    struct card *cards[BENCH_CARDS_MAX];
    size_t card_count;
    bool quit;
};

/* False: memory, or the bench is full. */
bool bench_init(struct bench *bench, const char *cards_folder);
void bench_deinit(struct bench *bench);

/* Makes a reader whose socket is `path`. */
bool bench_add_reader(struct bench *bench, const char *name, const char *path);

/* Both borrowed from the bench. A card is loaded when it is first asked for and keeps its PIN and
 * its tries from then on. NULL: there is none; *why is a static text. */
struct reader_link *bench_reader(const struct bench *bench, const char *name, const char **why);
struct card *bench_card(struct bench *bench, const char *name, const char **why);

#endif
