/* SPDX-License-Identifier: MIT */
/*
 * The audit trail where there is no journal: lines that any JSON library reads, files that rotate,
 * and nothing written where it does not belong. And the folder it is kept in.
 */
#include "agent/audit_file.h"
#include "agent/state_folder.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static char home[64];   /* made and removed for each test */
static char folder[96]; /* home/state/lanyard, which nobody has made */

static int make_home(void **state)
{
    (void)state;
    snprintf(home, sizeof home, "/tmp/lanyard-test-audit-XXXXXX");
    if (!mkdtemp(home))
        return -1;
    snprintf(folder, sizeof folder, "%s/state/lanyard", home);
    return 0;
}

static int remove_entry(const char *path, const struct stat *is, int type, struct FTW *at)
{
    (void)is;
    (void)type;
    (void)at;
    return remove(path);
}

static int remove_home(void **state)
{
    (void)state;
    audit_file_close();
    return nftw(home, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static char *whole(const char *name)
{
    static char text[AUDIT_FILE_BYTES_MAX + 1];
    FILE *file = fopen(path_of(name), "r");
    if (!file)
        return NULL;
    size_t len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    return text;
}

static int write_entry(const struct audit_entry *entry)
{
    struct audit_fields fields;
    audit_fields_make(entry, &fields);
    return audit_file_write(&fields);
}

static void release(json_t **value)
{
    json_decref(*value);
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void an_entry_is_one_object_of_strings(void **state)
{
    (void)state;
    assert_int_equal(audit_file_open(folder), 0);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SESSION_ENDED,
                                                       .uid = "555123456789",
                                                       .reader = "A \"reader\"\\\n\xc3\xa9\xff",
                                                       .session = "s-1",
                                                       .cause = "card-removed"}),
                     0);
    char *text = whole(AUDIT_FILE_NAME);
    assert_non_null(text);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    CLEANUP(release) json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    assert_int_equal(json_object_size(object), 8);
    assert_string_equal(member(object, "LANYARD_EVENT"), "session-ended");
    assert_string_equal(member(object, "LANYARD_OUTCOME"), "ok");
    assert_string_equal(member(object, "LANYARD_UID"), "555123456789");
    assert_string_equal(member(object, "LANYARD_READER"), "A \"reader\"\\?\xc3\xa9?");
    assert_string_equal(member(object, "LANYARD_SESSION"), "s-1");
    assert_string_equal(member(object, "LANYARD_CAUSE"), "card-removed");
    assert_int_equal(strlen(member(object, "MESSAGE_ID")), 32);
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
    const char *time = member(object, "time");
    assert_int_equal(strlen(time), sizeof form - 1);
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == 'd')
            assert_in_range(time[i], '0', '9');
        else
            assert_int_equal(time[i], form[i]);
}

static void entries_follow_each_other_also_from_a_new_process(void **state)
{
    (void)state;
    assert_int_equal(audit_file_open(folder), 0);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN}), 0);
    assert_int_equal(audit_file_open(folder), 0);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SESSION_ENDED}), 0);
    char *text = whole(AUDIT_FILE_NAME);
    char *second = strchr(text, '\n') + 1;
    assert_non_null(strstr(second, "\"session-ended\""));
    assert_null(strchr(strchr(second, '\n') + 1, '\n'));
    *second = '\0';
    assert_non_null(strstr(text, "\"sign-in\""));
}

static void folder_and_files_are_this_users_alone(void **state)
{
    (void)state;
    struct stat is;
    assert_int_equal(audit_file_open(folder), 0);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN}), 0);
    assert_int_equal(stat(folder, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0700);
    assert_int_equal(stat(path_of(AUDIT_FILE_NAME), &is), 0);
    assert_int_equal(is.st_mode & 07777, 0600);
    assert_int_equal(chmod(path_of(AUDIT_FILE_NAME), 0644), 0);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN}), 0);
    assert_int_equal(stat(path_of(AUDIT_FILE_NAME), &is), 0);
    assert_int_equal(is.st_mode & 07777, 0600);
}

/* Each entry has its number; what is kept is the newest, without a gap. */
static void files_rotate_and_the_oldest_goes(void **state)
{
    (void)state;
    enum { ENTRIES = 4000 };
    static char filling[AUDIT_FIELD_BYTES_MAX];
    memset(filling, 'x', sizeof filling - 32);
    assert_int_equal(audit_file_open(folder), 0);
    for (int i = 0; i < ENTRIES; i++) {
        char uid[16];
        snprintf(uid, sizeof uid, "%d", i);
        assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SESSION_ROLE,
                                                           .uid = uid,
                                                           .origin = filling,
                                                           .reader = filling,
                                                           .role = filling,
                                                           .organisation = filling}),
                         0);
    }
    assert_int_not_equal(access(path_of(AUDIT_FILE_NAME ".5"), F_OK), 0);
    int expected = ENTRIES;
    for (int age = 0; age < AUDIT_FILES_MAX; age++) {
        char name[32];
        snprintf(name, sizeof name, age == 0 ? AUDIT_FILE_NAME : AUDIT_FILE_NAME ".%d", age);
        struct stat is;
        assert_int_equal(stat(path_of(name), &is), 0);
        assert_int_equal(is.st_mode & 07777, 0600);
        assert_in_range(is.st_size, age == 0 ? 1 : AUDIT_FILE_BYTES_MAX - 4096,
                        AUDIT_FILE_BYTES_MAX);
        char *text = whole(name);
        int lines = 0, first = -1;
        for (char *line = text; *line; line = strchr(line, '\n') + 1) {
            static const char uid[] = "\"LANYARD_UID\":\"";
            int number = (int)strtol(strstr(line, uid) + sizeof uid - 1, NULL, 10);
            if (first < 0)
                first = number;
            assert_int_equal(number, first + lines++);
        }
        assert_int_equal(first + lines, expected);
        expected = first;
    }
    assert_true(expected > 0);
}

static void after_a_line_that_was_cut_comes_a_whole_one(void **state)
{
    (void)state;
    assert_int_equal(audit_file_open(folder), 0);
    FILE *file = fopen(path_of(AUDIT_FILE_NAME), "w");
    assert_non_null(file);
    fputs("{\"time\":\"20", file);
    fclose(file);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN}), 0);
    char *text = whole(AUDIT_FILE_NAME);
    assert_memory_equal(text, "{\"time\":\"20\n{", 13);
}

/* A limit on the size of files stands for a disk that is full: a part of the line fits. */
static void a_full_disk_is_a_fault_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(audit_file_open(folder), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){20, 20});
        int first = write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN});
        int second = write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN});
        _exit(first < 0 && second < 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN}), 0);
    char *text = whole(AUDIT_FILE_NAME);
    CLEANUP(release) json_t *object = json_loads(strchr(text, '\n') + 1, 0, NULL);
    assert_non_null(object);
}

static void links_lead_nowhere(void **state)
{
    (void)state;
    char elsewhere[96];
    struct stat is;
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", home);
    assert_int_equal(audit_file_open(folder), 0);
    assert_int_equal(symlink(elsewhere, path_of(AUDIT_FILE_NAME)), 0);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN}), -ELOOP);
    assert_int_not_equal(stat(elsewhere, &is), 0);
    unlink(path_of(AUDIT_FILE_NAME));
    assert_int_equal(mkfifo(path_of(AUDIT_FILE_NAME), 0600), 0);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN}), -EPERM);
}

static void without_a_folder_nothing_is_written(void **state)
{
    (void)state;
    assert_int_equal(audit_file_open(folder), 0);
    assert_int_equal(audit_file_open(NULL), 0);
    assert_int_equal(write_entry(&(struct audit_entry){.event = AUDIT_SIGN_IN}), -ENOENT);
    assert_null(whole(AUDIT_FILE_NAME));
}

static void what_no_journal_takes_is_in_the_file(void **state)
{
    (void)state;
    if (access("/run/systemd/journal/socket", F_OK) == 0)
        skip();
    assert_int_equal(audit_file_open(folder), 0);
    audit_write(&(struct audit_entry){.event = AUDIT_REFUSED, .result = OUTCOME_NOT_ALLOWED});
    assert_non_null(strstr(whole(AUDIT_FILE_NAME), "\"LANYARD_CODE\":\"LY-1404\""));
}

/* ---- the folder ---- */

static void a_folder_that_is_none_is_refused(void **state)
{
    (void)state;
    char link[96], file[96];
    snprintf(link, sizeof link, "%s/link", home);
    snprintf(file, sizeof file, "%s/file", home);
    assert_int_equal(symlink(home, link), 0);
    assert_true(state_folder_open(link) < 0);
    FILE *made = fopen(file, "w");
    assert_non_null(made);
    fclose(made);
    assert_true(state_folder_open(file) < 0);
    assert_true(audit_file_open(file) < 0);
    if (getuid() == 0) {
        assert_int_equal(chown(home, 65534, 65534), 0);
        assert_int_equal(state_folder_open(home), -EPERM);
        assert_int_equal(chown(home, 0, 0), 0);
    }
}

static void the_folder_is_where_the_desktop_keeps_state(void **state)
{
    (void)state;
    char path[128];
    setenv("HOME", "/people/nobody", 1);
    setenv("XDG_STATE_HOME", "/var/state", 1);
    assert_int_equal(state_folder_path("", path, sizeof path), 0);
    assert_string_equal(path, "/var/state/lanyard");
    setenv("XDG_STATE_HOME", "relative", 1);
    assert_int_equal(state_folder_path("ends", path, sizeof path), 0);
    assert_string_equal(path, "/people/nobody/.local/state/lanyard/ends");
    assert_int_equal(state_folder_path("ends", path, 20), -ENAMETOOLONG);
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    assert_int_equal(state_folder_path("ends", path, sizeof path), -ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_home, remove_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(an_entry_is_one_object_of_strings),
        T(entries_follow_each_other_also_from_a_new_process),
        T(folder_and_files_are_this_users_alone),
        T(files_rotate_and_the_oldest_goes),
        T(after_a_line_that_was_cut_comes_a_whole_one),
        T(a_full_disk_is_a_fault_and_no_more),
        T(links_lead_nowhere),
        T(without_a_folder_nothing_is_written),
        T(what_no_journal_takes_is_in_the_file),
        T(a_folder_that_is_none_is_refused),
        T(the_folder_is_where_the_desktop_keeps_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
