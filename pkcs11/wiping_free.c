/* SPDX-License-Identifier: MIT */
/*
 * free and realloc for the whole helper, module included: memory is wiped as it is given back.
 *
 * Our own copy of a PIN is wiped by its type (ipc/base/secret.h). A module makes copies of its own,
 * and not every one of them is careful: OpenSC formats each command for a debug log, VERIFY too,
 * and frees the text as it is, whether it is written or not. A program's own definition of free
 * takes precedence over libc's in every library it loads, so nothing a module frees keeps a PIN.
 * What it never frees it keeps; a test looks through the helper's memory for a PIN it was given.
 *
 * Left to the sanitiser in a build that has one: there, freed memory is quarantined anyway.
 */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void (*libc_free)(void *);

__attribute__((constructor)) static void find_libc_free(void)
{
    *(void **)&libc_free = dlsym(RTLD_NEXT, "free");
}

__attribute__((visibility("default"))) void free(void *memory)
{
    if (!memory)
        return;
    explicit_bzero(memory, malloc_usable_size(memory));
    /* What is freed before the constructor has run, a few bytes of the loader's, is kept. */
    if (libc_free)
        libc_free(memory);
}

__attribute__((visibility("default"))) void *realloc(void *memory, size_t size)
{
    if (!memory)
        return malloc(size);
    if (size == 0) {
        free(memory);
        return NULL;
    }
    size_t old = malloc_usable_size(memory);
    void *moved = malloc(size);
    if (moved) {
        memcpy(moved, memory, old < size ? old : size);
        free(memory);
    }
    return moved;
}

#endif
