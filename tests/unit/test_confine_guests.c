/* SPDX-License-Identifier: MIT */
/*
 * What a card's software, or GTK, could do to the person without a right to write anything: such
 * calls need no place, so Landlock lets them pass.
 */
#include "test_confine_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { NO = EACCES, NONE = ENOSYS, NOT_PERMITTED = EPERM };

/* ---- controls: a device that knows none of them would say ENOTTY ---- */

static int null_device;

static int control(unsigned long command)
{
    return result(syscall(SYS_ioctl, null_device, command, "x"));
}

static int type_into_a_terminal(void)
{
    return control(TIOCSTI);
}

/* The kernel takes the lower half. */
static int type_into_a_terminal_askew(void)
{
    return control((unsigned long)(TIOCSTI | UINT64_C(1) << 32));
}

static int have_a_terminal(void)
{
    return control(TIOCSCTTY);
}

static int select_on_the_console(void)
{
    return control(TIOCLINUX);
}

static int resize_a_terminal(void)
{
    return control(TIOCSWINSZ);
}

static int mark_a_file(void)
{
    return control(FS_IOC_SETFLAGS);
}

static int ask_how_much_is_to_be_read(void)
{
    return control(FIONREAD);
}

static void no_terminal_is_typed_into(void **state)
{
    (void)state;
    skip_if_instrumented();
    enum { REFUSED = NOT_PERMITTED, KEPT = ENOTTY };
    const struct calls_row rows[] = {
        {"typing", type_into_a_terminal, {KEPT, REFUSED, REFUSED, REFUSED, NONE, NONE, NO, NONE}},
        {"typing askew",
         type_into_a_terminal_askew,
         {KEPT, REFUSED, REFUSED, REFUSED, NONE, NONE, NO, NONE}},
        {"a terminal", have_a_terminal, {KEPT, REFUSED, REFUSED, REFUSED, NONE, NONE, NO, NONE}},
        {"the console",
         select_on_the_console,
         {KEPT, REFUSED, REFUSED, REFUSED, NONE, NONE, NO, NONE}},
        {"its size", resize_a_terminal, {KEPT, REFUSED, REFUSED, REFUSED, NONE, NONE, NO, NONE}},
        {"a file's marks", mark_a_file, {KEPT, REFUSED, REFUSED, REFUSED, NONE, NONE, NO, NONE}},
        {"others", ask_how_much_is_to_be_read, {KEPT, KEPT, KEPT, KEPT, NONE, NONE, NO, NONE}},
    };
    try_calls(rows, sizeof rows / sizeof *rows);
}

/* ---- around it ---- */

static int set_up(void **state)
{
    (void)state;
    null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
    return null_device < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(null_device);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_terminal_is_typed_into),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
