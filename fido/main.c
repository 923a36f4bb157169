/* SPDX-License-Identifier: MIT */
/*
 * lanyard-fido REDIRECT_SOCKET_OR_EMPTY PARENT_PID: one operation with a security key in a process
 * of its own, so that what a key does wrong ends here. The agent starts it with a connected stream
 * socket as descriptor 0, and for each operation anew.
 *
 * libfido2 prints what goes over the wire, PINs' hashes among it, when FIDO_DEBUG is in the
 * environment; it is taken out before the library is called for the first time. A key that claims
 * to have a million accounts makes the library allocate for them, so memory has a limit, counted
 * from what the process has at its start (a sanitiser has reserved terabytes by then). And where
 * the library was built with PC/SC it would open every reader as it looks for keys, in the middle
 * of whatever a card does there: it is shown none.
 *
 * From then on it reads what udev knows of keys and the system's settings. No file of the person's
 * is in its reach, no device but the keys that a second process opens for it (fido/opener.h), and
 * without a redirected key no socket (ipc/confine/confine.h).
 */
#include "fido/key_places.h"
#include "fido/opener.h"
#include "fido/serve.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/confine/confine.h"

#include <errno.h>
#include <fido.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MEMORY_BYTES = 256 * 1024 * 1024 };

static int usage(void)
{
    log_error("usage: lanyard-fido REDIRECT_SOCKET_OR_EMPTY PARENT_PID, with a connected socket as "
              "descriptor 0");
    return EXIT_FAILURE;
}

static int limit_memory(void)
{
    char text[128] = "";
    FILE *status = fopen("/proc/self/statm", "re");
    char *got = status ? fgets(text, sizeof text, status) : NULL;
    if (status)
        fclose(status);
    rlim_t pages = strtoul(text, NULL, 10); /* the first number: all that is mapped */
    if (!got || pages == 0)
        return log_fault(EIO, "/proc/self/statm");
    rlim_t most = pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_BYTES;
    const struct rlimit limit = {.rlim_cur = most, .rlim_max = most};
    return setrlimit(RLIMIT_AS, &limit) < 0 ? log_fault(errno, "RLIMIT_AS") : 0;
}

static int confine_opener(void)
{
    size_t count;
    const struct confine_place *places = key_devices(&count);
    int r = confine_reach(places, count, 0);
    return r < 0 ? r : confine_calls(key_calls(""));
}

static int confine(const char *redirect)
{
    size_t count;
    const struct confine_place *places = key_places(&count);
    int r = confine_reach(places, count, 0);
    return r < 0 ? r : confine_calls(key_calls(redirect));
}

int main(int argc, char **argv)
{
    log_init("lanyard-fido", LOG_LEVEL_INFO);
    CLEANUP(close_fd) int fd = argc == 3 ? harden_helper(argv[2]) : -EINVAL;
    if (fd == -EINVAL)
        return usage();
    if (fd < 0 || limit_memory() < 0)
        return EXIT_FAILURE;
    if (unsetenv("FIDO_DEBUG") < 0 || setenv("PCSCLITE_CSOCK_NAME", "/dev/null", 1) < 0 ||
        opener_start(fd, confine_opener) < 0 || confine(argv[1]) < 0)
        return EXIT_FAILURE;
    fido_init(FIDO_DISABLE_U2F_FALLBACK);
    return serve(fd, argv[1]) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
