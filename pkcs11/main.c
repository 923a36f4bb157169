/* SPDX-License-Identifier: MIT */
/*
 * lanyard-card MODULE PARENT_PID: one PKCS#11 module in a process of its own, so that what it does
 * wrong ends here. The agent starts it with a connected stream socket as descriptor 0.
 *
 * Before the vendor's code is loaded the process is hardened and the socket has left descriptor 0,
 * so that a module that prints, or closes what it did not open, meets /dev/null. And it has given
 * up what no module needs (pkcs11/places.c).
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "pkcs11/hold.h"
#include "pkcs11/module.h"
#include "pkcs11/places.h"
#include "pkcs11/serve.h"

#include <errno.h>
#include <stdlib.h>

static int usage(void)
{
    log_error("usage: lanyard-card MODULE PARENT_PID, with a connected socket as descriptor 0");
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    log_init("lanyard-card", LOG_LEVEL_INFO);
    CLEANUP(close_fd) int fd = argc == 3 ? harden_helper(argv[2]) : -EINVAL;
    if (fd == -EINVAL)
        return usage();
    if (fd < 0 || hold_configure_opensc() < 0 || places_confine() < 0)
        return EXIT_FAILURE;
    struct module module;
    module_load(&module, argv[1]);
    int r = serve(fd, &module);
    module_unload(&module);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
