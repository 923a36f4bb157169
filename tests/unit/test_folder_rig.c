/* SPDX-License-Identifier: MIT */
/* A list of what was made, for the process that made it: its children must not remove anything. */
#include "test_folder_rig.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder {
    struct folder *next;
    pid_t owner;
    char path[];
};

static struct folder *folders;

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *at)
{
    (void)about, (void)type, (void)at;
    return remove(path);
}

static void remove_all(void)
{
    for (const struct folder *each = folders; each; each = each->next)
        if (each->owner == getpid())
            nftw(each->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *folder_make(char *path)
{
    static bool registered;
    size_t size = strlen(path) + 1;
    struct folder *made = malloc(sizeof *made + size);
    if (!made || (!registered && atexit(remove_all) != 0) || !mkdtemp(path)) {
        free(made);
        return NULL;
    }
    registered = true;
    made->owner = getpid();
    memcpy(made->path, path, size);
    made->next = folders;
    folders = made;
    return path;
}

void folder_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    for (struct folder **at = &folders; *at; at = &(*at)->next) {
        if (strcmp((*at)->path, path) != 0)
            continue;
        struct folder *gone = *at;
        *at = gone->next;
        free(gone);
        return;
    }
}
