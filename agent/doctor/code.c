/* SPDX-License-Identifier: MIT */
/* The table of findings, read back. */
#include "agent/doctor/code.h"

#include <stdlib.h>

#define ROW_OF(name, number, severity, reason, meaning, cause, cure)                               \
    {number, SEVERITY_##severity, reason, meaning, cause, cure},
static const struct doctor_row rows[] = {DOCTOR_TABLE(ROW_OF)};
#undef ROW_OF

const struct doctor_row *doctor_row_at(unsigned i)
{
    return i < sizeof rows / sizeof *rows ? &rows[i] : NULL;
}

const struct doctor_row *doctor_row_of(enum doctor_code code)
{
    const struct doctor_row *row;
    for (unsigned i = 0; (row = doctor_row_at(i)); i++)
        if (row->code == code)
            return row;
    abort(); /* no code is made but from the table */
}

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {
        [SEVERITY_NOTICE] = "notice", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"};
    return names[severity];
}
