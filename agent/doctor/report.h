/* SPDX-License-Identifier: MIT */
/*
 * What doctor has found: findings in the order of the checks, what each check says of itself, and
 * facts (versions). No name of a person, no PIN, no token and no certificate gets in here.
 *
 * Without memory a report fails stickily: what is in it stays, and printing says so. Main thread.
 */
#pragma once

#include "agent/doctor/code.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct finding {
    enum doctor_code code;
    enum severity severity;
    const char *check; /* static: which one found it */
    char *subject;     /* what it is about: a reader, a file, a provider; "" */
    char *sentence;    /* the cause, as far as it could be found out */
};

/* Of one check. */
struct check_result {
    const char *name; /* static */
    size_t findings;
    enum doctor_code because; /* it was not made, because of that; 0: it was made */
    char *fact;               /* what it saw; "" */
};

struct fact {
    const char *name; /* static */
    char *value;
};

/* A text for the service desk's archive, beside the findings. */
struct attachment {
    const char *name; /* static: a file's */
    char *text;
};

enum {
    REPORT_FINDINGS_MAX = 200,
    REPORT_CHECKS_MAX = 32,
    REPORT_FACTS_MAX = 32,
    REPORT_ATTACHMENTS_MAX = 8,
    REPORT_NAMES_MAX = 32,
};

struct report {
    size_t count, check_count, fact_count;
    struct finding findings[REPORT_FINDINGS_MAX];
    struct check_result checks[REPORT_CHECKS_MAX];
    struct fact facts[REPORT_FACTS_MAX];
    size_t attachment_count, name_count;
    struct attachment attachments[REPORT_ATTACHMENTS_MAX];
    char *names[REPORT_NAMES_MAX]; /* of people, and what else may not leave this computer */
    bool names_lost;               /* one of them had no room: no archive may be written */
    bool failed;
};

void report_deinit(struct report *report);

/* Begins a check: what follows is its. name: static. */
void report_check(struct report *report, const char *name);
/* That it is not made, because of an earlier finding. */
void report_skip(struct report *report, enum doctor_code because);
/* The same, because of the worst that the earlier check of that name has found; where it has found
 * nothing, of otherwise. */
void report_skip_after(struct report *report, const char *check, enum doctor_code otherwise);
/* What it saw. */
__attribute__((format(printf, 2, 3))) void report_saw(struct report *report, const char *format,
                                                      ...);
/* A finding of the check; the sentence NULL: that of the table. */
__attribute__((format(printf, 4, 5))) void report_find(struct report *report, enum doctor_code code,
                                                       const char *subject, const char *format,
                                                       ...);
/* The last finding is not worse than that. */
void report_soften(struct report *report, enum severity most);
/* Nor is any of the earlier check of that name. */
void report_soften_check(struct report *report, const char *check, enum severity most);
__attribute__((format(printf, 3, 4))) void report_fact(struct report *report, const char *name,
                                                       const char *format, ...);

/* Takes the text (free). */
void report_attach(struct report *report, const char *name, char *text);
/* That this is to be taken out of an archive. NULL, or shorter than REDACT_NAME_MIN: nothing. */
void report_hide(struct report *report, const char *name);
/* That a person's name is, and each of its parts. NULL: nothing. */
void report_hide_person(struct report *report, const char *name);

bool report_has(const struct report *report, enum doctor_code code);
/* The first of the worst kind; NULL: none. */
const struct finding *report_first(const struct report *report);

/* For people, and as one JSON object (lanyard(1)). */
void report_print(const struct report *report, FILE *out);
/* Returns owned (free); NULL without memory. */
char *report_json(const struct report *report);
