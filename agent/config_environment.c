/* SPDX-License-Identifier: MIT */
/*
 * What is publicly known of the environments of NHS Care Identity (CIS2): the issuer of three, in
 * which ":443" is part of two names, and with it the origin of its pages, since an issuer's
 * authorisation endpoint stands below it. Of dep and training no issuer or origin is public, and a
 * sandbox is wherever it was started; an administrator lists those origins. Nowhere does Care
 * Identity offer a session endpoint of Lanyard's protocol yet, so none is built in.
 */
#include "agent/config_room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct config_word config_environment_words[] = {
    {CONFIG_LIVE, "live"},
    {CONFIG_DEPLOYMENT, "dep"},
    {CONFIG_INTEGRATION, "int"},
    {CONFIG_DEVELOPMENT, "dev"},
    {CONFIG_TRAINING, "training"},
    {CONFIG_SANDBOX, "sandbox"},
    {0, NULL},
};

static const struct {
    const char *issuer, *origin; /* NULL: not known */
} known[] = {
    [CONFIG_LIVE] = {"https://am.nhsidentity.spineservices.nhs.uk:443/openam/oauth2/realms/root/"
                     "realms/NHSIdentity/realms/Healthcare",
                     "https://am.nhsidentity.spineservices.nhs.uk"},
    [CONFIG_INTEGRATION] = {"https://am.nhsint.auth-ptl.cis2.spineservices.nhs.uk:443/openam/"
                            "oauth2/realms/root/realms/NHSIdentity/realms/Healthcare",
                            "https://am.nhsint.auth-ptl.cis2.spineservices.nhs.uk"},
    [CONFIG_DEVELOPMENT] = {"https://am.nhsdev.auth-ptl.cis2.spineservices.nhs.uk/openam/oauth2/"
                            "realms/root/realms/oidc",
                            "https://am.nhsdev.auth-ptl.cis2.spineservices.nhs.uk"},
    [CONFIG_SANDBOX] = {NULL, NULL},
};

const char *config_environment_name(enum config_environment environment)
{
    for (const struct config_word *word = config_environment_words; word->name; word++)
        if (word->value == (unsigned)environment)
            return word->name;
    return "";
}

/* Behind the origins that were given, of which the first has a meaning of its own. */
static int add_origin(struct config *config, struct config_provider *provider, const char *origin,
                      const char *place, struct config_reporter report)
{
    if (config_list_has(&provider->origins, origin))
        return 0;
    const char *other = config_provider_name_of(config, origin);
    if (other) {
        config_say(report, "%s: [provider %s]: origin %s of its environment belongs to provider %s",
                   provider->place, provider->name, origin, other);
        return -EINVAL;
    }
    int r = config_list_add(&provider->origins, origin, place);
    return r < 0 ? r : config_list_add(&config->origins, origin, place);
}

int config_environment_apply(struct config *config, struct config_provider *provider,
                             struct config_reporter report)
{
    const char *issuer = known[provider->environment].issuer;
    const char *origin = known[provider->environment].origin;
    char place[sizeof "environment training"];
    snprintf(place, sizeof place, "environment %s", config_environment_name(provider->environment));
    const struct config_row *row = config_row_named("provider", "issuer");
    char **issuer_place = &provider->places[row - config_rows];
    if (issuer && !*issuer_place) {
        *issuer_place = strdup(place);
        if (!*issuer_place || config_text_set(&provider->issuer, issuer) < 0)
            return -ENOMEM;
    }
    return origin ? add_origin(config, provider, origin, place, report) : 0;
}

bool config_provider_is_development(const struct config_provider *provider)
{
    if (provider->environment != CONFIG_NO_ENVIRONMENT && provider->environment != CONFIG_LIVE)
        return true;
    for (size_t i = 0; i < provider->origins.count; i++)
        if (strncmp(provider->origins.at[i], "http://", strlen("http://")) == 0)
            return true;
    return false;
}
