/* SPDX-License-Identifier: MIT */
/*
 * PR_SET_DUMPABLE 0 does two things at once: the kernel writes no core file, and no other process
 * of the same user may attach or read /proc/PID/mem. RLIMIT_CORE covers a core_pattern pipe that
 * ignores the first.
 *
 * SSLKEYLOGFILE names a file into which libcurl and GnuTLS write the secrets of every TLS
 * connection. It goes here, and not where TLS begins: other threads run by then, in which the
 * environment may not be changed, and a helper or what it loads would still have it.
 */
#include "ipc/base/harden.h"

#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A program started with 0, 1 or 2 closed would give that number to its first socket. */
static int keep_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        return log_fault(errno, "open /dev/null");
    close(fd);
    return 0;
}

int harden_process(void)
{
    int r = keep_standard_descriptors();
    if (r < 0)
        return r;
    unsetenv("SSLKEYLOGFILE");
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return log_fault(errno, "PR_SET_DUMPABLE");
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) < 0)
        return log_fault(errno, "RLIMIT_CORE");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return log_fault(errno, "PR_SET_NO_NEW_PRIVS");
    return 0;
}

int harden_die_with_parent(pid_t expected_parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return log_fault(errno, "PR_SET_PDEATHSIG");
    if (getppid() != expected_parent)
        _exit(EXIT_FAILURE);
    return 0;
}

/* Moves the descriptor and leaves /dev/null in its place. The new one or -errno. */
static int move_fd(int from)
{
    int moved = fcntl(from, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (moved < 0)
        return log_fault(errno, "F_DUPFD_CLOEXEC");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, from) < 0) {
        int error = errno;
        close(moved);
        if (null >= 0)
            close(null);
        return log_fault(error, "/dev/null");
    }
    if (null != from)
        close(null);
    return moved;
}

int harden_helper(const char *parent)
{
    char *end;
    long pid = strtol(parent, &end, 10);
    if (pid <= 0 || pid > INT32_MAX || *end != '\0')
        return -EINVAL;
    int r = harden_process();
    if (r == 0)
        r = harden_die_with_parent((pid_t)pid);
    int output = r == 0 ? move_fd(STDOUT_FILENO) : r;
    if (output < 0)
        return output;
    close(output);
    return move_fd(STDIN_FILENO);
}

int harden_peer(int fd, uid_t *uid, pid_t *pid)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        return log_fault(errno, "SO_PEERCRED");
    *uid = peer.uid;
    *pid = peer.pid;
    return 0;
}
