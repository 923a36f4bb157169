/* SPDX-License-Identifier: MIT */
#include "agent/settings.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void log_problem(void *context, const char *problem)
{
    (void)context;
    log_error("%s", problem);
}

static void log_remark(void *context, const char *problem)
{
    (void)context;
    log_warning("%s", problem);
}

const struct config_reporter settings_log_faults = {.fn = log_problem};
const struct config_reporter settings_log_remarks = {.fn = log_remark};

/* Of the file that a key names. */
struct key_report {
    struct config_reporter report;
    const char *place, *key;
};

static void say_of_key(void *context, const char *problem)
{
    const struct key_report *of = context;
    config_say(of->report, "%s: %s: %s", of->place, of->key, problem);
}

/* What is wrong with what a file of PEM holds: things of that kind. */
static void say_unusable(struct config_reporter report, const char *path, const char *kind,
                         int error)
{
    if (error == -ENODATA)
        config_say(report, "%s: holds no %s in PEM", path, kind);
    else if (error == -EBADMSG)
        config_say(report, "%s: holds a %s that cannot be read", path, kind);
    else
        config_say(report, "%s: %s", path, strerror(-error));
}

/* Owned; a fault is reported. */
static int load_certificates(const struct config *config, const char *path, struct issuers **out,
                             struct config_reporter report)
{
    CLEANUP(bytes_deinit) struct bytes pem = {0};
    int r = config_read_file(config, path, &pem, report);
    if (r < 0)
        return r;
    r = issuers_parse(pem.data, pem.len, out);
    if (r < 0)
        say_unusable(report, path, "certificate", r);
    return r;
}

static int load_lists(struct settings *settings, struct config_reporter faults,
                      struct config_reporter remarks)
{
    const struct config *config = &settings->config;
    struct key_report of = {faults, config_place(config, "revocation-lists"), "revocation-lists"};
    struct config_reporter report = {.fn = say_of_key, .context = &of};
    if (config->revocation_lists[0] == '\0')
        return 0;
    CLEANUP(bytes_deinit) struct bytes pem = {0};
    size_t old = 0;
    int r = config_read_lists(config, &pem, report);
    if (r < 0)
        return r;
    r = issuers_add_lists(settings->issuers, pem.data, pem.len, time(NULL), &old);
    if (r < 0)
        say_unusable(report, config->revocation_lists, "revocation list", r);
    of.report = remarks;
    if (r == 0 && old > 0)
        config_say(report, "%s: %zu of the lists should have been replaced by now",
                   config->revocation_lists, old);
    return r;
}

static int load_issuers(struct settings *settings, struct config_reporter faults)
{
    const struct config *config = &settings->config;
    struct key_report of = {faults, config_place(config, "issuers"), "issuers"};
    struct config_reporter report = {.fn = say_of_key, .context = &of};
    if (config->issuers[0] == '\0') {
        settings->issuers = issuers_any();
        return settings->issuers ? 0 : -ENOMEM;
    }
    return load_certificates(config, config->issuers, &settings->issuers, report);
}

/* The TLS library reads these by their names when a request needs them, and says no more than that
 * it cannot. That they are there and safe config_load has seen to. */
static int check_authorities(const struct config *config, struct config_reporter faults)
{
    int result = 0;
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = config->providers[i];
        struct key_report of = {faults, config_provider_place(provider, "authorities"),
                                "authorities"};
        struct config_reporter report = {.fn = say_of_key, .context = &of};
        CLEANUP(issuers_free) struct issuers *held = NULL;
        int r = provider->authorities[0] == '\0'
                    ? 0
                    : load_certificates(config, provider->authorities, &held, report);
        if (r < 0)
            result = r;
    }
    return result;
}

int settings_load(const struct settings_source *source, struct settings *settings,
                  struct config_reporter faults, struct config_reporter remarks)
{
    bool users = !source->user_file || source->user_file[0] != '\0';
    settings->issuers = NULL;
    int r = config_load(source->dir, &settings->config, faults);
    if (r == 0 && users)
        r = config_load_user(&settings->config, source->user_file, remarks);
    int authorities = r == 0 ? check_authorities(&settings->config, faults) : 0;
    if (r == 0)
        r = load_issuers(settings, faults);
    if (r == 0)
        r = load_lists(settings, faults, remarks);
    if (r == 0)
        r = authorities;
    if (r < 0) {
        settings_deinit(settings);
        return r;
    }
    config_check_pinentry(&settings->config, remarks);
    config_check_lock_command(&settings->config, remarks);
    return 0;
}

void settings_mark(const struct config *config, char mark[SETTINGS_MARK_BYTES])
{
    char *text = NULL;
    size_t len;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    FILE *out = open_memstream(&text, &len);
    mark[0] = '\0';
    if (!out)
        return;
    config_print(config, out);
    bool whole = ferror(out) == 0;
    if (fclose(out) == 0 && whole && SHA256((const unsigned char *)text, len, digest))
        for (size_t i = 0; i < sizeof digest; i++)
            snprintf(mark + 2 * i, 3, "%02x", digest[i]);
    free(text);
}

void settings_deinit(struct settings *settings)
{
    issuers_free(&settings->issuers);
    config_deinit(&settings->config);
}
