/* SPDX-License-Identifier: MIT */
/*
 * The sections [provider NAME]. One may be spread over several files; what it gives once is given
 * once in all of them. Who may ask is what a provider is for, so one without an origin is a mistake
 * to be told, but not a second time when its origin was refused by a line of its own, or is another
 * provider's.
 */
#include "agent/config_room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct config_provider *find(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (strcmp(config->providers[i]->name, name) == 0)
            return config->providers[i];
    return NULL;
}

void config_provider_free(struct config_provider *provider)
{
    if (!provider)
        return;
    for (size_t i = 0; i < config_row_count; i++) {
        free(provider->places[i]);
        if (config_row_of_provider(&config_rows[i]))
            config_value_free(&config_rows[i], provider);
    }
    free(provider->name);
    free(provider->place);
    free(provider);
}

/* place: taken. */
static int add(struct config *config, const char *name, char *place)
{
    struct config_provider *added = calloc(1, sizeof *added);
    struct config_provider **grown =
        reallocarray(config->providers, config->provider_count + 1, sizeof *grown);
    if (grown)
        config->providers = grown;
    if (added)
        *added = (struct config_provider){.name = strdup(name), .place = place};
    else
        free(place);
    if (!grown || !added || !added->name || !added->place) {
        config_provider_free(added);
        return -ENOMEM;
    }
    grown[config->provider_count++] = added;
    return 0;
}

int config_provider_open(struct config_source *source, const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strlen(name);
    if (len == 0 || len > CONFIG_NAME_MAX || name[strspn(name, allowed)] != '\0') {
        config_problem(source,
                       "a provider's name is at most %d lower-case letters, digits and hyphens",
                       CONFIG_NAME_MAX);
        return -EINVAL;
    }
    if (!find(source->config, name)) {
        int r = add(source->config, name, config_place_of(source));
        if (r < 0)
            return r;
    }
    source->provider = find(source->config, name);
    return 0;
}

int config_providers_complete(struct config *config, struct config_reporter report)
{
    int result = 0;
    for (size_t i = 0; i < config->provider_count; i++) {
        struct config_provider *provider = config->providers[i];
        int r = config_environment_apply(config, provider, report);
        char **texts[] = {&provider->issuer, &provider->session_endpoint, &provider->authorities,
                          &provider->proxy};
        for (size_t t = 0; r != -ENOMEM && t < sizeof texts / sizeof *texts; t++)
            if (!*texts[t] && config_text_set(texts[t], "") < 0)
                r = -ENOMEM;
        if (r == -ENOMEM || config_list_complete(&provider->origins) < 0)
            return -ENOMEM;
        if (r < 0)
            result = r;
        if (provider->origins.count > 0 || r < 0)
            continue;
        if (!provider->faulty && provider->environment == CONFIG_NO_ENVIRONMENT)
            config_say(report, "%s: [provider %s] has no origin", provider->place, provider->name);
        else if (!provider->faulty)
            config_say(
                report, "%s: [provider %s] has no origin, and none of environment %s is known",
                provider->place, provider->name, config_environment_name(provider->environment));
        result = -EINVAL;
    }
    return result;
}

void config_providers_deinit(struct config *config)
{
    for (size_t i = 0; i < config->provider_count; i++)
        config_provider_free(config->providers[i]);
    for (size_t i = 0; i < config->retired_count; i++)
        config_provider_free(config->retired[i]);
    free(config->providers);
    free(config->retired);
    config->providers = config->retired = NULL;
    config->provider_count = config->retired_count = 0;
}

const char *config_provider_place(const struct config_provider *provider, const char *key)
{
    const struct config_row *row = config_row_named("provider", key);
    const char *place = row ? provider->places[row - config_rows] : NULL;
    return place ? place : "default";
}

const struct config_provider *config_provider_of(const struct config *config, const char *origin)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (config_list_has(&config->providers[i]->origins, origin))
            return config->providers[i];
    return NULL;
}

const char *config_provider_name_of(const struct config *config, const char *origin)
{
    const struct config_provider *provider = config_provider_of(config, origin);
    return provider ? provider->name : NULL;
}

const struct config_provider *config_provider_named(const struct config *config, const char *name)
{
    return find(config, name);
}

const struct config_provider *config_provider_default(const struct config *config)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (config->providers[i]->session_endpoint[0] != '\0')
            return config->providers[i];
    return NULL;
}

bool config_provider_listed(const struct config *config, const struct config_provider *provider)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (config->providers[i] == provider)
            return true;
    return false;
}
