/* SPDX-License-Identifier: MIT */
/*
 * A pattern is SCHEME://HOST:PORT/PATH with everything but the host left out at will; a host that
 * begins with "[*.]", or "*." in Firefox, stands for itself and every name below, and "*" for all.
 */
#include "agent/doctor/policy.h"

#include <stdio.h>
#include <string.h>

enum { HOST_MAX = 255, PORT_MAX = 8, SCHEME_MAX = 16 };

struct place {
    char scheme[SCHEME_MAX], host[HOST_MAX + 1], port[PORT_MAX]; /* "": not said */
};

static const char *default_port(const char *scheme)
{
    return strcmp(scheme, "https") == 0 ? "443" : strcmp(scheme, "http") == 0 ? "80" : "";
}

static void take_apart(const char *text, struct place *out)
{
    *out = (struct place){0};
    const char *behind = strstr(text, "://");
    if (behind) {
        snprintf(out->scheme, sizeof out->scheme, "%.*s", (int)(behind - text), text);
        text = behind + 3;
    }
    const char *host = strncmp(text, "[*.]", 4) == 0 ? text + 4 : text; /* no IPv6 address */
    size_t skip = *host == '[' ? strcspn(host, "]") : 0;
    size_t len = skip + strcspn(host + skip, ":/?#") + (size_t)(host - text);
    snprintf(out->host, sizeof out->host, "%.*s", (int)(len > HOST_MAX ? HOST_MAX : len), text);
    if (text[len] == ':')
        snprintf(out->port, sizeof out->port, "%.*s", (int)strcspn(text + len + 1, "/?#"),
                 text + len + 1);
}

static bool host_fits(const char *pattern, const char *host)
{
    if (strcmp(pattern, "*") == 0)
        return true;
    size_t dots = strncmp(pattern, "[*.]", 4) == 0 ? 4 : strncmp(pattern, "*.", 2) == 0 ? 2 : 0;
    pattern += dots;
    if (strcmp(pattern, host) == 0)
        return true;
    size_t len = strlen(pattern), all = strlen(host);
    return dots > 0 && all > len && host[all - len - 1] == '.' &&
           strcmp(host + all - len, pattern) == 0;
}

bool policy_pattern_fits(const char *pattern, const char *origin)
{
    struct place wanted, is;
    take_apart(pattern, &wanted);
    take_apart(origin, &is);
    const char *port = is.port[0] ? is.port : default_port(is.scheme);
    const char *asked = wanted.port[0]     ? wanted.port
                        : wanted.scheme[0] ? default_port(wanted.scheme)
                                           : port;
    return (wanted.scheme[0] == '\0' || strcmp(wanted.scheme, "*") == 0 ||
            strcmp(wanted.scheme, is.scheme) == 0) &&
           host_fits(wanted.host, is.host) &&
           (strcmp(asked, "*") == 0 || asked[0] == '\0' || strcmp(asked, port) == 0 ||
            strcmp(wanted.host, "*") == 0);
}

static bool list_has(const json_t *list, const char *origin)
{
    size_t i;
    json_t *each;
    json_array_foreach(list, i,
                       each) if (json_is_string(each) &&
                                 policy_pattern_fits(json_string_value(each), origin)) return true;
    return false;
}

static const struct {
    const char *name;
    enum policy_verdict verdict;
} lists[] = {
    {"LoopbackNetworkBlockedForUrls", POLICY_BLOCKS},
    {"LoopbackNetworkAllowedForUrls", POLICY_ALLOWS},
    {"LocalNetworkAccessBlockedForUrls", POLICY_BLOCKS},
    {"LocalNetworkAccessAllowedForUrls", POLICY_ALLOWS},
};
static const char opt_out[] = "LocalNetworkAccessRestrictionsTemporaryOptOut";

enum policy_verdict policy_of_chromium(const json_t *policies, const char *origin,
                                       const char **list)
{
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (list_has(json_object_get(policies, lists[i].name), origin)) {
            *list = lists[i].name;
            return lists[i].verdict;
        }
    *list = opt_out;
    return json_is_true(json_object_get(policies, opt_out)) ? POLICY_ALLOWS : POLICY_SILENT;
}

enum policy_verdict policy_of_firefox(const json_t *file, const char *origin, const char **list)
{
    const json_t *access = json_object_get(json_object_get(file, "policies"), "LocalNetworkAccess");
    *list = "LocalNetworkAccess";
    if (json_is_false(json_object_get(access, "Enabled")))
        return POLICY_ALLOWS;
    return list_has(json_object_get(access, "SkipDomains"), origin) ? POLICY_ALLOWS : POLICY_SILENT;
}

json_t *policy_excerpt(const json_t *policies)
{
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        json_object_set(out, lists[i].name, json_object_get(policies, lists[i].name));
    json_object_set(out, opt_out, json_object_get(policies, opt_out));
    json_object_set(out, "LocalNetworkAccess",
                    json_object_get(json_object_get(policies, "policies"), "LocalNetworkAccess"));
    return out;
}
