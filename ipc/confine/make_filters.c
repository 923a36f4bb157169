/* SPDX-License-Identifier: MIT */
/*
 * make_filters FILE: writes the seccomp filters of all programs as C, for calls.c (filters.h). It
 * runs while Lanyard is built, and libseccomp is linked to it alone.
 *
 * A filter is a list of calls that are allowed. Of the others libseccomp knows every name; these
 * end the program, or, where it is to be tolerant, only the dangerous ones do. What has no name yet
 * is answered with ENOSYS, as is a call whose arguments no rule mentions.
 *
 * Rules on arguments only ever allow: libseccomp compares 64 bits, of which the kernel may take 32,
 * so that a rule which refuses a value could be walked around. (Those that refuse here say what a
 * refusal looks like; without them it would be another refusal.)
 *
 * What no list of allowed values can say, "all but these", is a filter of its own, which stands
 * before the other in the same program (make_filters_vetoes.c).
 *
 * Names that other machines than this one have (the 64-bit times of 32-bit machines) are passed
 * over where they do not exist. One that libseccomp has not heard of is a mistake in the list.
 */
#include "ipc/confine/confine.h"
#include "ipc/confine/make_filters_rules.h"
#include "ipc/confine/make_filters_vetoes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum {
    NUMBERS_MAX = 1024, /* above every machine's last call */
    INSTRUCTIONS_MAX = BPF_MAXINSNS,
};

/* ---- names ---- */

/* What a program does that has all it needs: its own memory and time, its descriptors. */
#define SETTLED                                                                                    \
    "arch_prctl", "brk", "cacheflush", "clock_getres", "clock_getres_time64", "clock_gettime",     \
        "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "close", "dup", "dup3",    \
        "exit", "exit_group", "fstat", "fstat64", "fstatat64", "futex", "futex_time64", "getegid", \
        "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",     \
        "getpeername", "getpgid", "getpgrp", "getpid", "getppid", "getrandom", "getrlimit",        \
        "get_robust_list", "getrusage", "getsockname", "getsockopt", "gettid", "gettimeofday",     \
        "getuid", "getuid32", "_llseek", "lseek", "madvise", "membarrier", "mlock", "mlock2",      \
        "mremap", "munlock", "munmap", "nanosleep", "newfstatat", "_newselect", "poll", "ppoll",   \
        "ppoll_time64", "pselect6", "pselect6_time64", "read", "readv", "recv", "recvfrom",        \
        "recvmsg", "restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",    \
        "sched_getaffinity", "sched_yield", "select", "send", "sendmsg", "sendto",                 \
        "set_robust_list", "set_tid_address", "shutdown", "sigaltstack", "sigreturn", "statx",     \
        "sysinfo", "time", "ugetrlimit", "uname", "write", "writev"

/* What reads files needs besides; libraries are mapped, too (a provider of OpenSSL's). */
#define READING                                                                                    \
    "access", "faccessat", "faccessat2", "fstatfs", "fstatfs64", "getcwd", "getdents",             \
        "getdents64", "lstat", "lstat64", "mmap", "mmap2", "mprotect", "open", "openat",           \
        "pread64", "readlink", "readlinkat", "stat", "stat64", "statfs", "statfs64"

/* What ordinary programs do, those of a desktop and modules for cards among them. */
#define ORDINARY                                                                                   \
    SETTLED, READING, "fcntl", "fcntl64", "tgkill", "accept", "accept4", "alarm", "bind",          \
        "capget", "capset", "chdir", "chmod", "chown", "chown32", "close_range",                   \
        "copy_file_range", "creat", "dup2", "epoll_create", "epoll_create1", "epoll_ctl",          \
        "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "fadvise64",           \
        "fadvise64_64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchown", "fchown32",         \
        "fchownat", "fdatasync", "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr",       \
        "fsetxattr", "fsync", "ftruncate", "ftruncate64", "futex_waitv", "futimesat", "getcpu",    \
        "getitimer", "get_mempolicy", "getpriority", "getresgid", "getresgid32", "getresuid",      \
        "getresuid32", "getsid", "get_thread_area", "getxattr", "inotify_add_watch",               \
        "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "ioctl", "io_destroy",   \
        "io_getevents", "io_pgetevents", "ioprio_get", "ioprio_set", "io_setup", "io_submit",      \
        "ipc", "kill", "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self",   \
        "lchown", "lchown32", "lgetxattr", "link", "linkat", "listen", "listxattr", "llistxattr",  \
        "lremovexattr", "lsetxattr", "memfd_create", "memfd_secret", "mincore", "mkdir",           \
        "mkdirat", "mknod", "mknodat", "mlockall", "mq_getsetattr", "mq_notify", "mq_open",        \
        "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64",        \
        "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlockall", "openat2",     \
        "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2", "pkey_alloc", "pkey_free",    \
        "pkey_mprotect", "preadv", "preadv2", "process_madvise", "process_mrelease", "pwrite64",   \
        "pwritev", "pwritev2", "readahead", "recvmmsg", "recvmmsg_time64", "removexattr",          \
        "rename", "renameat", "renameat2", "rmdir", "rt_sigpending", "rt_sigqueueinfo",            \
        "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",         \
        "sched_getattr", "sched_getparam", "sched_get_priority_max", "sched_get_priority_min",     \
        "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr",       \
        "sched_setparam", "sched_setscheduler", "semctl", "semget", "semop", "semtimedop",         \
        "semtimedop_time64", "sendfile", "sendfile64", "sendmmsg", "setfsgid", "setfsgid32",       \
        "setfsuid", "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setitimer",   \
        "setpgid", "setpriority", "setregid", "setregid32", "setresgid", "setresgid32",            \
        "setresuid", "setresuid32", "setreuid", "setreuid32", "setrlimit", "setsid", "setsockopt", \
        "set_thread_area", "setuid", "setuid32", "setxattr", "shmat", "shmctl", "shmdt", "shmget", \
        "sigaction", "signal", "signalfd", "signalfd4", "sigpending", "sigprocmask", "sigsuspend", \
        "splice", "symlink", "symlinkat", "sync", "sync_file_range", "sync_file_range2", "syncfs", \
        "tee", "timer_create", "timer_delete", "timerfd_create", "timerfd_gettime",                \
        "timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "timer_getoverrun",           \
        "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64", "times", "tkill",  \
        "truncate", "truncate64", "umask", "unlink", "unlinkat", "utime", "utimensat",             \
        "utimensat_time64", "utimes", "vfork", "vmsplice", "wait4", "waitid", "waitpid"

/* Not lanyard-card: which sockets it has, and what it is connected with, is watched. A filter of
 * its own, with a listener of its own, could take the place of the one that does. */
#define CONNECTING "connect", "seccomp", "socketpair"

static const char *const agent_allowed[] = {ORDINARY,    CONNECTING, "execve", "execveat",
                                            "prlimit64", "prctl",    "socket", NULL};
static const char *const card_allowed[] = {ORDINARY, NULL};
static const char *const card_alone_allowed[] = {ORDINARY, "connect", NULL};
static const char *const chooser_allowed[] = {ORDINARY, CONNECTING, NULL};
static const char *const fido_allowed[] = {SETTLED, READING, NULL};
static const char *const fido_afar_allowed[] = {SETTLED, READING, "connect", NULL};
static const char *const prompt_allowed[] = {SETTLED, "wait4", "waitid", "waitpid", NULL};
static const char *const broker_allowed[] = {SETTLED,
                                             "accept",
                                             "accept4",
                                             "connect",
                                             "epoll_create1",
                                             "epoll_ctl",
                                             "epoll_pwait",
                                             "epoll_pwait2",
                                             "epoll_wait",
                                             "eventfd2",
                                             "fchmod",
                                             "setsockopt",
                                             "signalfd4",
                                             "timerfd_create",
                                             "timerfd_gettime",
                                             "timerfd_gettime64",
                                             "timerfd_settime",
                                             "timerfd_settime64",
                                             "unlink",
                                             "unlinkat",
                                             NULL};
static const char *const connector_allowed[] = {SETTLED, "connect", NULL};

/* Other processes, the kernel, what a sandbox is made of, and a second way to make calls. */
static const char *const dangerous[] = {
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "ioperm",
    "iopl",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "modify_ldt",
    "mount",
    "mount_setattr",
    "move_mount",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "syslog",
    "umount",
    "umount2",
    "unshare",
    "userfaultfd",
    "vhangup",
    NULL,
};

/* Tried by libraries that can do without. */
static const char *const card_refused[] = {"execve", "execveat", "seccomp", NULL};
static const char *const chooser_refused[] = {"execve", "execveat", NULL};
static const char *const fido_refused[] = {"prctl", "tgkill", NULL};
/* A locale's messages, the time zone; whether something is a terminal. tgkill is abort's, which
 * ends the program without it as well: of whom it signals only the number would be known. */
#define SETTLED_REFUSED                                                                            \
    "access", "faccessat", "faccessat2", "lstat", "open", "prctl", "readlink", "readlinkat",       \
        "stat", "tgkill"
static const char *const prompt_refused[] = {SETTLED_REFUSED, "ioctl", "openat", NULL};
static const char *const broker_refused[] = {SETTLED_REFUSED, NULL};
static const char *const connector_refused[] = {SETTLED_REFUSED, "openat", NULL};

/* ---- rules ---- */

/* A thread or a child, but no namespace for it. clone3 keeps its flags where no filter sees them,
 * and who is told that there is none takes clone. */
static void allow_clone(scmp_filter_ctx filter)
{
    const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    rule(filter, SCMP_ACT_ALLOW, "clone", 1, &SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, namespaces, 0));
}

static void allow_data_pages(scmp_filter_ctx filter)
{
    static const char *const calls[] = {"mmap", "mmap2", "mprotect"};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        rule(filter, SCMP_ACT_ALLOW, calls[i], 1, &SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static void decide_sockets(scmp_filter_ctx filter, uint32_t local, uint32_t internet)
{
    where(filter, local, "socket", 0, AF_UNIX);
    where(filter, internet, "socket", 0, AF_INET);
    where(filter, internet, "socket", 0, AF_INET6);
}

/* Unix sockets that are only ever of use to whom they are connected with: with any other kind
 * (SOCK_RAW is SOCK_DGRAM by another name) whoever sends may name who shall have it. */
static void allow_connected_sockets(scmp_filter_ctx filter, const char *name, int type)
{
    const uint64_t flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    const struct scmp_arg_cmp both[] = {
        SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_UNIX),
        SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, UINT32_MAX & ~flags, (uint64_t)type)};
    rule(filter, SCMP_ACT_ALLOW, name, 2, both);
}

static void allow_card_sockets(scmp_filter_ctx filter)
{
    allow_connected_sockets(filter, "socket", SOCK_STREAM);
    allow_connected_sockets(filter, "socketpair", SOCK_STREAM);
    allow_connected_sockets(filter, "socketpair", SOCK_SEQPACKET);
    where(filter, SCMP_ACT_ALLOW, "socket", 0, AF_NETLINK); /* the kernel's events, for udev */
    where(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 0, AF_INET);
    where(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 0, AF_INET6);
}

/* What connections.c does with whom it answers. */
static void allow_answers(scmp_filter_ctx filter)
{
    where(filter, SCMP_ACT_ALLOW, "ioctl", 1, SECCOMP_IOCTL_NOTIF_RECV);
    where(filter, SCMP_ACT_ALLOW, "ioctl", 1, SECCOMP_IOCTL_NOTIF_ADDFD);
    where(filter, SCMP_ACT_ALLOW, "ioctl", 1, SECCOMP_IOCTL_NOTIF_SEND);
}

/* Not: whether it is dumped and traced, and whether it ends with the agent. */
static void allow_own_settings(scmp_filter_ctx filter)
{
    static const int settings[] = {
        PR_SET_NAME,         PR_GET_NAME,         PR_GET_DUMPABLE,   PR_GET_PDEATHSIG,
        PR_CAPBSET_READ,     PR_GET_KEEPCAPS,     PR_SET_TIMERSLACK, PR_GET_TIMERSLACK,
        PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,    PR_SET_SECCOMP,
        PR_SET_THP_DISABLE,  PR_GET_THP_DISABLE,  0x53564d41 /* SET_VMA */};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        where(filter, SCMP_ACT_ALLOW, "prctl", 0, (uint64_t)settings[i]);
}

/* Whether a descriptor is a terminal. (What a key is and has, the kernel's files say.) */
static void allow_key_controls(scmp_filter_ctx filter)
{
    where(filter, SCMP_ACT_ALLOW, "ioctl", 1, TCGETS);
}

/* The limits of this process, not of another of the user's, the agent for one. */
static void allow_own_limits(scmp_filter_ctx filter)
{
    where(filter, SCMP_ACT_ALLOW, "prlimit64", 0, 0);
}

/* Not: whom the kernel signals when a descriptor is ready, which may be anybody of the user's. */
static void allow_own_descriptors(scmp_filter_ctx filter)
{
    static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        where(filter, SCMP_ACT_ALLOW, "fcntl", 1, (uint64_t)commands[i]);
        where(filter, SCMP_ACT_ALLOW, "fcntl64", 1, (uint64_t)commands[i]);
    }
}

/* ---- filters ---- */

#define OF_ITS_OWN "fcntl", "fcntl64", "prlimit64"

static const char *const fido_particular[] = {OF_ITS_OWN, "ioctl", "socket", NULL};
static const char *const prompt_particular[] = {OF_ITS_OWN, "mmap", "mmap2", "mprotect", NULL};
static const char *const broker_particular[] = {OF_ITS_OWN, "ioctl",  "mmap",   "mmap2",
                                                "mprotect", "openat", "socket", NULL};
static const char *const connector_particular[] = {OF_ITS_OWN, "ioctl",  "mmap", "mmap2",
                                                   "mprotect", "socket", NULL};

static const struct plan {
    const char *name;
    const char *const *allowed, *const *refused;
    const char *const *particular; /* if strict: of which some arguments are allowed */
    const char *const *dangerous;  /* these end it */
    bool strict;                   /* whatever has a name and is in no list ends it */
    bool vetoes;                   /* there is a first filter: make_filters_vetoes.h */
} plans[CONFINE_CALLS] = {
    [CONFINE_AGENT] = {.name = "agent", .allowed = agent_allowed},
    [CONFINE_CARD] = {"card", card_allowed, card_refused, .dangerous = dangerous, .vetoes = true},
    [CONFINE_CARD_ALONE] = {"card_alone", card_alone_allowed, card_refused, .dangerous = dangerous,
                            .vetoes = true},
    [CONFINE_CHOOSER] = {"chooser", chooser_allowed, chooser_refused, .dangerous = dangerous,
                         .vetoes = true},
    [CONFINE_CHOOSER_AFAR] = {"chooser_afar", chooser_allowed, chooser_refused,
                              .dangerous = dangerous, .vetoes = true},
    [CONFINE_FIDO] = {"fido", fido_allowed, fido_refused, fido_particular, .strict = true,
                      .vetoes = true},
    [CONFINE_FIDO_AFAR] = {"fido_afar", fido_afar_allowed, fido_refused, fido_particular,
                           .strict = true, .vetoes = true},
    [CONFINE_PROMPT] = {"prompt", prompt_allowed, prompt_refused, prompt_particular,
                        .strict = true},
    [CONFINE_BROKER] = {"broker", broker_allowed, broker_refused, broker_particular,
                        .strict = true},
    [CONFINE_CONNECTOR] = {"connector", connector_allowed, connector_refused, connector_particular,
                           .strict = true},
};

/* Calls of which some arguments are allowed; these names are in no list. */
static void add_particulars(scmp_filter_ctx filter, enum confine_calls calls)
{
    switch (calls) {
    case CONFINE_AGENT:
        allow_clone(filter);
        break;
    case CONFINE_CARD:
        always(filter, SCMP_ACT_NOTIFY, "connect");
        /* fall through */
    case CONFINE_CARD_ALONE:
        allow_clone(filter);
        allow_own_settings(filter);
        allow_card_sockets(filter);
        break;
    case CONFINE_CHOOSER:
    case CONFINE_CHOOSER_AFAR:
        allow_clone(filter);
        allow_own_settings(filter);
        where(filter, SCMP_ACT_ALLOW, "socket", 0, AF_NETLINK); /* the kernel's events, for udev */
        decide_sockets(filter, SCMP_ACT_ALLOW,
                       calls == CONFINE_CHOOSER_AFAR ? SCMP_ACT_ALLOW
                                                     : SCMP_ACT_ERRNO(EAFNOSUPPORT));
        break;
    case CONFINE_FIDO: /* libfido2 may ask for pcscd, which it can do without */
    case CONFINE_FIDO_AFAR:
        allow_key_controls(filter);
        decide_sockets(filter, calls == CONFINE_FIDO_AFAR ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES),
                       SCMP_ACT_KILL_PROCESS);
        break;
    case CONFINE_PROMPT:
        allow_data_pages(filter);
        break;
    case CONFINE_BROKER:
        allow_data_pages(filter);
        where(filter, SCMP_ACT_ALLOW, "ioctl", 1, TIOCOUTQ); /* SIOCOUTQ */
        rule(filter, SCMP_ACT_ALLOW, "openat", 1,
             &SCMP_CMP64(2, SCMP_CMP_MASKED_EQ, O_ACCMODE, O_WRONLY)); /* ipc/portd/waking.c */
        decide_sockets(filter, SCMP_ACT_ALLOW, SCMP_ACT_KILL_PROCESS);
        break;
    case CONFINE_CONNECTOR:
        allow_data_pages(filter);
        allow_answers(filter);
        allow_connected_sockets(filter, "socket", SOCK_STREAM);
        break;
    case CONFINE_CALLS:
        break;
    }
}

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static void end_with_all_others(scmp_filter_ctx filter, const struct plan *plan)
{
    for (int number = 0; number < NUMBERS_MAX; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        if (name && !listed(plan->allowed, name) && !listed(plan->refused, name) &&
            !listed(plan->particular, name))
            always(filter, SCMP_ACT_KILL_PROCESS, name);
        free(name);
    }
}

static scmp_filter_ctx make(enum confine_calls calls)
{
    const struct plan *plan = &plans[calls];
    scmp_filter_ctx filter = begin(SCMP_ACT_ERRNO(ENOSYS));
    each(filter, SCMP_ACT_ALLOW, plan->allowed);
    if (plan->refused)
        each(filter, SCMP_ACT_ERRNO(EACCES), plan->refused);
    add_particulars(filter, calls);
    if (calls != CONFINE_AGENT)
        allow_own_limits(filter);
    if (plan->strict) {
        allow_own_descriptors(filter);
        end_with_all_others(filter, plan);
    }
    if (plan->dangerous)
        each(filter, SCMP_ACT_KILL_PROCESS, plan->dangerous);
    return filter;
}

/* ---- as C ---- */

static size_t print_instructions(FILE *out, const struct sock_filter *program, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "    {0x%x, %u, %u, 0x%xu},\n", program[i].code, program[i].jt, program[i].jf,
                program[i].k);
    return count;
}

/* Whatever it would allow goes on behind its end. */
static void lead_on(struct sock_filter *program, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (program[i].code == (BPF_RET | BPF_K) && program[i].k == SECCOMP_RET_ALLOW)
            program[i] =
                (struct sock_filter){.code = BPF_JMP | BPF_JA, .k = (uint32_t)(count - i - 1)};
}

static size_t export(scmp_filter_ctx filter, struct sock_filter program[INSTRUCTIONS_MAX])
{
    FILE *file = tmpfile();
    if (!file)
        stop("tmpfile", "", errno);
    int r = seccomp_export_bpf(filter, fileno(file));
    if (r < 0)
        stop("seccomp_export_bpf", "", -r);
    seccomp_release(filter);
    rewind(file);
    size_t count = fread(program, sizeof *program, INSTRUCTIONS_MAX, file);
    if (ferror(file) || fgetc(file) != EOF)
        stop("program", "", E2BIG);
    fclose(file);
    return count;
}

static size_t print(FILE *out, enum confine_calls calls)
{
    static struct sock_filter program[INSTRUCTIONS_MAX];
    size_t count = 0, all = 0;
    fprintf(out, "static struct sock_filter %s_filter[] = {\n", plans[calls].name);
    if (plans[calls].vetoes) {
        count = export(make_vetoes(calls), program);
        lead_on(program, count);
        all = print_instructions(out, program, count);
    }
    count = export(make(calls), program);
    all += print_instructions(out, program, count);
    fprintf(out, "};\n\n");
    if (all > INSTRUCTIONS_MAX)
        stop("program", plans[calls].name, E2BIG);
    return all;
}

int main(int argc, char **argv)
{
    enum { KNOWS_NOTIFY = 6 }; /* whatever the kernel is that this is built on */
    size_t counts[CONFINE_CALLS];
    FILE *out = argc == 2 ? fopen(argv[1], "we") : NULL;
    if (!out)
        stop("usage: make_filters FILE", "", argc == 2 ? errno : EINVAL);
    if (seccomp_api_set(KNOWS_NOTIFY) < 0)
        stop("seccomp_api_set", "", EINVAL);
    fprintf(out,
            "/* made by ipc/confine/make_filters.c */\n#include \"ipc/confine/filters.h\"\n\n");
    for (int i = 0; i < CONFINE_CALLS; i++)
        counts[i] = print(out, (enum confine_calls)i);
    fprintf(out, "const struct sock_fprog confine_filters[CONFINE_CALLS] = {\n");
    for (int i = 0; i < CONFINE_CALLS; i++)
        fprintf(out, "    {%zu, %s_filter},\n", counts[i], plans[i].name);
    fprintf(out, "};\n");
    return fclose(out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
