/* SPDX-License-Identifier: MIT */
/* What each key means, and that everything not understood is refused by file and line. */
#include "agent/session/session.h"
#include "ipc/base/cleanup.h"
#include "test_config_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

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
    assert_false(config.cards_remote);
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
                                 "remote-sessions = yes\n"
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
    assert_true(config->cards_remote);
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
    assert_string_equal(config_place(&config, "issuers"), "f:11");
}

static void what_is_printed_reads_the_same(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config, again;
    char *text = NULL;
    size_t len;
    assert_int_equal(load_text(&config, everything), 0);
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    config_print(&config, out);
    fclose(out);
    assert_int_equal(load_text(&again, text), 0);
    free(text);
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
        {"[SESSION]", "f:1: unknown section [SESSION]; did you mean [session]?"},
        {"[provder cis2-live]",
         "f:1: unknown section [provder cis2-live]; did you mean [provider NAME]?"},
        {"[Provider a]", "f:1: unknown section [Provider a]; did you mean [provider NAME]?"},
        {"[include]", "f:1: unknown section [include]\n"},
        {"[]", "f:1: unknown section []\n"},
        {"[agent]\nLOG-LEVEL = info",
         "f:2: unknown key \"LOG-LEVEL\" in [agent]; did you mean \"log-level\"?"},
        {"[agent]\ncolour = red", "f:2: unknown key \"colour\" in [agent]\n"},
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
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_refused(rows[i].text, rows[i].problem);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
