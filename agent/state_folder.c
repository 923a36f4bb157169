/* SPDX-License-Identifier: MIT */
/*
 * A folder is opened once and judged by its descriptor; whoever works in it afterwards goes through
 * that descriptor, so that it cannot be exchanged underneath. The folders above are the user's
 * business: who may write them may take away everything of that user's anyway.
 */
#include "agent/state_folder.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int state_folder_path(const char *name, char *out, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    const char *slash = name[0] == '\0' ? "" : "/";
    int len;
    if (state && state[0] == '/')
        len = snprintf(out, size, "%s/lanyard%s%s", state, slash, name);
    else if (home && home[0] == '/')
        len = snprintf(out, size, "%s/.local/state/lanyard%s%s", home, slash, name);
    else
        return -ENOENT;
    return len >= 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

/* Those above the last, and the last. 0 or -errno. */
static int make(const char *path)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return -ENAMETOOLONG;
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return 0;
}

/* Whether it is this user's; its mode is made right. 0 or -errno. */
static int claim(int fd)
{
    struct stat is;
    if (fstat(fd, &is) < 0)
        return -errno;
    if (is.st_uid != geteuid())
        return -EPERM;
    return (is.st_mode & 07777) == 0700 || fchmod(fd, 0700) == 0 ? 0 : -errno;
}

int state_folder_open(const char *path)
{
    int r = make(path);
    if (r < 0)
        return log_fault(-r, path);
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = fd < 0 ? -errno : claim(fd);
    return r < 0 ? log_fault(-r, path) : steal_fd(&fd);
}
