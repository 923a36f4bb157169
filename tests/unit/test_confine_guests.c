/* SPDX-License-Identifier: MIT */
/*
 * What a card's software, or GTK, could do to the person and other processes without a right to
 * write anything: such calls need no place, so Landlock lets them pass.
 */
#include "test_confine_rig.h"
#include "test_folder_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/openat2.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

/* The agent may; the guests, fido, prompt and broker get these, the connector what the prompt gets.
 */
#define GUESTS(guest, fido, prompt, broker)                                                        \
    {                                                                                              \
        0, guest, guest, guest, guest, fido, fido, prompt, broker, prompt                          \
    }

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
    enum { NO = EACCES, NONE = ENOSYS, KEPT = ENOTTY };
    const struct calls_row rows[] = {
        {"typing",
         type_into_a_terminal,
         {KEPT, EPERM, EPERM, EPERM, EPERM, NONE, NONE, NO, NONE, NONE}},
        {"askew",
         type_into_a_terminal_askew,
         {KEPT, EPERM, EPERM, EPERM, EPERM, NONE, NONE, NO, NONE, NONE}},
        {"a terminal",
         have_a_terminal,
         {KEPT, EPERM, EPERM, EPERM, EPERM, NONE, NONE, NO, NONE, NONE}},
        {"the console",
         select_on_the_console,
         {KEPT, EPERM, EPERM, EPERM, EPERM, NONE, NONE, NO, NONE, NONE}},
        {"its size",
         resize_a_terminal,
         {KEPT, EPERM, EPERM, EPERM, EPERM, NONE, NONE, NO, NONE, NONE}},
        {"a file's marks",
         mark_a_file,
         {KEPT, EPERM, EPERM, EPERM, EPERM, NONE, NONE, NO, NONE, NONE}},
        {"others",
         ask_how_much_is_to_be_read,
         {KEPT, KEPT, KEPT, KEPT, KEPT, NONE, NONE, NO, NONE, NONE}},
    };
    try_calls(rows, sizeof rows / sizeof *rows);
}

/* ---- a file's attributes ---- */

static char folder[] = "/tmp/lanyard-test-XXXXXX", file[64];
static int file_read; /* open for reading alone */

/* A name that no other attempt has. */
static const char *fresh(void)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
    return path;
}

static int change_mode(void)
{
    return result(chmod(file, 0777));
}

static int change_mode_of_what_is_read(void)
{
    return result(fchmod(file_read, 0777));
}

static int change_mode_at(void)
{
    return result(fchmodat(AT_FDCWD, file, 0777, 0));
}

static int give_away(void)
{
    return result(chown(file, getuid(), getgid()));
}

static int give_away_what_is_read(void)
{
    return result(fchown(file_read, getuid(), getgid()));
}

static int give_a_link_away(void)
{
    return result(fchownat(AT_FDCWD, file, getuid(), getgid(), AT_SYMLINK_NOFOLLOW));
}

static int change_time(void)
{
    return result(utimensat(AT_FDCWD, file, NULL, 0));
}

static int change_time_of_what_is_read(void)
{
    return result(futimens(file_read, NULL));
}

/* A file system without such attributes would say ENOTSUP. */
static int change_attribute(void)
{
    return setxattr(file, "user.lanyard", "x", 1, 0) < 0 && errno == EPERM ? EPERM : 0;
}

static int remove_attribute(void)
{
    return fremovexattr(file_read, "user.lanyard") < 0 && errno == EPERM ? EPERM : 0;
}

static int make_with_open(int flags, mode_t mode)
{
    return result(syscall(SYS_openat, AT_FDCWD, flags & O_CREAT ? fresh() : folder,
                          flags | O_WRONLY | O_CLOEXEC, mode));
}

static int make(void)
{
    return make_with_open(O_CREAT, 0711);
}

static int make_for_the_owner(void)
{
    return make_with_open(O_CREAT, S_ISUID | 0711);
}

static int make_for_the_group(void)
{
    return make_with_open(O_CREAT | O_EXCL, S_ISGID | 0711);
}

static int make_without_a_name(void)
{
    return make_with_open(O_TMPFILE, S_ISUID | S_ISGID | 0711);
}

/* As the kernel has it: the mode means nothing. */
static int write_with_any_mode(void)
{
    return result(syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CLOEXEC, ~0U));
}

static int make_a_node_for_the_owner(void)
{
    return result(mknod(fresh(), S_IFREG | S_ISUID | 0711, 0));
}

static int make_a_pipe(void)
{
    return result(mkfifo(fresh(), 0600));
}

#ifdef SYS_open /* what machines of today do without */
static int make_for_the_owner_of_old(void)
{
    return result(syscall(SYS_open, fresh(), O_WRONLY | O_CREAT, S_ISUID | 0711));
}

static int make_by_creat(void)
{
    return result(syscall(SYS_creat, fresh(), S_ISUID | 0711));
}
#endif

static int make_by_openat2(void)
{
    struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = S_ISUID | 0711};
    return result(syscall(SYS_openat2, AT_FDCWD, fresh(), &how, sizeof how));
}

static int empty(void)
{
    return result(truncate(file, 0));
}

static int empty_what_is_opened(int flags)
{
    return result(syscall(SYS_openat, AT_FDCWD, file, flags | O_TRUNC | O_CLOEXEC));
}

static int empty_what_is_read(void)
{
    return empty_what_is_opened(O_RDONLY);
}

static int empty_what_is_controlled(void)
{
    return empty_what_is_opened(O_ACCMODE);
}

static int open_to_control(void)
{
    return result(syscall(SYS_openat, AT_FDCWD, file, O_ACCMODE | O_CLOEXEC));
}

static int empty_what_is_written(void)
{
    return empty_what_is_opened(O_WRONLY);
}

static int empty_what_is_read_and_written(void)
{
    return empty_what_is_opened(O_RDWR);
}

static void no_file_is_opened_to_others(void **state)
{
    (void)state;
    skip_if_instrumented();
    const struct calls_row rows[] = {
        {"chmod", change_mode, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"fchmod", change_mode_of_what_is_read, GUESTS(EPERM, ENDED, ENDED, 0)},
        {"fchmodat", change_mode_at, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"chown", give_away, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"fchown", give_away_what_is_read, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"lchown", give_a_link_away, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"utimes", change_time, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"futimes", change_time_of_what_is_read, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"setxattr", change_attribute, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"fremovexattr", remove_attribute, GUESTS(EPERM, ENDED, ENDED, ENDED)},
    };
    try_calls(rows, sizeof rows / sizeof *rows);
}

static void no_file_is_made_with_which_others_act(void **state)
{
    (void)state;
    skip_if_instrumented();
    const struct calls_row rows[] = {
        {"a plain file", make, GUESTS(0, EPERM, EACCES, 0)},
        {"setuid", make_for_the_owner, GUESTS(EPERM, EPERM, EACCES, 0)},
        {"setgid", make_for_the_group, GUESTS(EPERM, EPERM, EACCES, 0)},
        {"without a name", make_without_a_name, GUESTS(EPERM, EPERM, EACCES, 0)},
        {"no file", write_with_any_mode, GUESTS(0, 0, EACCES, 0)},
        {"mknod", make_a_node_for_the_owner, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"a pipe", make_a_pipe, GUESTS(0, ENDED, ENDED, ENDED)},
        {"openat2", make_by_openat2, GUESTS(ENOSYS, ENDED, ENDED, ENDED)},
#ifdef SYS_open
        {"open", make_for_the_owner_of_old, GUESTS(EPERM, EPERM, EACCES, EACCES)},
        {"creat", make_by_creat, GUESTS(EPERM, ENDED, ENDED, ENDED)},
#endif
    };
    try_calls(rows, sizeof rows / sizeof *rows);
}

/* Whatever version this kernel's Landlock is of. */
static void no_file_is_emptied_without_being_written(void **state)
{
    (void)state;
    skip_if_instrumented();
    const struct calls_row rows[] = {
        {"truncate", empty, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"read", empty_what_is_read, GUESTS(EPERM, EPERM, EACCES, ENOSYS)},
        {"control", empty_what_is_controlled, GUESTS(EPERM, EPERM, EACCES, ENOSYS)},
        {"control alone", open_to_control, GUESTS(EPERM, EPERM, EACCES, ENOSYS)},
        {"write", empty_what_is_written, GUESTS(0, EPERM, EACCES, 0)},
        {"read and write", empty_what_is_read_and_written, GUESTS(0, EPERM, EACCES, ENOSYS)},
    };
    try_calls(rows, sizeof rows / sizeof *rows);
}

/* ---- what is other processes' ---- */

static pid_t test;

/* A kernel may be built without. */
static int is_refused(long r)
{
    return r < 0 && errno == EACCES ? EACCES : 0;
}

static int share_memory(void)
{
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
    int r = is_refused(id);
    if (id >= 0)
        shmctl(id, IPC_RMID, NULL);
    return r;
}

static int attach_memory(void)
{
    return is_refused(shmat(INT_MAX, NULL, 0) == (void *)-1 ? -1 : 0);
}

static int look_for_memory(void)
{
    struct shmid_ds what;
    return is_refused(shmctl(INT_MAX, SHM_STAT, &what));
}

static int look_for_semaphores(void)
{
    return is_refused(semget(1, 1, 0));
}

static int look_for_messages(void)
{
    return is_refused(msgget(1, 0));
}

static int open_messages(void)
{
    return is_refused(syscall(SYS_mq_open, "lanyard-test-nothing", O_RDONLY, 0, NULL));
}

static void nothing_without_a_path_is_shared(void **state)
{
    (void)state;
    skip_if_instrumented();
    const struct calls_row rows[] = {
        {"memory", share_memory, {0, EACCES, EACCES, 0, 0, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"others' memory",
         attach_memory,
         {0, EACCES, EACCES, 0, 0, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"which there is",
         look_for_memory,
         {0, EACCES, EACCES, 0, 0, ENDED, ENDED, ENDED, ENDED, ENDED}},
        {"semaphores", look_for_semaphores, GUESTS(EACCES, ENDED, ENDED, ENDED)},
        {"messages", look_for_messages, GUESTS(EACCES, ENDED, ENDED, ENDED)},
        {"POSIX messages", open_messages, GUESTS(EACCES, ENDED, ENDED, ENDED)},
    };
    try_calls(rows, sizeof rows / sizeof *rows);
}

static int set_priority(int which, pid_t who)
{
    return result(setpriority(which, (id_t)who, getpriority(PRIO_PROCESS, 0)));
}

static int slow_itself(void)
{
    return set_priority(PRIO_PROCESS, 0);
}

static int slow_the_test(void)
{
    return set_priority(PRIO_PROCESS, test);
}

static int slow_the_group(void)
{
    return set_priority(PRIO_PGRP, 0);
}

static int pin(pid_t who)
{
    cpu_set_t processors;
    int r = result(sched_getaffinity(0, sizeof processors, &processors));
    return r != 0 ? r : result(sched_setaffinity(who, sizeof processors, &processors));
}

static int pin_itself(void)
{
    return pin(0);
}

static int pin_the_test(void)
{
    return pin(test);
}

static int schedule(pid_t who)
{
    return result(sched_setscheduler(who, SCHED_OTHER, &(struct sched_param){0}));
}

static int schedule_itself(void)
{
    return schedule(0);
}

static int schedule_the_test(void)
{
    return schedule(test);
}

static int write_late(pid_t who)
{
    return result(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, who, 0));
}

static int write_late_itself(void)
{
    return write_late(0);
}

static int make_the_test_write_late(void)
{
    return write_late(test);
}

static void nobody_else_is_slowed(void **state)
{
    (void)state;
    skip_if_instrumented();
    const struct calls_row rows[] = {
        {"itself", slow_itself, GUESTS(0, ENDED, ENDED, ENDED)},
        {"others", slow_the_test, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"its group", slow_the_group, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"own processors", pin_itself, GUESTS(0, ENDED, ENDED, ENDED)},
        {"others' processors", pin_the_test, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"own scheduler", schedule_itself, GUESTS(0, ENDED, ENDED, ENDED)},
        {"others' scheduler", schedule_the_test, GUESTS(EPERM, ENDED, ENDED, ENDED)},
        {"own files", write_late_itself, GUESTS(0, ENDED, ENDED, ENDED)},
        {"others' files", make_the_test_write_late, GUESTS(EPERM, ENDED, ENDED, ENDED)},
    };
    try_calls(rows, sizeof rows / sizeof *rows);
}

/* ---- around it ---- */

static int set_up(void **state)
{
    (void)state;
    test = getpid();
    null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_device < 0 || !folder_make(folder))
        return -1;
    snprintf(file, sizeof file, "%s/file", folder);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    file_read = open(file, O_RDONLY | O_CLOEXEC);
    return file_read < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(null_device);
    close(file_read);
    folder_remove(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_terminal_is_typed_into),
        cmocka_unit_test(no_file_is_opened_to_others),
        cmocka_unit_test(no_file_is_made_with_which_others_act),
        cmocka_unit_test(no_file_is_emptied_without_being_written),
        cmocka_unit_test(nothing_without_a_path_is_shared),
        cmocka_unit_test(nobody_else_is_slowed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
