/* SPDX-License-Identifier: MIT */
/*
 * These compare no more bits than the kernel takes: a value that differs above those would not be
 * refused otherwise, and be the same to the kernel. They allow nothing, and leave all else to the
 * filter that comes after them.
 */
#include "ipc/confine/make_filters_vetoes.h"

#include "ipc/confine/make_filters_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void veto(scmp_filter_ctx filter, const char *name, unsigned argument, uint32_t mask,
                 uint32_t value)
{
    rule(filter, SCMP_ACT_ERRNO(EPERM), name, 1,
         &SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

static void veto_both(scmp_filter_ctx filter, const char *name, unsigned argument, uint32_t bits,
                      unsigned other, uint32_t others)
{
    const struct scmp_arg_cmp both[] = {SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bits, bits),
                                        SCMP_CMP64(other, SCMP_CMP_MASKED_EQ, others, others)};
    rule(filter, SCMP_ACT_ERRNO(EPERM), name, 2, both);
}

/* What a file is beside its contents: for that it suffices to be its owner, wherever it is. A file
 * that somebody else has made and shares says EPERM, too, so that whoever shares files in /tmp is
 * used to it. */
static const char *const attributes[] = {
    "chmod",       "chown",    "chown32",  "fchmod",       "fchmodat",
    "fchown",      "fchown32", "fchownat", "fremovexattr", "fsetxattr",
    "futimesat",   "lchown",   "lchown32", "lremovexattr", "lsetxattr",
    "removexattr", "setxattr", "utime",    "utimensat",    "utimensat_time64",
    "utimes",      NULL};

/* A new file with which others act as this person. (mkdir takes no such bit.) The mode counts where
 * a file may be made, and is anything elsewhere. openat2 keeps it where no filter sees it, and who
 * is told that there is none takes openat. */
static void veto_special_modes(scmp_filter_ctx filter)
{
    static const uint32_t bits[] = {S_ISUID, S_ISGID},
                          making[] = {O_CREAT, O_TMPFILE & ~O_DIRECTORY};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        veto(filter, "creat", 1, bits[i], bits[i]);
        veto(filter, "mknod", 1, bits[i], bits[i]);
        veto(filter, "mknodat", 2, bits[i], bits[i]);
        for (size_t k = 0; k < sizeof making / sizeof *making; k++) {
            veto_both(filter, "open", 1, making[k], 2, bits[i]);
            veto_both(filter, "openat", 2, making[k], 3, bits[i]);
        }
    }
    always(filter, SCMP_ACT_ERRNO(ENOSYS), "openat2");
}

/* Landlock before its version 3 knows no truncation, and asks for no right at all where a file is
 * opened neither to be read nor to be written, which does to control a device or to empty a file.
 */
static void veto_odd_opening(scmp_filter_ctx filter)
{
    static const uint32_t asked[] = {O_ACCMODE, O_ACCMODE | O_TRUNC};
    static const uint32_t given[] = {O_ACCMODE, O_RDONLY | O_TRUNC};
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        veto(filter, "open", 1, asked[i], given[i]);
        veto(filter, "openat", 2, asked[i], given[i]);
    }
}

static const char *const emptying[] = {"truncate", "truncate64", NULL};

/* lanyard-fido's. What it opens to write is a device, which is there. */
static void veto_making(scmp_filter_ctx filter)
{
    static const uint32_t flags[] = {O_CREAT, O_TMPFILE & ~O_DIRECTORY, O_TRUNC};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        veto(filter, "open", 1, flags[i], flags[i]);
        veto(filter, "openat", 2, flags[i], flags[i]);
    }
}

/* Everybody's of this user, whoever it was made by: no path keeps them apart. */
static const char *const others_messages[] = {"ipc",
                                              "mq_getsetattr",
                                              "mq_notify",
                                              "mq_open",
                                              "mq_timedreceive",
                                              "mq_timedreceive_time64",
                                              "mq_timedsend",
                                              "mq_timedsend_time64",
                                              "mq_unlink",
                                              "msgctl",
                                              "msgget",
                                              "msgrcv",
                                              "msgsnd",
                                              "semctl",
                                              "semget",
                                              "semop",
                                              "semtimedop",
                                              "semtimedop_time64",
                                              NULL};
/* X11 shares pictures so with the programs of its own machine. */
static const char *const others_memory[] = {"shmat", "shmctl", "shmdt", "shmget", NULL};

static void veto_others_things(scmp_filter_ctx filter, enum confine_calls calls)
{
    each(filter, SCMP_ACT_ERRNO(EACCES), others_messages);
    if (calls == CONFINE_CARD || calls == CONFINE_CARD_ALONE)
        each(filter, SCMP_ACT_ERRNO(EACCES), others_memory);
}

/* How much of the machine another process gets: 0 is the calling thread. Here more bits than the
 * kernel takes do no harm. */
static void veto_others_turns(scmp_filter_ctx filter)
{
    static const char *const calls[] = {"sched_setaffinity", "sched_setattr", "sched_setparam",
                                        "sched_setscheduler"};
    const struct {
        const char *name;
        uint64_t whole; /* a process, not a group or a user's all */
    } by_kind[] = {{"setpriority", PRIO_PROCESS}, {"ioprio_set", IOPRIO_WHO_PROCESS}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        rule(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 1, &SCMP_CMP64(0, SCMP_CMP_NE, 0, 0));
    for (size_t i = 0; i < sizeof by_kind / sizeof *by_kind; i++) {
        rule(filter, SCMP_ACT_ERRNO(EPERM), by_kind[i].name, 1,
             &SCMP_CMP64(0, SCMP_CMP_NE, by_kind[i].whole, 0));
        rule(filter, SCMP_ACT_ERRNO(EPERM), by_kind[i].name, 1, &SCMP_CMP64(1, SCMP_CMP_NE, 0, 0));
    }
}

/* What acts on whoever uses a terminal, not on what is shown there: typing, the console's
 * selection, whose terminal it is and how large. And a file's marks, for which it need not be open
 * for writing. */
static void veto_controls(scmp_filter_ctx filter)
{
    static const uint32_t commands[] = {TIOCSTI,  TIOCLINUX, TIOCSCTTY,       TIOCSWINSZ,
                                        TIOCCONS, TIOCSETD,  FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        veto(filter, "ioctl", 1, UINT32_MAX, commands[i]);
}

static void veto_guest(scmp_filter_ctx filter, enum confine_calls calls)
{
    each(filter, SCMP_ACT_ERRNO(EPERM), attributes);
    each(filter, SCMP_ACT_ERRNO(EPERM), emptying);
    veto_special_modes(filter);
    veto_others_things(filter, calls);
    veto_others_turns(filter);
    veto_controls(filter);
}

scmp_filter_ctx make_vetoes(enum confine_calls calls)
{
    scmp_filter_ctx filter = begin(SCMP_ACT_ALLOW);
    veto_odd_opening(filter);
    if (calls == CONFINE_FIDO || calls == CONFINE_FIDO_AFAR)
        veto_making(filter);
    else
        veto_guest(filter, calls);
    return filter;
}
