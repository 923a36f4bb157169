/* SPDX-License-Identifier: MIT */
/*
 * What comes over a configuration: environments, a user's file under the administrator's locks, and
 * another configuration in place of one that is in force.
 */
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

static int read_user(struct config *config, const char *text)
{
    problems[0] = '\0';
    return config_read_user(config, "u", text, strlen(text), collector);
}

/* Every value and its place, a line each: "cards.pin-timeout 30 f:2"; a provider's name in front.
 */
static void note_value(void *context, const struct config_value *value)
{
    fprintf(context, "%s%s%s.%s %s %s\n", value->provider ? value->provider->name : "",
            value->provider ? ":" : "", value->key->section, value->key->name,
            value->text ? value->text : "-", value->place);
}

static char *values_of(const struct config *config)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    config_each(config, note_value, out);
    fclose(out);
    return text;
}

static void assert_value(const struct config *config, const char *line)
{
    char *values = values_of(config), wanted[512];
    snprintf(wanted, sizeof wanted, "%s\n", line);
    const char *at = strstr(values, wanted);
    if (!at || (at != values && at[-1] != '\n'))
        fail_msg("no \"%s\" in\n%s", line, values);
    free(values);
}

/* ---- environments ---- */

#define LIVE "https://am.nhsidentity.spineservices.nhs.uk"

static void an_environment_brings_what_is_known_of_it(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[provider care]\nenvironment = live\n"), 0);
    assert_value(&config, "care:provider.environment live f:2");
    assert_value(&config, "care:provider.origin " LIVE " environment live");
    assert_value(&config, "care:provider.issuer " LIVE
                          ":443/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare "
                          "environment live");
    assert_value(&config, "care:provider.session-endpoint  default");
    assert_string_equal(config_provider_name_of(&config, LIVE), "care");
    assert_string_equal(config.origins.at[0], LIVE);
    assert_false(config_provider_is_development(config.providers[0]));
}

static void what_is_given_goes_before_the_environments(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[provider care]\norigin = https://login.example\n"
                                        "issuer = https://login.example:443/oidc\n"
                                        "environment = int\n"),
                     0);
    const struct config_provider *care = config.providers[0];
    assert_int_equal(care->origins.count, 2);
    assert_string_equal(care->origins.at[0], "https://login.example");
    assert_string_equal(care->issuer, "https://login.example:443/oidc");
    assert_true(config_provider_is_development(care));
}

static void an_issuer_is_written_as_it_calls_itself(void **state)
{
    (void)state;
    static const char *const issuers[] = {
        "https://login.example",       "https://login.example/",
        "https://login.example:443",   "https://login.example:443/",
        "http://127.0.0.1:8080/",      "https://login.example/oidc",
        "https://login.example/oidc/", "https://login.example:8443/oidc/"};
    for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
        CLEANUP(config_deinit) struct config config;
        char text[256];
        snprintf(text, sizeof text, "[provider a]\norigin = https://a.example\nissuer = %s\n",
                 issuers[i]);
        assert_int_equal(load_text(&config, text), 0);
        assert_string_equal(config.providers[0]->issuer, issuers[i]);
    }
    static const char *const none[] = {"https://",
                                       "https:///",
                                       "/",
                                       "https://a.example//",
                                       "http://a.example/",
                                       "https://a.example/x//",
                                       "https://a.example/../",
                                       "https://a.example/?x"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char text[256];
        snprintf(text, sizeof text, "[provider a]\norigin = https://a.example\nissuer = %s\n",
                 none[i]);
        assert_refused(text, "f:3: issuer is an https URL");
    }
}

static void each_environment_is_told_from_live(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool development;
    } rows[] = {
        {"environment = live\norigin = https://a.example", false},
        {"environment = dep\norigin = https://a.example", true},
        {"environment = int", true},
        {"environment = dev", true},
        {"environment = training\norigin = https://a.example", true},
        {"environment = sandbox\norigin = https://a.example", true},
        {"environment =\norigin = https://a.example", false},
        {"origin = https://a.example", false},
        {"origin = https://a.example\norigin = http://127.0.0.1:8080", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(config_deinit) struct config config;
        char text[256];
        snprintf(text, sizeof text, "[provider a]\n%s\n", rows[i].text);
        assert_int_equal(load_text(&config, text), 0);
        assert_int_equal(config_provider_is_development(config.providers[0]), rows[i].development);
    }
}

static void what_is_not_known_of_an_environment_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"[provider a]\nenvironment = training",
         "f:1: [provider a] has no origin, and none of environment training is known\n"},
        {"[provider a]\nenvironment = prod",
         "f:2: environment is live, dep, int, dev, training or sandbox, not \"prod\"\n"},
        {"[provider a]\norigin = " LIVE "\n[provider b]\nenvironment = live",
         "f:3: [provider b]: origin " LIVE " of its environment belongs to provider a\n"},
        {"[provider a]\nenvironment = live\nissuer = https://a.example/?x",
         "f:3: issuer is an https URL (http only with 127.0.0.1, localhost or [::1]) without user, "
         "query or fragment, not \"https://a.example/?x\"\n"},
        {"[provider a]\nenvironment = live\nissuer = https://a.example:443:443",
         "f:3: issuer is an https URL"},
        {"[agent]\nenvironment = live",
         "f:2: unknown key \"environment\" in [agent]; it belongs to [provider NAME]\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_refused(rows[i].text, rows[i].problem);
}

static void an_environment_of_two_providers_is_one_mistake(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[provider x]\nenvironment = live\n"
                                        "[provider y]\nenvironment = live\n"),
                     -EINVAL);
    assert_string_equal(problems, "f:3: [provider y]: origin " LIVE
                                  " of its environment belongs to provider x\n");
}

/* ---- a user's file ---- */

static void a_user_sets_what_does_no_harm(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[agent]\nlog-level = error\n[cards]\nignore-reader = A\n"),
                     0);
    assert_int_equal(read_user(&config, "[agent]\nlog-level = debug\n"
                                        "[cards]\nignore-reader = B\nignore-reader = A\n"
                                        "pin-timeout = 600\n"
                                        "[session]\nsign-in-at-insertion = no\n"),
                     0);
    assert_string_equal(problems, "");
    assert_value(&config, "agent.log-level debug u:2");
    assert_value(&config, "cards.ignore-reader A f:4");
    assert_value(&config, "cards.ignore-reader B u:4");
    assert_value(&config, "cards.pin-timeout 600 u:6");
    assert_value(&config, "session.sign-in-at-insertion no u:8");
    assert_int_equal(config.ignored_readers.count, 2);
    assert_null(config.ignored_readers.at[2]);
}

/* Whatever the table has, or will have. */
static void a_user_sets_nothing_else(void **state)
{
    (void)state;
    const struct config_key *key;
    for (size_t i = 0; (key = config_key_at(i)); i++) {
        CLEANUP(config_deinit) struct config config;
        char text[256], *before, *after;
        const char *value = key->example ? key->example : key->fallback;
        assert_int_equal(load_text(&config, "[provider a]\norigin = https://a.example\n"), 0);
        bool provider = strcmp(key->section, "provider") == 0;
        snprintf(text, sizeof text, "[%s%s]\n%s = %.*s\n", key->section, provider ? " a" : "",
                 key->name, (int)strcspn(value, key->example ? "" : ":"), value);
        before = values_of(&config);
        int left_out = read_user(&config, text);
        after = values_of(&config);
        if (key->user == (left_out > 0) || key->user == (strcmp(before, after) == 0))
            fail_msg("%s: %s%s", text, problems, after);
        if (!key->user)
            assert_non_null(strstr(problems, "is the administrator's to set"));
        free(before);
        free(after);
    }
}

static void what_is_locked_stays(void **state)
{
    (void)state;
    static const char sets[] = "[agent]\nlog-level = debug\n[cards]\npin-timeout = 60\n";
    CLEANUP(config_deinit) struct config one, all;
    assert_int_equal(load_text(&one, "[user]\nlock = agent.log-level\n"), 0);
    assert_int_equal(read_user(&one, sets), 1);
    assert_string_equal(problems, "u:2: log-level is locked by the administrator (f:2)\n");
    assert_value(&one, "agent.log-level info default");
    assert_value(&one, "cards.pin-timeout 60 u:4");
    assert_int_equal(load_text(&all, "[user]\nlock = all\n"), 0);
    assert_int_equal(read_user(&all, sets), 2);
    assert_value(&all, "cards.pin-timeout 120 default");
}

static void a_lock_names_a_key_that_users_may_set(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[user]\nlock = agent.log-levle\n"), -EINVAL);
    assert_string_equal(problems, "f:2: lock is all, or section.key of a key that users may set, "
                                  "not \"agent.log-levle\"; did you mean \"agent.log-level\"?\n");
    config_deinit(&config);
    assert_int_equal(load_text(&config, "[user]\nlock = provider.origin\n"), -EINVAL);
}

static void what_a_lock_may_have_meant_is_said_where_it_is_near(void **state)
{
    (void)state;
    static const struct {
        const char *lock, *meant;
    } rows[] = {{"al", "; did you mean \"all\"?"},
                {"All", "; did you mean \"all\"?"},
                {"Agent.Log-Level", "; did you mean \"agent.log-level\"?"},
                {"cards.pin-timout", "; did you mean \"cards.pin-timeout\"?"},
                {"session.grace", ""},
                {"everything", ""},
                {"x", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128], problem[256];
        snprintf(text, sizeof text, "[user]\nlock = %s\n", rows[i].lock);
        snprintf(problem, sizeof problem,
                 "f:2: lock is all, or section.key of a key that users may set, not \"%s\"%s\n",
                 rows[i].lock, rows[i].meant);
        assert_refused(text, problem);
    }
}

static void a_users_mistakes_cost_their_lines_alone(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[cards]\npin-timeout = 90\n"), 0);
    assert_int_equal(read_user(&config, "nonsense\n[agent]\nlog-level = loud\nlog-level = error\n"
                                        "[cards]\npin-timeout = 9\nmodul = /x\n"
                                        "[provider a]\norigin = https://evil.example\n"
                                        "[nothing]\nx = y\n"),
                     6);
    assert_non_null(strstr(problems, "u:3: log-level is error, warning, info or debug, not"));
    assert_non_null(strstr(problems, "u:7: unknown key \"modul\" in [cards]; did you mean"));
    assert_non_null(strstr(problems, "u:8: [provider a] is the administrator's to set"));
    assert_value(&config, "agent.log-level error u:4");
    assert_value(&config, "cards.pin-timeout 90 f:2");
    assert_int_equal(config.provider_count, 0);
    assert_int_equal(config.origins.count, 0);
}

/* ---- another configuration ---- */

static void replace(struct config *running, const char *text)
{
    struct config fresh;
    assert_int_equal(load_text(&fresh, text), 0);
    assert_int_equal(config_replace(running, &fresh, collector), 0);
    assert_int_equal(fresh.provider_count, 0);
}

static void values_change_under_whoever_holds_them(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[cards]\npin-timeout = 30\nmodule = /a.so\n"), 0);
    replace(&config, "\n[cards]\nissuers = /i.pem\nmodule = /b.so\n[session]\ngrace = 9\n"
                     "[keys]\nenabled = yes\n");
    assert_value(&config, "cards.pin-timeout 120 default");
    assert_value(&config, "cards.issuers /i.pem f:3");
    assert_value(&config, "session.grace 9 f:6");
    /* a module is loaded once; what is said is what stays */
    assert_value(&config, "cards.module /a.so f:3");
    assert_string_equal(problems, "f:4: module changes when the agent is started again\n");
}

static void providers_stay_where_they_are(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[provider a]\norigin = https://a.example\n"
                                        "session-endpoint = https://a.example/s\n"
                                        "[provider b]\norigin = https://b.example\n"),
                     0);
    const struct config_provider *a = config_provider_named(&config, "a");
    const struct config_provider *b = config_provider_named(&config, "b");
    replace(&config, "[provider c]\norigin = https://c.example\n"
                     "[provider b]\norigin = https://b2.example\n"
                     "session-endpoint = https://b2.example/s\n");
    assert_ptr_equal(config_provider_named(&config, "b"), b);
    assert_string_equal(b->session_endpoint, "https://b2.example/s");
    assert_ptr_equal(config_provider_of(&config, "https://b2.example"), b);
    assert_null(config_provider_of(&config, "https://b.example"));
    assert_null(config_provider_of(&config, "https://a.example"));
    assert_null(config_provider_named(&config, "a"));
    assert_false(config_provider_listed(&config, a));
    assert_string_equal(a->name, "a");
    assert_ptr_equal(config_provider_default(&config), b);
    assert_int_equal(config.origins.count, 2);
    assert_string_equal(config.origins.at[0], "https://c.example");
    /* and back again, where it was */
    replace(&config, "[provider a]\norigin = https://a3.example\n");
    assert_ptr_equal(config_provider_named(&config, "a"), a);
    assert_ptr_equal(config_provider_of(&config, "https://a3.example"), a);
    assert_false(config_provider_listed(&config, b));
    assert_string_equal(a->session_endpoint, "");
}

static void lists_go_with_issuers(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, "[cards]\nrevocation-lists = /r.pem\n"), -EINVAL);
    assert_string_equal(problems, "f:2: revocation-lists needs issuers, who sign them\n");
    config_deinit(&config);
    assert_int_equal(load_text(&config, "[cards]\nrevocation-lists = /r.pem\nissuers = /i.pem\n"),
                     0);
}

static void many_changes_leave_nothing_behind(void **state)
{
    (void)state;
    CLEANUP(config_deinit) struct config config;
    assert_int_equal(load_text(&config, ""), 0);
    for (int i = 0; i < 50; i++) {
        char text[128];
        snprintf(text, sizeof text, "[provider p%d]\norigin = https://a.example\n", i % 3);
        replace(&config, text);
        assert_int_equal(config.provider_count, 1);
        assert_true(config.retired_count <= 2);
    }
    replace(&config, "");
    assert_int_equal(config.provider_count, 0);
    assert_null(config.origins.at[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_environment_brings_what_is_known_of_it),
        cmocka_unit_test(what_is_given_goes_before_the_environments),
        cmocka_unit_test(an_issuer_is_written_as_it_calls_itself),
        cmocka_unit_test(each_environment_is_told_from_live),
        cmocka_unit_test(what_is_not_known_of_an_environment_is_asked_for),
        cmocka_unit_test(an_environment_of_two_providers_is_one_mistake),
        cmocka_unit_test(a_user_sets_what_does_no_harm),
        cmocka_unit_test(a_user_sets_nothing_else),
        cmocka_unit_test(what_is_locked_stays),
        cmocka_unit_test(a_lock_names_a_key_that_users_may_set),
        cmocka_unit_test(what_a_lock_may_have_meant_is_said_where_it_is_near),
        cmocka_unit_test(a_users_mistakes_cost_their_lines_alone),
        cmocka_unit_test(values_change_under_whoever_holds_them),
        cmocka_unit_test(providers_stay_where_they_are),
        cmocka_unit_test(lists_go_with_issuers),
        cmocka_unit_test(many_changes_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
