/* SPDX-License-Identifier: MIT */
/*
 * The way to each provider, one step after the other: name, proxy, connection, certificate, clock,
 * session endpoint, what the provider says of itself. The first step that fails is the cause of all
 * that would follow. The endpoint is asked for a challenge, which binds nobody.
 *
 * The first provider is the one that people sign in at; trouble with another is a warning. All of
 * them together have a bounded time. Where none has a session endpoint, no card signs anybody in by
 * itself: that is a way to work, and surprises whoever expected otherwise.
 */
#include "agent/doctor/probe.h"
#include "agent/doctor/provider_ask.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/clock.h"
#include "ipc/base/proxy_variables.h"

#include <stdlib.h>
#include <string.h>

enum { ALL_MS = 30000, CLOCK_WRONG_SECONDS = 120, CLOCK_DRIFTS_SECONDS = 30, URL_BYTES = 512 };

static void answer_release(struct provider_answer *answer)
{
    bytes_deinit(&answer->body);
}

static void check_clock(struct probe *probe, const char *name, const struct provider_answer *answer)
{
    if (answer->date == 0 || report_has(probe->report, DOCTOR_CLOCK_WRONG) ||
        report_has(probe->report, DOCTOR_CLOCK_DRIFTS))
        return;
    double off = difftime(answer->came, answer->date), by = off < 0 ? -off : off;
    enum doctor_code code = by > CLOCK_WRONG_SECONDS    ? DOCTOR_CLOCK_WRONG
                            : by > CLOCK_DRIFTS_SECONDS ? DOCTOR_CLOCK_DRIFTS
                                                        : 0;
    if (code)
        report_find(probe->report, code, name, "it is %.0f seconds %s the provider's", by,
                    off < 0 ? "behind" : "ahead of");
}

/* True if there is an answer; else the cause is told. */
static bool asked(struct probe *probe, const struct config_provider *provider, const char *url,
                  const char *body, struct provider_answer *answer)
{
    const struct provider_request request = {
        .url = url, .body = body, .authorities = provider->authorities, .proxy = provider->proxy};
    provider_ask(&request, answer);
    if (answer->problem == 0) {
        check_clock(probe, provider->name, answer);
        return true;
    }
    report_find(probe->report, answer->problem, provider->name, "%s", answer->trouble);
    return false;
}

static void check_endpoint(struct probe *probe, const struct config_provider *provider)
{
    char url[URL_BYTES];
    CLEANUP(answer_release) struct provider_answer answer = {0};
    snprintf(url, sizeof url, "%s/challenge", provider->session_endpoint);
    if (!asked(probe, provider, url, "{}", &answer))
        return;
    CLEANUP(free_json)
    json_t *json = json_loadb((const char *)answer.body.data, answer.body.len, 0, NULL);
    if (answer.status == 200 && json_is_string(json_object_get(json, "challenge")))
        return;
    bool fails = answer.status == 429 || answer.status >= 500;
    report_find(probe->report, fails ? DOCTOR_ENDPOINT_FAILS : DOCTOR_ENDPOINT_WRONG, url,
                "it answers with the status %ld%s", answer.status,
                answer.status == 200 ? " and no challenge" : "");
}

static void check_discovery(struct probe *probe, const struct config_provider *provider)
{
    char url[URL_BYTES];
    CLEANUP(answer_release) struct provider_answer answer = {0};
    size_t len = strlen(provider->issuer);
    bool slash = len > 0 && provider->issuer[len - 1] == '/';
    snprintf(url, sizeof url, "%s%s.well-known/openid-configuration", provider->issuer,
             slash ? "" : "/");
    if (!asked(probe, provider, url, NULL, &answer))
        return;
    CLEANUP(free_json)
    json_t *json = json_loadb((const char *)answer.body.data, answer.body.len, 0, NULL);
    const char *issuer = json_string_value(json_object_get(json, "issuer"));
    if (answer.status != 200 || !issuer)
        report_find(probe->report, DOCTOR_DISCOVERY_MISSING, url, "it answers with the status %ld",
                    answer.status);
    else if (strcmp(issuer, provider->issuer) != 0)
        report_find(probe->report, DOCTOR_DISCOVERY_ISSUER, provider->issuer,
                    "it calls itself %.200s", issuer);
}

static void check_provider(struct probe *probe, const struct config_provider *provider, bool first)
{
    size_t before = probe->report->count;
    CLEANUP(answer_release) struct provider_answer answer = {0};
    bool endpoint = provider->session_endpoint[0] != '\0';
    if (endpoint)
        check_endpoint(probe, provider);
    else if (provider->issuer[0] == '\0')
        asked(probe, provider, provider->origins.at[0], NULL, &answer);
    /* The same server as a rule: what kept us from one keeps us from the other. */
    if (provider->issuer[0] != '\0' && probe->report->count == before)
        check_discovery(probe, provider);
    if (!first)
        for (size_t i = before; i < probe->report->count; i++)
            if (probe->report->findings[i].severity == SEVERITY_ERROR)
                probe->report->findings[i].severity = SEVERITY_WARNING;
}

/* The agent is started by systemd and not from this terminal: its requests go by its environment,
 * so ours do. Without an agent there is but this one. */
static void take_environment(const struct probe *probe)
{
    const json_t *told = json_object_get(probe->status, "proxyVariables");
    for (const char *const *name = proxy_variables; json_is_object(told) && *name; name++) {
        const char *value = json_string_value(json_object_get(told, *name));
        const char *own = getenv(*name);
        CLEANUP(free_text) char *own_told = own ? proxy_variable_told(own) : NULL;
        if (!value)
            unsetenv(*name);
        else if (!own_told || strcmp(own_told, value) != 0) /* ours may have the password, too */
            setenv(*name, value, 1);
    }
}

void check_providers(struct probe *probe)
{
    const struct config_provider *seen[PROBE_PROVIDERS_MAX];
    const struct config_list *origins = &probe->config.origins;
    int64_t until = clock_ms() + ALL_MS;
    size_t count = 0;
    if (origins->count == 0) {
        report_skip_after(probe->report, "configuration", DOCTOR_CONFIG_NO_PROVIDER);
        return;
    }
    take_environment(probe);
    const struct config_provider *usual = config_provider_default(&probe->config);
    for (size_t i = 0; i < origins->count && count < PROBE_PROVIDERS_MAX; i++) {
        const struct config_provider *provider = config_provider_of(&probe->config, origins->at[i]);
        bool known = !provider;
        for (size_t k = 0; k < count; k++)
            known = known || seen[k] == provider;
        if (known)
            continue;
        seen[count++] = provider;
        if (clock_ms() < until)
            check_provider(probe, provider, usual ? provider == usual : count == 1);
        else
            report_find(probe->report, DOCTOR_CHECK_FAILED, provider->name,
                        "the others took all the time");
        if (!usual)
            report_find(probe->report, DOCTOR_ENDPOINT_NONE, "",
                        "%s has no session-endpoint: nobody is signed in when a card goes in, only "
                        "where its page asks",
                        provider->name);
    }
    report_saw(probe->report, "%zu", count);
}
