/* SPDX-License-Identifier: MIT */
#include "test_confine_rig.h"

#include "ipc/base/harden.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

int result(long r)
{
    return r < 0 ? errno : 0;
}

int status_of(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? ENDED : OVER;
    return WEXITSTATUS(status);
}

static int try_call(enum confine_calls calls, int (*attempt)(void))
{
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        if (harden_process() < 0 || confine_calls(calls) < 0)
            _exit(250);
        _exit(attempt());
    }
    return status_of(pid);
}

void try_calls(const struct calls_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (int calls = 0; calls < CONFINE_CALLS; calls++) {
            int expected = rows[i].expected[calls];
            int got = try_call((enum confine_calls)calls, rows[i].attempt);
            if (expected != AS_IT_LIKES && got != expected)
                fail_msg("%s: program %d got %d, not %d", rows[i].what, calls, got, expected);
        }
}

void skip_if_instrumented(void)
{
    if (LANYARD_INSTRUMENTED) {
        print_message("built with a sanitiser or for coverage: nothing is confined\n");
        skip();
    }
}
