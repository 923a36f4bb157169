/* SPDX-License-Identifier: MIT */
#include "ipc/confine/make_filters_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void stop(const char *what, const char *name, int error)
{
    fprintf(stderr, "make_filters: %s%s%s: %s\n", what, *name ? " " : "", name, strerror(error));
    exit(EXIT_FAILURE);
}

/* A number that does not exist on this machine is negative, and passed over by libseccomp. */
static int number_of(const char *name)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        stop("no such call:", name, ENOENT);
    return number;
}

void rule(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count,
          const struct scmp_arg_cmp *arguments)
{
    int number = number_of(name);
    if (number < 0)
        return;
    int r = seccomp_rule_add_array(filter, action, number, count, arguments);
    if (r < 0)
        stop("rule for", name, -r);
}

void always(scmp_filter_ctx filter, uint32_t action, const char *name)
{
    rule(filter, action, name, 0, NULL);
}

void each(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
    for (; *names; names++)
        always(filter, action, *names);
}

void where(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned argument,
           uint64_t value)
{
    rule(filter, action, name, 1, &SCMP_CMP64(argument, SCMP_CMP_EQ, value, 0));
}

scmp_filter_ctx begin(uint32_t otherwise)
{
    scmp_filter_ctx filter = seccomp_init(otherwise);
    if (!filter)
        stop("seccomp_init", "", ENOMEM);
    int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree */
    if (r < 0)
        stop("seccomp_attr_set", "", -r);
    return filter;
}
