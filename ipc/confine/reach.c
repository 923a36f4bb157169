/* SPDX-License-Identifier: MIT */
/*
 * Landlock, by its system calls: there is no wrapper in the C library, and the header of the
 * machine that builds may be older than the kernel it runs on. So the few numbers stand here, by
 * the version of the kernel's interface that brought them (linux/landlock.h). A right of a later
 * version is not asked for; what it would have stopped is then left to the seccomp filter and to
 * file rights.
 */
#include "ipc/confine/confine.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ABI_REFER = 2, ABI_TRUNCATE, ABI_NET, ABI_IOCTL_DEV, ABI_SCOPE };
enum { VERSION_FLAG = 1, RULE_PATH_BENEATH = 1 };

enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_CHAR = 1 << 6,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    MAKE_FIFO = 1 << 10,
    MAKE_BLOCK = 1 << 11,
    MAKE_SYM = 1 << 12,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    IOCTL_DEV = 1 << 15,

    OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV, /* the rest is of folders */
    ALL = 2 * IOCTL_DEV - 1,
};
enum { BIND_TCP = 1 << 0, CONNECT_TCP = 1 << 1 };
enum { SCOPE_ABSTRACT = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

struct ruleset {
    uint64_t files, net, scope;
};

struct beneath {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

static uint64_t file_rights(unsigned rights)
{
    uint64_t allowed = 0;
    if (rights & (CONFINE_READ | CONFINE_WRITE | CONFINE_DEVICES))
        allowed |= READ_FILE | READ_DIR;
    if (rights & CONFINE_WRITE)
        allowed |= WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR | MAKE_SOCK | MAKE_FIFO | MAKE_SYM |
                   REMOVE_FILE | REMOVE_DIR | REFER;
    if (rights & CONFINE_DEVICES)
        allowed |= WRITE_FILE | TRUNCATE | IOCTL_DEV;
    if (rights & CONFINE_REMOVE)
        allowed |= REMOVE_FILE;
    if (rights & CONFINE_LIST)
        allowed |= READ_DIR;
    return allowed;
}

/* What is forbidden unless a rule allows it. */
static struct ruleset forbidden(unsigned reach, int abi)
{
    struct ruleset set = {.files = ALL, .net = BIND_TCP, .scope = SCOPE_SIGNAL};
    if (!(reach & CONFINE_TCP))
        set.net |= CONNECT_TCP;
    if (!(reach & CONFINE_ABSTRACT))
        set.scope |= SCOPE_ABSTRACT;
    if (abi < ABI_REFER)
        set.files &= ~(uint64_t)REFER;
    if (abi < ABI_TRUNCATE)
        set.files &= ~(uint64_t)TRUNCATE;
    if (abi < ABI_NET)
        set.net = 0;
    if (abi < ABI_IOCTL_DEV)
        set.files &= ~(uint64_t)IOCTL_DEV;
    if (abi < ABI_SCOPE)
        set.scope = 0;
    return set;
}

/* Rights of folders on a file that is none would be refused as a mistake. What a link leads to is
 * allowed by its own name. */
static int allow(int rules, const struct ruleset *set, const char *path, int follow,
                 uint64_t allowed)
{
    CLEANUP(close_fd) int fd = open(path, O_PATH | O_CLOEXEC | follow);
    if (fd < 0) /* what cannot be opened needs no leave */
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? log_fault(errno, path) : 0;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return log_fault(errno, path);
    struct beneath rule = {.allowed = allowed & set->files, .parent = fd};
    if (!S_ISDIR(status.st_mode))
        rule.allowed &= OF_FILES;
    if (rule.allowed == 0 || S_ISLNK(status.st_mode))
        return 0;
    long r = syscall(SYS_landlock_add_rule, rules, RULE_PATH_BENEATH, &rule, 0);
    return r < 0 ? log_fault(errno, path) : 0;
}

/* FOLDER/BEGINNING*, with its last slash there. */
static int allow_each(int rules, const struct ruleset *set, const char *pattern, uint64_t allowed)
{
    char path[PATH_MAX];
    size_t head = (size_t)(strrchr(pattern, '/') + 1 - pattern);
    size_t beginning = strlen(pattern + head) - 1;
    if (snprintf(path, sizeof path, "%.*s", (int)head, pattern) >= (int)sizeof path)
        return log_fault(ENAMETOOLONG, pattern);
    CLEANUP(close_folder) DIR *folder = opendir(path);
    const struct dirent *entry;
    int r = 0;
    while (folder && r == 0 && (entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            strncmp(entry->d_name, pattern + head, beginning) != 0 ||
            snprintf(path + head, sizeof path - head, "%s", entry->d_name) >=
                (int)(sizeof path - head) ||
            strcmp(path, "/dev") == 0)
            continue;
        r = allow(rules, set, path, O_NOFOLLOW, allowed);
    }
    return r;
}

static int add_places(int rules, const struct ruleset *set, const struct confine_place *places,
                      size_t count)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        const char *path = places[i].path;
        uint64_t allowed = file_rights(places[i].rights);
        r = path[strlen(path) - 1] == '*' ? allow_each(rules, set, path, allowed)
                                          : allow(rules, set, path, 0, allowed);
    }
    return r;
}

int confine_reach(const struct confine_place *places, size_t count, unsigned reach)
{
    if (LANYARD_INSTRUMENTED) {
        log_debug("built with a sanitiser or for coverage: nothing is out of reach");
        return 0;
    }
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);
    if (abi <= 0) {
        log_debug("this kernel has no Landlock: nothing is out of reach");
        return 0;
    }
    if (abi < ABI_SCOPE)
        log_debug("this kernel's Landlock is of version %ld: it can do part of what is asked", abi);
    struct ruleset set = forbidden(reach, (int)abi);
    CLEANUP(close_fd) int rules = (int)syscall(SYS_landlock_create_ruleset, &set, sizeof set, 0);
    if (rules < 0)
        return log_fault(errno, "landlock_create_ruleset");
    int r = add_places(rules, &set, places, count);
    if (r == 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
        r = log_fault(errno, "landlock_restrict_self");
    return r;
}
