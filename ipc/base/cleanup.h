/* SPDX-License-Identifier: MIT */
/*
 * Scope-bound release of locals, and the explicit steal that hands one out on success.
 *
 *     CLEANUP(bytes_free) struct bytes *b = bytes_new();
 *     ...
 *     *out = STEAL(b);
 *
 * Every x_free(T **) of the project takes NULL and half-built objects and clears the variable.
 */
#pragma once

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(release) __attribute__((cleanup(release)))

#define STEAL(variable)                                                                            \
    ({                                                                                             \
        __typeof__(variable) stolen_ = (variable);                                                 \
        (variable) = NULL;                                                                         \
        stolen_;                                                                                   \
    })

/* Frees *text and sets it to NULL. Any thread. */
static inline void free_text(char **text)
{
    free(*text);
    *text = NULL;
}

/* The same of a list of texts that NULL ends, and of each of them. */
static inline void free_texts(char ***texts)
{
    for (char **each = *texts; each && *each; each++)
        free(*each);
    free(*texts);
    *texts = NULL;
}

/* Closes *fd unless negative and sets it to -1. Any thread. */
static inline void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Like STEAL, for a descriptor: hands it out and leaves -1 behind. */
static inline int steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

/* Closes *folder unless NULL and sets it to NULL. Any thread. */
static inline void close_folder(DIR **folder)
{
    if (*folder)
        closedir(*folder);
    *folder = NULL;
}
