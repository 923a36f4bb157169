/* SPDX-License-Identifier: MIT */
/*
 * The configuration: what each key means, that everything not understood is refused by file and
 * line, who may own the files, and that table, print-out and manual page agree.
 */
#include "agent/config.h"
#include "agent/session/session.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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

#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

/* ---- problems, collected ---- */

static char problems[8192];

static void collect(void *context, const char *problem)
{
    (void)context;
    size_t used = strlen(problems);
    snprintf(problems + used, sizeof problems - used, "%s\n", problem);
}

static const struct config_reporter collector = {.fn = collect};

static void text_release(char **text)
{
    free(*text);
    *text = NULL;
}

/* Reads one text as the file "f" and completes it. */
static int load_text(struct config *config, const char *text)
{
    problems[0] = '\0';
    config_init(config);
    int r = config_read(config, "f", text, strlen(text), collector);
    int completed = config_complete(config, collector);
    return r < 0 ? r : completed;
}

/* ---- meaning ---- */

static void an_empty_file_gives_the_defaults(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, ""), 0);
    assert_int_equal(config.log_level, LOG_LEVEL_INFO);
    assert_string_equal(config.broker_socket, "/run/lanyard/portd");
    assert_string_equal(config.issuers, "");
    assert_int_equal(config.pin_timeout, 120);
    assert_string_equal(config.pinentry, "/usr/bin/pinentry");
    assert_true(config.keys_enabled);
    assert_string_equal(config.keys_redirect, "");
    assert_int_equal(config.modules.count, 1);
    assert_int_equal(config.ignored_readers.count, 0);
    assert_null(config.ignored_readers.at[0]);
    assert_null(config.origins.at[0]);
    assert_null(config_provider_name_of(&config, "https://a.example"));
    assert_int_equal(config.session_modes, 1 << SESSION_NORMAL);
    assert_int_equal(config.session_grace, 0);
    assert_int_equal(config.session_limit, 36000);
    assert_int_equal(config.session_idle, 0);
    assert_int_equal(config.session_reauthenticate, 0);
    assert_true(config.session_at_insertion);
    assert_true(config.desktop_lock);
    assert_string_equal(config.desktop_lock_command, "");
    assert_null(config_provider_default(&config));
    assert_null(config_provider_named(&config, ""));
}

static const char everything[] = "\xef\xbb\xbf# a comment\n"
                                 "[agent]\r\n"
                                 "log-level = debug\r\n"
                                 "[door]\n"
                                 "broker-socket=/tmp/portd\n"
                                 "[cards]\n"
                                 "    module = /usr/lib/a.so\n"
                                 "    module = /usr/lib/b.so ; the second\n"
                                 "ignore-reader = Contactless Reader 00 01\n"
                                 "issuers = /etc/lanyard/issuers.pem\n"
                                 "pin-timeout = 30\n"
                                 "; another comment\n"
                                 "[keys]\n"
                                 "enabled = no\n"
                                 "redirect-socket = /run/desk/key\n"
                                 "[prompt]\n"
                                 "program = /opt/pinentry\n"
                                 "[session]\n"
                                 "mode = mobility\n"
                                 "mode = enhanced-normal\n"
                                 "grace = 3600\n"
                                 "limit = 60\n"
                                 "idle-limit = 900\n"
                                 "reauthenticate = 36000\n"
                                 "sign-in-at-insertion = no\n"
                                 "[desktop]\n"
                                 "lock = no\n"
                                 "lock-command = /usr/bin/swaylock -f  --color 000000\n"
                                 "[provider cis2]\n"
                                 "origin = https://one.example\n"
                                 "origin = https://two.example:8443\n"
                                 "[provider local-1]\n"
                                 "origin = http://127.0.0.1:8080\n"
                                 "session-endpoint = http://127.0.0.1:8080/cis/v1\n"
                                 "authorities = /etc/lanyard/op.pem\n"
                                 "proxy = socks5h://[::1]:1080\n"
                                 "[provider third]\n"
                                 "origin = https://three.example\n"
                                 "session-endpoint = https://three.example\n"
                                 "proxy =\n";

static void assert_everything(const struct config *config)
{
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(config->broker_socket, "/tmp/portd");
    assert_int_equal(config->modules.count, 2);
    assert_string_equal(config->modules.at[0], "/usr/lib/a.so");
    assert_string_equal(config->modules.at[1], "/usr/lib/b.so");
    assert_null(config->modules.at[2]);
    assert_int_equal(config->ignored_readers.count, 1);
    assert_string_equal(config->ignored_readers.at[0], "Contactless Reader 00 01");
    assert_string_equal(config->issuers, "/etc/lanyard/issuers.pem");
    assert_int_equal(config->pin_timeout, 30);
    assert_false(config->keys_enabled);
    assert_string_equal(config->keys_redirect, "/run/desk/key");
    assert_string_equal(config->pinentry, "/opt/pinentry");
    assert_int_equal(config->origins.count, 4);
    assert_string_equal(config->origins.at[2], "http://127.0.0.1:8080");
    assert_null(config->origins.at[4]);
    assert_string_equal(config_provider_name_of(config, "https://two.example:8443"), "cis2");
    assert_string_equal(config_provider_name_of(config, "http://127.0.0.1:8080"), "local-1");
    assert_null(config_provider_name_of(config, "https://two.example"));
    assert_int_equal(config->session_modes, 1 << SESSION_MOBILITY | 1 << SESSION_ENHANCED_NORMAL);
    assert_int_equal(config->session_grace, 3600);
    assert_int_equal(config->session_limit, 60);
    assert_int_equal(config->session_idle, 900);
    assert_int_equal(config->session_reauthenticate, 36000);
    assert_false(config->session_at_insertion);
    assert_false(config->desktop_lock);
    assert_string_equal(config->desktop_lock_command, "/usr/bin/swaylock -f  --color 000000");
    const struct config_provider *first = config_provider_named(config, "cis2");
    const struct config_provider *second = config_provider_named(config, "local-1");
    assert_non_null(first);
    assert_string_equal(first->session_endpoint, "");
    assert_string_equal(first->authorities, "");
    assert_string_equal(first->proxy, "");
    assert_ptr_equal(config_provider_default(config), second);
    assert_string_equal(second->session_endpoint, "http://127.0.0.1:8080/cis/v1");
    assert_string_equal(second->authorities, "/etc/lanyard/op.pem");
    assert_string_equal(second->proxy, "socks5h://[::1]:1080");
    assert_null(config_provider_named(config, "nobody"));
}

static void every_key_is_read(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, everything), 0);
    assert_string_equal(problems, "");
    assert_everything(&config);
    assert_string_equal(config_place(&config, "module"), "f:7");
    assert_string_equal(config_place(&config, "issuers"), "f:10");
}

static void what_is_printed_reads_the_same(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config, again;
    CLEANUP(text_release) char *text = NULL;
    size_t len;
    assert_int_equal(load_text(&config, everything), 0);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    config_print(&config, out);
    fclose(out);
    assert_int_equal(load_text(&again, text), 0);
    assert_everything(&again);
}

static void a_file_may_end_without_a_line_break(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[cards]\npin-timeout = 60"), 0);
    assert_int_equal(config.pin_timeout, 60);
}

static void providers_may_be_spread_over_files(void **state)
{
    (void)state;
    static const char one[] = "[provider a]\norigin = https://one.example\n";
    static const char two[] = "[provider a]\norigin = https://two.example\n"
                              "session-endpoint = https://two.example/s\n";
    CLEANUP(config_deinit) struct config config;
    config_init(&config);
    assert_int_equal(config_read(&config, "1", one, strlen(one), collector), 0);
    assert_int_equal(config_read(&config, "2", two, strlen(two), collector), 0);
    assert_int_equal(config_complete(&config, collector), 0);
    assert_string_equal(config_provider_name_of(&config, "https://one.example"), "a");
    assert_string_equal(config_provider_name_of(&config, "https://two.example"), "a");
    assert_string_equal(config_provider_default(&config)->session_endpoint,
                        "https://two.example/s");
}

static void endpoints_are_urls_of_one_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool good;
    } rows[] = {
        {"https://a.example", true},
        {"https://a.example:8443/cis/v1.0/~x", true},
        {"http://localhost:80a", false},
        {"http://localhost:8080/s", true},
        {"http://[::1]/s", true},
        {"http://a.example/s", false},
        {"HTTPS://a.example/s", false},
        {"https://A.example/s", false},
        {"https://a.example:443/s", false},
        {"https://a.example/", false},
        {"https://a.example/s/", false},
        {"https://a.example//s", false},
        {"https://a.example/./s", false},
        {"https://a.example/../s", false},
        {"https://a.example/...", true},
        {"https://a.example/%2e%2e", false},
        {"https://a.example/s?x=1", false},
        {"https://a.example/s#x", false},
        {"https://a.example?x", false},
        {"https://user@a.example/s", false},
        {"https://user:word@a.example/s", false},
        {"https:///s", false},
        {"https://", false},
        {"ftp://a.example/s", false},
        {"a.example/s", false},
        {"https://a.example/s t", false},
        {"https://a.example/\xc3\xa9", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(config_deinit) struct config config;
        char text[256];
        snprintf(text, sizeof text,
                 "[provider a]\norigin = https://a.example\n"
                 "session-endpoint = %s\n",
                 rows[i].url);
        int r = load_text(&config, text);
        if ((r == 0) != rows[i].good)
            fail_msg("%s gave %d: %s", rows[i].url, r, problems);
        if (r < 0)
            assert_non_null(strstr(problems, "f:3: session-endpoint is an https URL"));
    }
}

static void proxies_are_a_scheme_a_host_and_a_port(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool good;
    } rows[] = {
        {"http://proxy.example:8080", true},
        {"https://proxy.example:443", true},
        {"http://10.1.2.3:80", true},
        {"socks5h://[fe80::1]:1080", true},
        {"socks5h://proxy.example:1", true},
        {"socks5://proxy.example:1080", false},
        {"http://proxy.example", false},
        {"http://proxy.example:", false},
        {"http://proxy.example:0", false},
        {"http://proxy.example:65536", false},
        {"http://proxy.example:080", false},
        {"http://proxy.example:8080/", false},
        {"http://u:p@proxy.example:80", false},
        {"http://[::1", false},
        {"http://:8080", false},
        {"http://a/b:8080", false},
        {"proxy.example:8080", false},
        {"http://8080", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(config_deinit) struct config config;
        char text[256];
        snprintf(text, sizeof text, "[provider a]\norigin = https://a.example\nproxy = %s\n",
                 rows[i].url);
        int r = load_text(&config, text);
        if ((r == 0) != rows[i].good)
            fail_msg("%s gave %d: %s", rows[i].url, r, problems);
        if (r < 0)
            assert_non_null(strstr(problems, "f:3: proxy is http://host:port"));
    }
}

/* What fits into a line without blanks around its '=' must fit when it is printed with them. */
static void what_cannot_be_printed_on_a_line_is_refused(void **state)
{
    (void)state;
    static const int most = CONFIG_LINE_MAX - (int)sizeof "session-endpoint = " + 1;
    for (int len = most; len <= most + 1; len++) {
        CLEANUP(config_deinit) struct config config;
        char text[512];
        char path[CONFIG_LINE_MAX + 1] = "";
        memset(path, 'a', (size_t)len - strlen("https://a.example/"));
        snprintf(text, sizeof text,
                 "[provider a]\norigin = https://a.example\n"
                 "session-endpoint=https://a.example/%s\n",
                 path);
        int r = load_text(&config, text);
        assert_int_equal(r, len == most ? 0 : -EINVAL);
        if (r < 0)
            assert_non_null(strstr(problems, "f:3: session-endpoint is at most 179 bytes long"));
    }
}

/* ---- refusals ---- */

static void mistakes_are_named_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"[agent]\nlog-levle = info", "f:2: unknown key \"log-levle\" in [agent]; did you mean "
                                      "\"log-level\"?"},
        {"[cards]\n\nmodul = /a",
         "f:3: unknown key \"modul\" in [cards]; did you mean \"module\"?"},
        {"[provider a]\norign = x", "f:2: unknown key \"orign\" in [provider a]; did you mean "
                                    "\"origin\"?"},
        {"[card]\nmodule = /a", "f:1: unknown section [card]; did you mean [cards]?"},
        {"[provider]\norigin = https://a.example",
         "f:1: unknown section [provider]; did you mean [provider NAME]?"},
        {"[provder a]", "f:1: unknown section [provder a]; did you mean [provider NAME]?"},
        {"[Agent]", "f:1: unknown section [Agent]; did you mean [agent]?"},
        {"[provider A]", "f:1: a provider's name is at most 40 lower-case letters"},
        {"[provider ]", "f:1: a provider's name"},
        {"[provider a12345678901234567890123456789012345678901]", "f:1: a provider's name"},
        {"\n[provider a]\n[agent]\n", "f:2: [provider a] has no origin"},
        {"[agent] x", "f:1: text behind [agent]"},
        {"log-level = info", "f:1: log-level stands before any [section]"},
        {"[agent]\nlog-level", "f:2: neither [section] nor key = value"},
        {"[agent\n", "f:1: neither [section] nor key = value"},
        {"[agent]\nlog-level = loud", "f:2: log-level is error, warning, info or debug"},
        {"[agent]\nlog-level =", "f:2: log-level has no value"},
        {"[agent]\nlog-level = info\nlog-level = info",
         "f:3: log-level is given twice (first in f:2)"},
        {"[cards]\npin-timeout = 9", "f:2: pin-timeout is a number of seconds from 10 to 600"},
        {"[cards]\npin-timeout = 601", "f:2: pin-timeout is"},
        {"[cards]\npin-timeout = 60s", "f:2: pin-timeout is"},
        {"[cards]\npin-timeout = -60", "f:2: pin-timeout is"},
        {"[cards]\npin-timeout = 4294967416", "f:2: pin-timeout is"},
        {"[cards]\nmodule = opensc-pkcs11.so", "f:2: module is an absolute path"},
        {"[cards]\nmodule = /a\nmodule = /a", "f:3: module /a is given twice (first in f:2)"},
        {"[cards]\nissuers = issuers.pem", "f:2: issuers is an absolute path"},
        {"[keys]\nenabled = maybe", "f:2: enabled is yes or no"},
        {"[keys]\nredirect-socket = key", "f:2: redirect-socket is an absolute path"},
        {"[keys]\nredirect-socket = /" X100 "1234567",
         "f:2: redirect-socket is an absolute path of"},
        {"[door]\nbroker-socket = /" X100 "1234567",
         "f:2: broker-socket is an absolute path of at"},
        {"[prompt]\nprogram = pinentry", "f:2: program is an absolute path"},
        {"[provider a]\norigin = https://A.example", "f:2: \"https://A.example\" is not an origin"},
        {"[provider a]\norigin = https://a.example/", "f:2: \"https://a.example/\" is not"},
        {"[provider a]\norigin = *", "f:2: \"*\" is not an origin"},
        {"[provider a]\norigin = null", "f:2: \"null\" is not an origin"},
        {"[provider a]\norigin = https://a.example\norigin = https://a.example",
         "f:3: origin https://a.example is given twice (first in f:2)"},
        {"[provider a]\norigin = https://a.example\n[provider b]\norigin = https://a.example\n",
         "f:4: origin https://a.example belongs to provider a already"},
        {"[session]\nmode = Normal", "f:2: mode is normal, enhanced-normal, lock-persistence or "
                                     "mobility, not \"Normal\""},
        {"[session]\nmode =", "f:2: mode has no value"},
        {"[session]\nmode = normal\nmode = normal", "f:3: mode normal is given twice"},
        {"[session]\ngrace = 3601", "f:2: grace is a number of seconds from 0 to 3600"},
        {"[session]\ngrace = -1", "f:2: grace is a number"},
        {"[session]\ngrace =", "f:2: grace has no value"},
        {"[session]\nlimit = 59", "f:2: limit is a number of seconds from 60 to 36000"},
        {"[session]\nlimit = 36001", "f:2: limit is a number"},
        {"[session]\nidle-limit = 36001", "f:2: idle-limit is a number of seconds from 0 to 36000"},
        {"[session]\nreauthenticate = 1h", "f:2: reauthenticate is a number of seconds"},
        {"[session]\nsign-in-at-insertion = true",
         "f:2: sign-in-at-insertion is yes or no, not \"true\""},
        {"[session]\nmodes = normal", "f:2: unknown key \"modes\" in [session]; did you mean "
                                      "\"mode\"?"},
        {"[desktop]\nlock = 1", "f:2: lock is yes or no, not \"1\""},
        {"[desktop]\nlock-command = swaylock -f",
         "f:2: lock-command is a program's absolute path and its arguments"},
        {"[desktop]\nlock-command = /a\nlock-command = /b",
         "f:3: lock-command is given twice (first in f:2)"},
        {"[provider a]\norigin = https://a.example\nsession-endpoint = https://a.example\n"
         "[provider a]\nsession-endpoint = https://a.example",
         "f:5: session-endpoint is given twice (first in f:3)"},
        {"[provider a]\nsession-endpoint = https://a.example", "f:1: [provider a] has no origin"},
        {"[provider a]\norigin = https://a.example\nauthorities = op.pem",
         "f:3: authorities is an absolute path"},
        {"[agent]\nlog-level = \x01", "f:2: this line is not UTF-8 text"},
        {"[agent]\nlog-level = \xff", "f:2: this line is not UTF-8 text"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(config_deinit) struct config config;
        int r = load_text(&config, rows[i].text);
        if (r != -EINVAL || strncmp(problems, rows[i].problem, strlen(rows[i].problem)) != 0)
            fail_msg("%s\ngave %d: %s\nnot: %s", rows[i].text, r, problems, rows[i].problem);
    }
}

static void a_faulty_origin_is_one_mistake(void **state)
{
    (void)state;
    static const char *const texts[] = {"[provider a]\norigin = https://a.example/",
                                        "[provider a]\norign = https://a.example"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CLEANUP(config_deinit) struct config config;
        assert_int_equal(load_text(&config, texts[i]), -EINVAL);
        assert_null(strstr(problems, "has no origin"));
    }
}

static void all_mistakes_are_told_at_once(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[agent]\na = 1\n[nowhere]\nb = 2\n[cards]\nc = 3\n"),
                     -EINVAL);
    assert_non_null(strstr(problems, "f:2: "));
    assert_non_null(strstr(problems, "f:3: "));
    assert_null(strstr(problems, "f:4: "));
    assert_non_null(strstr(problems, "f:6: "));
}

static void long_lines_are_refused_not_cut(void **state)
{
    (void)state;
    char text[512] = "[cards]\nmodule = /";
    memset(text + strlen(text), 'a', 300);
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, text), -EINVAL);
    assert_non_null(strstr(problems, "f:2: a line is at most 198 bytes long"));

    CLEANUP(config_deinit) struct config fits;
    memset(text, 0, sizeof text);
    snprintf(text, sizeof text, "[cards]\nmodule = /");
    memset(text + strlen(text), 'a', CONFIG_LINE_MAX - strlen("module = /"));
    assert_int_equal(load_text(&fits, text), 0);
    assert_int_equal(strlen(fits.modules.at[0]), CONFIG_LINE_MAX - strlen("module = "));
}

static void an_embedded_nul_is_refused(void **state)
{
    (void)state;
    static const char text[] = "[prompt]\nprogram = /a\0b\n";
    CLEANUP(config_deinit) struct config config;
    config_init(&config);
    assert_int_equal(config_read(&config, "f", text, sizeof text - 1, collector), -EINVAL);
}

/* ---- files ---- */

static char dir[64];

static void write_file(const char *name, const char *text, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
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
    char drop_ins[96];
    if (!mkdtemp(dir))
        return -1;
    snprintf(drop_ins, sizeof drop_ins, "%s/conf.d", dir);
    return mkdir(drop_ins, 0755);
}

static int remove_entry(const char *path, const struct stat *is, int type, struct FTW *at)
{
    (void)is;
    (void)type;
    (void)at;
    return remove(path);
}

static int remove_dir(void **state)
{
    (void)state;
    return nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

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
    char drop_ins[96];
    snprintf(drop_ins, sizeof drop_ins, "%s/conf.d", dir);
    assert_int_equal(chmod(drop_ins, 0775), 0);
    assert_int_equal(config_load(dir, &config, collector), -EPERM);
}

static void links_and_fifos_are_refused(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    char path[256];
    snprintf(path, sizeof path, "%s/lanyard.conf", dir);
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
    char path[256];
    snprintf(path, sizeof path, "%s/lanyard.conf", dir);
    write_file("lanyard.conf", "", 0644);
    assert_int_equal(chown(path, 65534, 65534), 0);
    assert_int_equal(config_load(dir, &config, collector), -EPERM);
    assert_non_null(strstr(problems, "must belong to root"));
}

static void files_named_by_the_configuration_obey_the_same_rules(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    CLEANUP(bytes_deinit) struct bytes text = {0};
    char path[256];
    assert_int_equal(config_load(dir, &config, collector), 0);
    snprintf(path, sizeof path, "%s/issuers.pem", dir);
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
        if (rows[i].mode == 0) {
            snprintf(text, sizeof text, "%s/provider.pem", dir);
            unlink(text);
        }
        assert_int_equal(config_load(dir, &config, collector), rows[i].result);
        assert_non_null(strstr(problems, rows[i].problem));
        assert_true(rows[i].result == 0 ||
                    strstr(problems, "lanyard.conf:1: [provider a]: authorities: "));
    }
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
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(config_deinit) struct config config;
        assert_int_equal(load_text(&config, rows[i].text), 0);
        config_check_pinentry(&config, collector);
        assert_string_equal(problems, rows[i].problem);
    }
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
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(config_deinit) struct config config;
        assert_int_equal(load_text(&config, rows[i].text), 0);
        config_check_lock_command(&config, collector);
        assert_string_equal(problems, rows[i].problem);
    }
}

/* ---- the table and its manual page ---- */

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
    CLEANUP(text_release) char *page = whole_file(LANYARD_BUILD "/lanyard.conf.5");
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
    CLEANUP(text_release) char *text = whole_file(LANYARD_BUILD "/lanyard.conf.example");
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
    CLEANUP(text_release) char *text = whole_file(LANYARD_BUILD "/lanyard.conf.example");
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
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(what_is_printed_reads_the_same),
        cmocka_unit_test(a_file_may_end_without_a_line_break),
        cmocka_unit_test(providers_may_be_spread_over_files),
        cmocka_unit_test(endpoints_are_urls_of_one_spelling),
        cmocka_unit_test(proxies_are_a_scheme_a_host_and_a_port),
        cmocka_unit_test(what_cannot_be_printed_on_a_line_is_refused),
        cmocka_unit_test(mistakes_are_named_by_line),
        cmocka_unit_test(a_faulty_origin_is_one_mistake),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(long_lines_are_refused_not_cut),
        cmocka_unit_test(an_embedded_nul_is_refused),
        cmocka_unit_test_setup_teardown(drop_ins_follow_in_the_order_of_their_names, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(problems_name_the_file, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_folder_without_files_is_the_defaults, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(a_named_folder_must_exist, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(files_that_others_may_write_are_refused, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(links_and_fifos_are_refused, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(another_users_files_are_refused, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(files_named_by_the_configuration_obey_the_same_rules,
                                        make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(authorities_must_be_there_and_safe, make_dir, remove_dir),
        cmocka_unit_test(a_pinentry_that_cannot_run_is_told),
        cmocka_unit_test(a_lock_command_that_cannot_run_is_told),
        cmocka_unit_test(the_manual_page_has_every_key_and_no_other),
        cmocka_unit_test(the_example_reads_as_the_defaults),
        cmocka_unit_test(every_key_of_the_example_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
