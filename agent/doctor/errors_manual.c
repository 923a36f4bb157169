/* SPDX-License-Identifier: MIT */
/*
 * lanyard-errors-manual, a program of the build: writes lanyard-errors(7) from the table of
 * outcomes (ipc/base/outcome.h) and that of doctor's findings, so that every code has its section.
 *
 *     lanyard-errors-manual > lanyard-errors.7
 */
#include "agent/doctor/code.h"
#include "agent/doctor/outcome_causes.h"
#include "ipc/base/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char head[] =
    ".\\\" SPDX-License-Identifier: MIT\n"
    ".\\\" Written by lanyard-errors-manual from the tables in the sources.\n"
    ".Dd November 23, 2026\n.Dt LANYARD-ERRORS 7\n.Os\n.Sh NAME\n.Nm lanyard-errors\n"
    ".Nd the codes of Lanyard, what they mean, and what to do\n"
    ".Sh DESCRIPTION\n"
    "Whatever goes wrong has a code, LY- and four digits, that never changes its meaning.\n"
    "People read it in the page that signs them in and in the terminal, programs find it in the\n"
    "answers of the agent, and the journal has it in the field\n.Ev LANYARD_CODE :\n.Pp\n"
    ".Dl journalctl --user LANYARD_CODE=LY-1004\n.Pp\n"
    "Those below 2000 are how a request can end.\n"
    "Those from 2000 on are what\n.Ic lanyard doctor\n.Pq Xr lanyard 1\nfinds.\n";

static const char foot[] = ".Sh SEE ALSO\n.Xr lanyard 1 ,\n.Xr lanyard.conf 5 ,\n.Xr lanyardd 8\n";

/* A text as roff reads it: no line begins with a control character, and "\" and "-" stand for
 * themselves. */
static void put(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++)
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    putchar('\n');
}

static void put_item(const char *name, const char *text)
{
    printf(".It %s\n", name);
    put(text);
}

static void begin_section(int code, const char *reason)
{
    printf(".Ss LY-%d %s\n.Bl -tag -width meaning\n", code, reason);
}

static void put_outcome(int number, const char *reason, const char *sentence, const char *advice)
{
    const struct outcome_cause *cause = outcome_cause_of(reason);
    begin_section(number, reason);
    put_item("meaning", sentence);
    if (cause)
        put_item("cause", cause->cause);
    put_item("cure", advice);
    if (cause) {
        puts(".Pp");
        put(cause->cure);
    }
    puts(".El");
}

/* Where a check is milder than the table; "" where it never is. */
static const char *milder(const struct doctor_row *row)
{
    switch (row->code) {
    case DOCTOR_CONFIG_INVALID:
    case DOCTOR_CONFIG_UNSAFE:
    case DOCTOR_CONFIG_UNREADABLE:
    case DOCTOR_CONFIG_ISSUERS:
    case DOCTOR_CONFIG_LISTS:
    case DOCTOR_CONFIG_NO_PROVIDER:
        return "; warning while an agent serves with what it has read before";
    case DOCTOR_READER_NONE:
    case DOCTOR_READER_NO_DRIVER:
    case DOCTOR_READERS_OTHERS:
        return "; notice while a security key is in";
    case DOCTOR_READERS_REMOTE:
        return "; notice while a security key is in, or may be redirected";
    case DOCTOR_KEY_NO_RULE:
        return "; notice while no key is in";
    default:
        return "";
    }
}

static void put_finding(const struct doctor_row *row)
{
    char how_bad[96];
    begin_section(row->code, row->reason);
    snprintf(how_bad, sizeof how_bad, "(%s%s)", severity_name(row->severity), milder(row));
    put_item("meaning", row->meaning);
    put(how_bad);
    put_item("cause", row->cause);
    put_item("cure", row->cure);
    puts(".El");
}

int main(void)
{
    fputs(head, stdout);
    puts(".Sh HOW A REQUEST CAN END");
#define PUT_ROW(name, number, reason, sentence, advice)                                            \
    put_outcome(number, reason, sentence, advice);
    OUTCOME_TABLE(PUT_ROW)
#undef PUT_ROW
    puts(".Sh WHAT DOCTOR FINDS");
    const struct doctor_row *row;
    for (unsigned i = 0; (row = doctor_row_at(i)); i++)
        put_finding(row);
    fputs(foot, stdout);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
