/* SPDX-License-Identifier: MIT */
/*
 * Calls that fail, for fuzz targets. The linker puts __wrap_F in front of each function F that a
 * fault_ file names (-Wl,--wrap=F), so that code under test meets a failing malloc, read or
 * signature without knowing it. One call in about four hundred fails; which one follows from the
 * input's bytes alone, so that a crash can be run again. Faults happen only within the target's
 * LLVMFuzzerTestOneInput, not in libFuzzer's own code.
 */
#pragma once

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

/* True if the call that asks is to fail. Fuzzing is single-threaded. */
bool fault_strikes(void);

/* WRAP(function, result type, failure, errno, (parameters), (arguments)): a function whose failure
 * is a result and perhaps an errno. The fuzz build reads the functions' names from these lines. */
#define WRAP(function, type, failure, error, parameters, arguments)                                \
    type __real_##function parameters;                                                             \
    type __wrap_##function parameters;                                                             \
    type __wrap_##function parameters                                                              \
    {                                                                                              \
        if (fault_strikes()) {                                                                     \
            if ((error) != 0)                                                                      \
                errno = (error);                                                                   \
            return failure;                                                                        \
        }                                                                                          \
        return __real_##function arguments;                                                        \
    }

/* The same for a function that takes ownership of an argument even when it fails. */
#define WRAP_TAKING(function, type, failure, release, parameters, arguments)                       \
    type __real_##function parameters;                                                             \
    type __wrap_##function parameters;                                                             \
    type __wrap_##function parameters                                                              \
    {                                                                                              \
        if (fault_strikes()) {                                                                     \
            release;                                                                               \
            return failure;                                                                        \
        }                                                                                          \
        return __real_##function arguments;                                                        \
    }

/* Stands in front of a wrapper that is written out, because the function takes any number of
 * arguments. */
#define WRAP_BY_HAND(function) static_assert(sizeof #function > 1, "")
