/* SPDX-License-Identifier: MIT */
/*
 * The configuration's files: which are read and in which order, who may own and write them, the
 * administrator's and the user's, and that what they name must be there.
 */
#include "ipc/base/cleanup.h"
#include "test_config_rig.h"
#include "test_folder_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

/* Good until the next call. */
static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    const char *path = path_of(name);
    unlink(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static int make_dir(void **state)
{
    (void)state;
    problems[0] = '\0';
    snprintf(dir, sizeof dir, "/tmp/lanyard-test-config-XXXXXX");
    return folder_make(dir) ? mkdir(path_of("conf.d"), 0755) : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    folder_remove(dir);
    return 0;
}

/* ---- the administrator's ---- */

static void drop_ins_follow_in_the_order_of_their_names(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    write_file("lanyard.conf", "[cards]\nmodule = /0\n", 0644);
    write_file("conf.d/20.conf", "[cards]\nmodule = /2\n", 0644);
    write_file("conf.d/10.conf", "[cards]\nmodule = /1\n", 0600);
    write_file("conf.d/.hidden.conf", "nonsense", 0644);
    write_file("conf.d/30.conf.bak", "nonsense", 0644);
    assert_int_equal(config_load(dir, &config, collector), 0);
    assert_int_equal(config.modules.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(config.modules.at[i][1], '0' + i);
}

static void what_is_not_read_beside_them_is_told(void **state)
{
    (void)state;
    char wanted[256];
    config_check_drop_ins(dir, collector);
    assert_string_equal(problems, "");
    write_file("conf.d/10.conf", "", 0644);
    write_file("conf.d/.hidden", "", 0644);
    write_file("conf.d/site.ini", "", 0644);
    write_file("conf.d/conf", "", 0644);
    config_check_drop_ins(dir, collector);
    snprintf(wanted, sizeof wanted,
             "%s/conf.d/conf: is not read: its name does not end in .conf\n"
             "%s/conf.d/site.ini: is not read: its name does not end in .conf\n",
             dir, dir);
    assert_string_equal(problems, wanted);
    problems[0] = '\0';
    config_check_drop_ins("/nonexistent/lanyard", collector);
    assert_string_equal(problems, "");
}

static void problems_name_the_file(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    char wanted[160];
    write_file("conf.d/a.conf", "[agent]\nx = 1\n", 0644);
    assert_int_equal(config_load(dir, &config, collector), -EINVAL);
    snprintf(wanted, sizeof wanted, "%s/conf.d/a.conf:2: unknown key", dir);
    assert_non_null(strstr(problems, wanted));
    assert_null(config.pinentry);
}

static void a_folder_without_files_is_the_defaults(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(config_load(dir, &config, collector), 0);
    assert_int_equal(config.pin_timeout, 120);
}

static void a_named_folder_must_exist(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(config_load("/nonexistent/lanyard", &config, collector), -ENOENT);
    assert_non_null(strstr(problems, "there is no such folder"));
}

static void files_that_others_may_write_are_refused(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    static const mode_t modes[] = {0664, 0646, 0666};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        write_file("lanyard.conf", "", modes[i]);
        assert_int_equal(config_load(dir, &config, collector), -EPERM);
    }
    write_file("lanyard.conf", "", 0644);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(config_load(dir, &config, collector), -EPERM);
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(chmod(path_of("conf.d"), 0775), 0);
    assert_int_equal(config_load(dir, &config, collector), -EPERM);
}

static void links_and_fifos_are_refused(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    const char *path = path_of("lanyard.conf");
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(config_load(dir, &config, collector), -ELOOP);
    assert_non_null(strstr(problems, "is a symbolic link"));
    unlink(path);
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_int_equal(config_load(dir, &config, collector), -EINVAL);
    assert_non_null(strstr(problems, "is not a file"));
}

static void another_users_files_are_refused(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    CLEANUP(config_deinit) struct config config;
    write_file("lanyard.conf", "", 0644);
    assert_int_equal(chown(path_of("lanyard.conf"), 65534, 65534), 0);
    assert_int_equal(config_load(dir, &config, collector), -EPERM);
    assert_non_null(strstr(problems, "must belong to root"));
}

static void files_named_by_the_configuration_obey_the_same_rules(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    CLEANUP(bytes_deinit) struct bytes text = {0};
    const char *path = path_of("issuers.pem"); /* the only one here */
    assert_int_equal(config_load(dir, &config, collector), 0);
    assert_int_equal(config_read_file(&config, path, &text, collector), -ENOENT);
    write_file("issuers.pem", "pem", 0644);
    assert_int_equal(config_read_file(&config, path, &text, collector), 0);
    assert_int_equal(text.len, 3);
    write_file("issuers.pem", "pem", 0666);
    assert_int_equal(config_read_file(&config, path, &text, collector), -EPERM);
}

static void authorities_must_be_there_and_safe(void **state)
{
    (void)state;
    static const struct {
        mode_t mode; /* 0: no such file */
        int result;
        const char *problem;
    } rows[] = {{0644, 0, ""},
                {0666, -EPERM, "provider.pem: must belong to root"},
                {0, -ENOENT, "provider.pem: there is no such file"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(config_deinit) struct config config;
        char text[256];
        problems[0] = '\0';
        snprintf(text, sizeof text,
                 "[provider a]\norigin = https://a.example\nauthorities = %s/provider.pem\n", dir);
        write_file("lanyard.conf", text, 0644);
        write_file("provider.pem", "pem", rows[i].mode);
        if (rows[i].mode == 0)
            unlink(path_of("provider.pem"));
        assert_int_equal(config_load(dir, &config, collector), rows[i].result);
        assert_non_null(strstr(problems, rows[i].problem));
        assert_true(rows[i].result == 0 || strstr(problems, "lanyard.conf:3: authorities: "));
    }
}

/* ---- a user's ---- */

static const char thirty_three[] = "[cards]\npin-timeout = 33\n";

static unsigned timeout_with(const char *path)
{
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, ""), 0);
    assert_int_equal(config_load_user(&config, path, collector), 0);
    return config.pin_timeout;
}

static void a_users_file_is_his_alone(void **state)
{
    (void)state;
    write_file("user", thirty_three, 0600);
    assert_int_equal(timeout_with(path_of("user")), 33);
    write_file("user", thirty_three, 0644);
    assert_int_equal(timeout_with(path_of("user")), 33);
    static const mode_t others[] = {0664, 0646, 0666};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_file("user", thirty_three, others[i]);
        assert_int_equal(timeout_with(path_of("user")), 120);
        assert_non_null(strstr(problems, "must belong to you and be writable by you alone"));
    }
    if (getuid() != 0)
        return;
    write_file("user", thirty_three, 0600);
    assert_int_equal(chown(path_of("user"), 65534, 65534), 0);
    assert_int_equal(timeout_with(path_of("user")), 120);
    assert_non_null(strstr(problems, "must belong to you"));
}

static void a_users_file_may_be_missing_or_a_link(void **state)
{
    (void)state;
    char target[128];
    assert_int_equal(timeout_with("/nonexistent/lanyard.conf"), 120);
    assert_int_equal(timeout_with(dir), 120);
    assert_non_null(strstr(problems, "is not a file"));
    write_file("user", thirty_three, 0600);
    snprintf(target, sizeof target, "%s", path_of("user"));
    assert_int_equal(symlink(target, path_of("link")), 0);
    assert_int_equal(timeout_with(path_of("link")), 33);
}

/* ---- programs ---- */

/* The text is taken, and that is all that the check says of it. */
static void assert_told(void (*check)(const struct config *, struct config_reporter),
                        const char *text, const char *problem)
{
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, text), 0);
    check(&config, collector);
    assert_string_equal(problems, problem);
}

static void a_pinentry_that_cannot_run_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"[prompt]\nprogram = /bin/sh", ""},
        {"[prompt]\nprogram = /nonexistent",
         "f:2: program: /nonexistent: No such file or directory; no PIN can be asked for\n"},
        {"\n[prompt]\nprogram = /etc/passwd",
         "f:3: program: /etc/passwd: Permission denied; no PIN can be asked for\n"},
        {"[prompt]\nprogram = /tmp",
         "f:2: program: /tmp: is not a program; no PIN can be asked for\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_told(config_check_pinentry, rows[i].text, rows[i].problem);
}

static void a_lock_command_that_cannot_run_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"", ""},
        {"[desktop]\nlock-command = /bin/sh -c /nonexistent", ""},
        {"[desktop]\nlock-command =", ""},
        {"[desktop]\nlock = no\nlock-command = /nonexistent", ""},
        {"[desktop]\nlock-command = /nonexistent -n",
         "f:2: lock-command: /nonexistent: No such file or directory; the desktop cannot be locked "
         "by it\n"},
        {"\n[desktop]\nlock-command = /etc/passwd",
         "f:3: lock-command: /etc/passwd: Permission denied; the desktop cannot be locked by it\n"},
        {"[desktop]\nlock-command = /tmp  x",
         "f:2: lock-command: /tmp: is not a program; the desktop cannot be locked by it\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_told(config_check_lock_command, rows[i].text, rows[i].problem);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(drop_ins_follow_in_the_order_of_their_names),
        TEST(what_is_not_read_beside_them_is_told),
        TEST(problems_name_the_file),
        TEST(a_folder_without_files_is_the_defaults),
        TEST(a_named_folder_must_exist),
        TEST(files_that_others_may_write_are_refused),
        TEST(links_and_fifos_are_refused),
        TEST(another_users_files_are_refused),
        TEST(files_named_by_the_configuration_obey_the_same_rules),
        TEST(authorities_must_be_there_and_safe),
        TEST(a_users_file_is_his_alone),
        TEST(a_users_file_may_be_missing_or_a_link),
        cmocka_unit_test(a_pinentry_that_cannot_run_is_told),
        cmocka_unit_test(a_lock_command_that_cannot_run_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
