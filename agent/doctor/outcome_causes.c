/* SPDX-License-Identifier: MIT */
/* The causes of outcomes, read back. */
#include "agent/doctor/outcome_causes.h"

#include <stddef.h>
#include <string.h>

#define CAUSE_ROW(reason, cause, cure) {reason, cause, cure},
static const struct outcome_cause causes[] = {OUTCOME_CAUSES(CAUSE_ROW)};
#undef CAUSE_ROW

const struct outcome_cause *outcome_cause_at(unsigned i)
{
    return i < sizeof causes / sizeof *causes ? &causes[i] : NULL;
}

const struct outcome_cause *outcome_cause_of(const char *reason)
{
    const struct outcome_cause *cause;
    for (unsigned i = 0; (cause = outcome_cause_at(i)); i++)
        if (strcmp(cause->reason, reason) == 0)
            return cause;
    return NULL;
}
