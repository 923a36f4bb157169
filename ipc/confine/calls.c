/* SPDX-License-Identifier: MIT */
/*
 * The filters are made while this is built (make_filters.c) and are constants here: compiling one
 * takes libseccomp two milliseconds, which a person would wait for at each start, and a helper
 * needs no compiler in its memory.
 */
#include "ipc/confine/confine.h"

#include "ipc/base/log.h"
#include "ipc/confine/filters.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

int confine_calls(enum confine_calls calls)
{
    if (LANYARD_INSTRUMENTED) {
        log_debug("built with a sanitiser or for coverage: no call is refused");
        return 0;
    }
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                     &confine_filters[calls]);
    if (r != 0) /* more than 0: the thread that cannot be confined */
        return log_fault(r < 0 ? errno : EBUSY, "seccomp");
    return 0;
}
