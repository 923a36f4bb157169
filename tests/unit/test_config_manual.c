/* SPDX-License-Identifier: MIT */
/* That the table of keys, its manual page and the example agree. */
#include "ipc/base/cleanup.h"
#include "test_config_rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *whole_file(const char *path)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat is;
    assert_true(fd >= 0 && fstat(fd, &is) == 0);
    char *text = calloc(1, (size_t)is.st_size + 1);
    assert_int_equal(read(fd, text, (size_t)is.st_size), is.st_size);
    return text;
}

static void the_manual_page_has_every_key_and_no_other(void **state)
{
    (void)state;
    CLEANUP(free_text) char *page = whole_file(LANYARD_BUILD "/lanyard.conf.5");
    size_t keys = 0;
    for (const struct config_key *key; (key = config_key_at(keys)); keys++) {
        char item[512];
        snprintf(item, sizeof item, "\n.It Ic %s\n%s\n", key->name, key->meaning);
        if (!strstr(page, item))
            fail_msg("lanyard.conf(5) does not have %s: %s", key->name, key->meaning);
    }
    size_t items = 0;
    for (const char *at = page; (at = strstr(at, "\n.It Ic ")); at++)
        items++;
    assert_int_equal(items, keys);
}

static void the_example_reads_as_the_defaults(void **state)
{
    (void)state;
    size_t keys = 0;
    CLEANUP(free_text) char *text = whole_file(LANYARD_BUILD "/lanyard.conf.example");
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, text), 0);
    for (const struct config_key *key = config_key_at(0); key; key = config_key_at(++keys))
        assert_string_equal(config_place(&config, key->name), "default");
    assert_int_equal(config.provider_count, 0);
}

static void count_given(void *context, const struct config_value *value)
{
    size_t *count = context;
    *count += value->by == CONFIG_BY_ADMINISTRATOR;
    if (value->by != CONFIG_BY_ADMINISTRATOR && value->by != CONFIG_BY_ENVIRONMENT)
        fail_msg("[%s] %s is \"%s\", %s", value->key->section, value->key->name, value->text,
                 value->place);
}

/* What is commented out there, "#key = value" and "#[provider example]", is a whole configuration.
 */
static void every_key_of_the_example_is_read(void **state)
{
    (void)state;
    CLEANUP(free_text) char *text = whole_file(LANYARD_BUILD "/lanyard.conf.example");
    CLEANUP(config_deinit) struct config config;
    for (char *at = text; (at = strchr(at, '#')); at++)
        if ((at == text || at[-1] == '\n') && at[1] != ' ')
            *at = ' ';
    assert_int_equal(load_text(&config, text), 0);
    assert_string_equal(problems, "");
    size_t keys = 0, given = 0;
    config_each(&config, count_given, &given);
    while (config_key_at(keys))
        keys++;
    assert_int_equal(given, keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manual_page_has_every_key_and_no_other),
        cmocka_unit_test(the_example_reads_as_the_defaults),
        cmocka_unit_test(every_key_of_the_example_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
