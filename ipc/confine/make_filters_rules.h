/* SPDX-License-Identifier: MIT */
/*
 * Rules of a filter, by the names of calls. A name that this machine does not have is passed over;
 * whatever goes wrong is a mistake in a list, and ends make_filters.
 */
#pragma once

#include <seccomp.h>
#include <stdint.h>

/* Ends the program: "WHAT NAME: error", "" for none. */
void stop(const char *what, const char *name, int error) __attribute__((noreturn));

/* What no rule mentions is answered so. */
scmp_filter_ctx begin(uint32_t otherwise);

void rule(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned count,
          const struct scmp_arg_cmp *arguments);
/* Whatever its arguments are. */
void always(scmp_filter_ctx filter, uint32_t action, const char *name);
/* NULL-terminated. */
void each(scmp_filter_ctx filter, uint32_t action, const char *const *names);
/* If that argument is that value, of 64 bits. */
void where(scmp_filter_ctx filter, uint32_t action, const char *name, unsigned argument,
           uint64_t value);
