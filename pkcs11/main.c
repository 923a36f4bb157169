/* SPDX-License-Identifier: MIT */
/*
 * lanyard-card MODULE PARENT_PID: one PKCS#11 module in a process of its own, so that what it does
 * wrong ends here. The agent starts it with a connected stream socket as descriptor 0.
 *
 * Before the vendor's code is loaded the process is hardened and the socket has left descriptor 0,
 * so that a module that prints, or closes what it did not open, meets /dev/null.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "pkcs11/hold.h"
#include "pkcs11/module.h"
#include "pkcs11/serve.h"

#include <stdint.h>
#include <stdlib.h>

static int usage(void)
{
    log_error("usage: lanyard-card MODULE PARENT_PID, with a connected socket as descriptor 0");
    return EXIT_FAILURE;
}

/* The parent's process id; 0 when the text is none. */
static pid_t parse_pid(const char *text)
{
    char *end;
    long pid = strtol(text, &end, 10);
    return *text && !*end && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

/* Standard output to /dev/null. 0 or -errno. */
static int silence_stdout(void)
{
    int old = harden_move_fd(STDOUT_FILENO);
    if (old < 0)
        return old;
    close_fd(&old);
    return 0;
}

int main(int argc, char **argv)
{
    log_init("lanyard-card", LOG_LEVEL_INFO);
    pid_t parent = argc == 3 ? parse_pid(argv[2]) : 0;
    if (parent == 0)
        return usage();
    if (harden_process() < 0 || harden_die_with_parent(parent) < 0)
        return EXIT_FAILURE;
    CLEANUP(close_fd) int fd = harden_move_fd(STDIN_FILENO);
    if (fd < 0 || silence_stdout() < 0 || hold_configure_opensc() < 0)
        return EXIT_FAILURE;
    struct module module;
    module_load(&module, argv[1]);
    int r = serve(fd, &module);
    module_unload(&module);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
