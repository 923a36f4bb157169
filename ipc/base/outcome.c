/* SPDX-License-Identifier: MIT */
/* The outcome table, read back. Everything unknown, and every fault, is "internal": a caller that
 * shows an outcome can then never show success for something that failed. */
#include "ipc/base/outcome.h"

#include <stddef.h>
#include <string.h>

struct outcome_row {
    int number;
    const char *reason, *sentence, *advice;
};

#define OUTCOME_ROW(name, number, reason, sentence, advice) {number, reason, sentence, advice},
static const struct outcome_row rows[] = {OUTCOME_TABLE(OUTCOME_ROW)};
#undef OUTCOME_ROW

static const struct outcome_row *find(int number)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].number == number)
            return &rows[i];
    return NULL;
}

int outcome_of(int result)
{
    if (result == OUTCOME_OK || find(result))
        return result;
    return OUTCOME_INTERNAL;
}

const char *outcome_reason(int result)
{
    return result == OUTCOME_OK ? "ok" : find(outcome_of(result))->reason;
}

const char *outcome_sentence(int result)
{
    return result == OUTCOME_OK ? "Done." : find(outcome_of(result))->sentence;
}

const char *outcome_advice(int result)
{
    return result == OUTCOME_OK ? "" : find(outcome_of(result))->advice;
}

int outcome_from_reason(const char *reason)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].reason, reason) == 0)
            return rows[i].number;
    return OUTCOME_INTERNAL;
}
