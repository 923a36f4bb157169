/* SPDX-License-Identifier: MIT */
/*
 * Goes where no module has any business: as it is initialised it tries each of a list of things and
 * writes down how that went, "WHAT NUMBER" with an errno or 0, into the file FAKE_PKCS11_REPORT. If
 * FAKE_PKCS11 is "trace", it reaches for its parent when it is given the PIN.
 */
#include "fake.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int number(long result)
{
    return result < 0 ? errno : 0;
}

/* Its own, so that nobody's rights but those that are given up are in the way. */
static int write_elsewhere(void)
{
    return number(open("/proc/self/comm", O_WRONLY | O_CLOEXEC));
}

static int open_device(const char *path)
{
    return number(open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
}

static int start_a_program(void)
{
    return number(execl("/bin/true", "true", NULL));
}

static int connect_elsewhere(size_t len)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("FAKE_PKCS11_SOCKET");
    if (path)
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = number(connect(fd, (struct sockaddr *)&address, (socklen_t)len));
    close(fd);
    return r;
}

static size_t as_long_as_for_pcscd(void)
{
    const char *path = getenv("PCSCLITE_CSOCK_NAME");
    return offsetof(struct sockaddr_un, sun_path) + (path ? strlen(path) : 0) + 1;
}

static CK_RV roving_Initialize(void *args)
{
    const char *path = getenv("FAKE_PKCS11_REPORT");
    FILE *report = path ? fopen(path, "we") : NULL;
    if (report) {
        fprintf(report, "read %d\n", number(open("/etc/passwd", O_RDONLY | O_CLOEXEC)));
        fprintf(report, "write %d\n", write_elsewhere());
        fprintf(report, "unix %d\n", number(socket(AF_UNIX, SOCK_STREAM, 0)));
        fprintf(report, "datagrams %d\n", number(socket(AF_UNIX, SOCK_DGRAM, 0)));
        fprintf(report, "connect %d\n", connect_elsewhere(sizeof(struct sockaddr_un)));
        fprintf(report, "disguised %d\n", connect_elsewhere(as_long_as_for_pcscd()));
        fprintf(report, "inet %d\n", number(socket(AF_INET, SOCK_STREAM, 0)));
        fprintf(report, "mode %d\n", number(chmod(path, 0666)));
        fprintf(report, "terminal %d\n", open_device("/dev/ptmx"));
        fprintf(report, "null %d\n", open_device("/dev/null"));
        fprintf(report, "session %d\n", getsid(0) == getpid() ? 0 : EPERM);
        fprintf(report, "signal %d\n", number(kill(getppid(), 0)));
        fflush(report);
        fprintf(report, "exec %d\n", start_a_program());
        fclose(report);
    }
    return fake_honest.C_Initialize(args);
}

static CK_RV tracing_Login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    if (strcmp(fake_wish(), "trace") == 0)
        ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
    return fake_honest.C_Login(s, user, pin, len);
}

void fake_spoil(CK_FUNCTION_LIST *functions)
{
    functions->C_Initialize = roving_Initialize;
    functions->C_Login = tracing_Login;
}
