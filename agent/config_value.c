/* SPDX-License-Identifier: MIT */
/*
 * What a value may be. Each type of key has one spelling of what it means and refuses every other,
 * so that nothing is guessed: numbers are decimal digits, switches are yes and no, URLs are written
 * as a browser would write them.
 */
#include "agent/config_room.h"
#include "ipc/base/cleanup.h"
#include "ipc/door/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { SOCKET_PATH_MAX = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

/* ---- words and numbers ---- */

/* "yes or no", "error, warning, info or debug" */
static void list_words(const struct config_word *words, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; words[i].name; i++) {
        const char *between = i == 0 ? "" : words[i + 1].name ? ", " : " or ";
        int n = snprintf(out + used, size - used, "%s%s", between, words[i].name);
        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
    }
}

/* NULL: none of them, which has been told. */
static const struct config_word *find_word(struct config_source *source,
                                           const struct config_row *row, const char *value)
{
    for (const struct config_word *word = row->words; word->name; word++)
        if (strcmp(word->name, value) == 0)
            return word;
    char known[CONFIG_LINE_MAX] = "";
    list_words(row->words, known, sizeof known);
    config_problem(source, "%s is %s, not \"%s\"", row->is.name, known, value);
    return NULL;
}

static void set_word(struct config_source *source, const struct config_row *row, void *at,
                     const char *value)
{
    const struct config_word *word = find_word(source, row, value);
    if (!word)
        return;
    unsigned *set = at;
    switch (row->type) {
    case CONFIG_WORD:
        *set = word->value;
        break;
    case CONFIG_SWITCH:
        *(bool *)at = word->value;
        break;
    default: /* CONFIG_MODES */
        if (*set & 1U << word->value)
            config_problem(source, "%s %s is given twice", row->is.name, value);
        *set |= 1U << word->value;
    }
}

static void set_seconds(struct config_source *source, const struct config_row *row,
                        unsigned *seconds, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    bool number = digits > 0 && digits <= 6 && value[digits] == '\0';
    unsigned long given = number ? strtoul(value, NULL, 10) : 0;
    if (!number || given < row->least || given > row->most)
        config_problem(source, "%s is a number of seconds from %u to %u, not \"%s\"", row->is.name,
                       row->least, row->most, value);
    else
        *seconds = (unsigned)given;
}

/* ---- origins and URLs ---- */

/* With where it stands; a default stands nowhere. */
static int add_text(const struct config_source *source, struct config_list *list, const char *value)
{
    char *place = source->line > 0 ? config_place_of(source) : NULL;
    int r = source->line > 0 && !place ? -ENOMEM : config_list_add(list, value, place);
    free(place);
    return r;
}

static int add_value(struct config_source *source, struct config_list *list, const char *name,
                     const char *value)
{
    const char *first = config_list_place(list, value);
    if (first)
        config_problem(source, "%s %s is given twice (first in %s)", name, value, first);
    else if (list->count >= CONFIG_VALUES_MAX)
        config_problem(source, "more than %d values of %s", CONFIG_VALUES_MAX, name);
    else
        return add_text(source, list, value);
    return 0;
}

static int add_origin(struct config_source *source, struct config_list *list, const char *value)
{
    if (!origin_canonical(value, strlen(value))) {
        config_problem(source,
                       "\"%s\" is not an origin as browsers write it: https://host or "
                       "https://host:port in lower case, with nothing behind it",
                       value);
        return 0;
    }
    const char *other = config_provider_name_of(source->config, value);
    if (other && strcmp(other, source->provider->name) != 0) {
        config_problem(source, "origin %s belongs to provider %s already", value, other);
        return 0;
    }
    size_t before = list->count;
    int r = add_value(source, list, "origin", value);
    if (r < 0 || list->count == before)
        return r;
    return add_text(source, &source->config->origins, value);
}

/* "all", or a key that users may set. */
static int add_lock(struct config_source *source, struct config_list *list, const char *value)
{
    char nearest[CONFIG_LINE_MAX] = "";
    unsigned least = UINT_MAX;
    bool known = strcmp(value, "all") == 0;
    if (config_is_nearer(value, "all", &least))
        snprintf(nearest, sizeof nearest, "all");
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_row *row = &config_rows[i];
        char name[CONFIG_LINE_MAX];
        snprintf(name, sizeof name, "%s.%s", row->is.section, row->is.name);
        known = known || (row->is.user && strcmp(value, name) == 0);
        if (row->is.user && config_is_nearer(value, name, &least))
            snprintf(nearest, sizeof nearest, "%s", name);
    }
    if (known)
        return add_value(source, list, "lock", value);
    config_problem(source,
                   "lock is all, or section.key of a key that users may set, not \"%s\"%s%s%s",
                   value, nearest[0] ? "; did you mean \"" : "", nearest, nearest[0] ? "\"?" : "");
    return 0;
}

/* A path that no HTTP library rewrites (RFC 3986 §3.3, without escapes): segments with something in
 * them, none of which is "." or "..", and no slash at its end. */
static bool path_plain(const char *path)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@";
    while (*path == '/') {
        const char *segment = path + 1;
        size_t len = strspn(segment, allowed);
        if (len == 0 || (len <= 2 && strspn(segment, ".") == len))
            return false;
        path = segment + len;
    }
    return *path == '\0';
}

/* An origin and perhaps a path: what is proved by DPoP must have one spelling (RFC 9449 §4.3). */
static bool endpoint_plain(const char *url)
{
    const char *scheme_end = strstr(url, "://");
    if (!scheme_end)
        return false;
    size_t origin = (size_t)(scheme_end + 3 - url);
    origin += strcspn(url + origin, "/");
    return origin_canonical(url, origin) && path_plain(url + origin);
}

/* As an endpoint, but that the scheme's own port may be said, and a slash stand at its end: both
 * are part of the issuer's name, which is compared as it is written (OpenID Connect Discovery 1.0
 * §4.1, §4.3). */
static bool issuer_plain(const char *url)
{
    static const char https[] = "https://", own[] = ":443";
    const char *host = strncmp(url, https, sizeof https - 1) == 0 ? url + sizeof https - 1 : url;
    size_t before = (size_t)(host - url) + (host == url ? 0 : strcspn(host, "/"));
    char plain[CONFIG_LINE_MAX + 1];
    if (strlen(url) >= sizeof plain)
        return false;
    bool says_own = host != url && before >= sizeof own - 1 &&
                    strncmp(url + before - (sizeof own - 1), own, sizeof own - 1) == 0;
    size_t kept = says_own ? before - (sizeof own - 1) : before;
    int len = snprintf(plain, sizeof plain, "%.*s%s", (int)kept, url, url + before);
    if (len > 0 && plain[len - 1] == '/')
        plain[len - 1] = '\0';
    return endpoint_plain(plain);
}

/* scheme://host:port. The port is asked for: libcurl's own for proxies is one that nobody uses. */
static bool proxy_plain(const char *url)
{
    static const char *const schemes[] = {"http://", "https://", "socks5h://"};
    const char *host = NULL;
    for (size_t i = 0; !host && i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
            host = url + strlen(schemes[i]);
    const char *colon = host ? strrchr(host, ':') : NULL;
    if (!colon)
        return false;
    const char *port = colon + 1;
    size_t digits = strspn(port, "0123456789");
    unsigned long number = digits >= 1 && digits <= 5 ? strtoul(port, NULL, 10) : 0;
    if (port[digits] != '\0' || port[0] == '0' || number < 1 || number > UINT16_MAX)
        return false;
    char origin[CONFIG_LINE_MAX + sizeof "https://"];
    int len = snprintf(origin, sizeof origin, "https://%.*s", (int)(colon - host), host);
    return len > 0 && (size_t)len < sizeof origin && !strchr(origin + strlen("https://"), '/') &&
           origin_canonical(origin, (size_t)len);
}

/* ---- every type ---- */

/* What is wrong with a text's form, as "is what it must be"; NULL: nothing. */
static const char *text_wrong(const struct config_row *row, const char *value)
{
    switch (row->type) {
    case CONFIG_PATH:
    case CONFIG_PATHS:
        return value[0] == '/' ? NULL : "is an absolute path";
    case CONFIG_SOCKET:
        return value[0] == '/' && strlen(value) <= SOCKET_PATH_MAX
                   ? NULL
                   : "is an absolute path of at most 107 bytes";
    case CONFIG_COMMAND:
        return value[0] == '/' ? NULL : "is a program's absolute path and its arguments";
    case CONFIG_ENDPOINT:
        return endpoint_plain(value)
                   ? NULL
                   : "is an https URL (http only with 127.0.0.1, localhost or [::1]) without user, "
                     "query, fragment or a slash at its end";
    case CONFIG_ISSUER:
        return issuer_plain(value) ? NULL
                                   : "is an https URL (http only with 127.0.0.1, localhost or "
                                     "[::1]) without user, query or fragment";
    case CONFIG_PROXY:
        return proxy_plain(value) ? NULL
                                  : "is http://host:port, https://host:port or socks5h://host:port";
    default:
        return NULL;
    }
}

/* Printed again, with blanks around its '=', it must be a line that can be read. */
static bool fits_line(struct config_source *source, const char *name, const char *value)
{
    size_t most = CONFIG_LINE_MAX - strlen(name) - strlen(" = ");
    if (strlen(value) <= most)
        return true;
    config_problem(source, "%s is at most %zu bytes long", name, most);
    return false;
}

int config_set(struct config_source *source, const struct config_row *row, const char *value)
{
    bool may_be_empty = !row->is.repeatable && row->is.fallback[0] == '\0';
    if (value[0] == '\0' && !may_be_empty) {
        config_problem(source, "%s has no value", row->is.name);
        return 0;
    }
    const char *wrong = value[0] == '\0' ? NULL : text_wrong(row, value);
    if (wrong)
        config_problem(source, "%s %s, not \"%s\"", row->is.name, wrong, value);
    if (wrong || !fits_line(source, row->is.name, value))
        return 0;
    void *at = (char *)config_base(row, source->config, source->provider) + row->offset;
    switch (row->type) {
    case CONFIG_WORD:
    case CONFIG_SWITCH:
    case CONFIG_MODES:
        if (value[0] != '\0')
            set_word(source, row, at, value);
        return 0;
    case CONFIG_SECONDS:
        set_seconds(source, row, at, value);
        return 0;
    case CONFIG_PATHS:
    case CONFIG_TEXTS:
        return add_value(source, at, row->is.name, value);
    case CONFIG_ORIGINS:
        return add_origin(source, at, value);
    case CONFIG_LOCKS:
        return add_lock(source, at, value);
    case CONFIG_PATH:
    case CONFIG_SOCKET:
    case CONFIG_COMMAND:
    case CONFIG_ENDPOINT:
    case CONFIG_ISSUER:
    case CONFIG_PROXY:
        return config_text_set(at, value);
    }
    return 0;
}

/* ---- what is there ---- */

bool config_type_is_text(enum config_type type)
{
    return type >= CONFIG_PATH && type <= CONFIG_PROXY;
}

bool config_type_is_list(enum config_type type)
{
    return type >= CONFIG_PATHS;
}

size_t config_value_count(const struct config_row *row, const void *base)
{
    const void *at = (const char *)base + row->offset;
    if (config_type_is_list(row->type))
        return ((const struct config_list *)at)->count;
    if (row->type != CONFIG_MODES)
        return 1;
    size_t count = 0;
    for (const struct config_word *word = row->words; word->name; word++)
        count += *(const unsigned *)at >> word->value & 1U;
    return count;
}

/* Of a set its i-th word. */
static const char *word_text(const struct config_row *row, unsigned value, size_t i)
{
    for (const struct config_word *word = row->words; word->name; word++)
        if (row->type == CONFIG_MODES ? (value >> word->value & 1U) && i-- == 0
                                      : word->value == value)
            return word->name;
    return "";
}

const char *config_value_text(const struct config_row *row, const void *base, size_t i,
                              char room[CONFIG_LINE_MAX])
{
    const void *at = (const char *)base + row->offset;
    if (config_type_is_list(row->type))
        return ((const struct config_list *)at)->at[i];
    if (config_type_is_text(row->type))
        return *(char *const *)at ? *(char *const *)at : "";
    if (row->type == CONFIG_SWITCH)
        return word_text(row, *(const bool *)at, i);
    if (row->type != CONFIG_SECONDS)
        return word_text(row, *(const unsigned *)at, i);
    snprintf(room, CONFIG_LINE_MAX, "%u", *(const unsigned *)at);
    return room;
}

void config_value_free(const struct config_row *row, void *base)
{
    void *at = (char *)base + row->offset;
    if (config_type_is_list(row->type))
        config_list_deinit(at);
    else if (config_type_is_text(row->type))
        free_text(at);
}

void config_value_swap(const struct config_row *row, void *one, void *other)
{
    size_t size = config_type_is_list(row->type)   ? sizeof(struct config_list)
                  : config_type_is_text(row->type) ? sizeof(char *)
                  : row->type == CONFIG_SWITCH     ? sizeof(bool)
                                                   : sizeof(unsigned);
    char *a = (char *)one + row->offset, *b = (char *)other + row->offset;
    char kept[sizeof(struct config_list)];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}
