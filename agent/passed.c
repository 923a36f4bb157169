/* SPDX-License-Identifier: MIT */
/* A unit file is an administrator's text like any other: what it leads to is checked. */
#include "agent/passed.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

static int take(int fd)
{
    if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) <= 0) {
        log_error("the socket \"" PASSED_NATIVE "\" that was passed is no listening Unix socket");
        return 0;
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        log_fault(errno, "F_SETFL");
        return 0;
    }
    return fd;
}

/* Those of sd_listen_fds are close-on-exec then. */
int passed_native(void)
{
    CLEANUP(free_texts) char **names = NULL;
    int count = sd_listen_fds_with_names(false, &names);
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], PASSED_NATIVE) == 0)
            return take(SD_LISTEN_FDS_START + i);
    return 0;
}
