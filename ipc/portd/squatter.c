/* SPDX-License-Identifier: MIT */
/*
 * The kernel tells the listening socket's inode and user; the process is the one that has that
 * inode among its descriptors. Other users' descriptors can only be read by root, so a broker
 * without privileges may know no more than the user.
 */
#include "ipc/portd/squatter.h"

#include "ipc/base/cleanup.h"
#include "ipc/portd/peer_uid.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROGRAM_NAME_MAX = 63 };

/* True if one of the process's descriptors is that socket. */
static bool holds(const char *pid, uint32_t inode)
{
    char path[64], wanted[64], target[64];
    snprintf(path, sizeof path, "/proc/%.16s/fd", pid);
    snprintf(wanted, sizeof wanted, "socket:[%u]", inode);
    CLEANUP(close_folder) DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (len < 0)
            continue;
        target[len] = '\0';
        if (strcmp(target, wanted) == 0)
            return true;
    }
    return false;
}

static void read_program(const char *pid, char name[PROGRAM_NAME_MAX + 1])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%.16s/comm", pid);
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : read(fd, name, PROGRAM_NAME_MAX);
    name[len > 0 ? len : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
}

/* Appends ", process N (name)" for the process that holds the socket. */
static void append_process(uint32_t inode, char *text, size_t size)
{
    CLEANUP(close_folder) DIR *processes = opendir("/proc");
    const struct dirent *entry;
    while (processes && (entry = readdir(processes))) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !holds(entry->d_name, inode))
            continue;
        char name[PROGRAM_NAME_MAX + 1];
        read_program(entry->d_name, name);
        size_t len = strlen(text);
        snprintf(text + len, size - len, ", process %.16s (%s)", entry->d_name, name);
        return;
    }
}

void squatter_describe(uint16_t port, bool named, char *text, size_t size)
{
    uint32_t inode;
    uid_t uid;
    CLEANUP(close_fd) int netlink = peer_uid_open();
    if (netlink < 0 || peer_uid_listener(netlink, port, &inode, &uid) < 0) {
        snprintf(text, size, "a program that cannot be found out");
        return;
    }
    const struct passwd *user = named ? getpwuid(uid) : NULL;
    if (user)
        snprintf(text, size, "user %s", user->pw_name);
    else
        snprintf(text, size, "user %u", (unsigned)uid);
    append_process(inode, text, size);
}
