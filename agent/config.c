/* SPDX-License-Identifier: MIT */
/*
 * libinih splits lines into sections, keys and values; everything it is lenient about is made
 * strict here. It reads through next_line, which counts the lines (the handler is not told them),
 * takes indentation away (which libinih would read as the continuation of a value), and refuses
 * what libinih would cut: long lines, long section names, bytes that are not text. Section headers
 * are seen by next_line as well, because libinih is silent about a section without keys, and an
 * empty or misspelt one is a mistake to be told.
 *
 * Problems do not stop the reading: an administrator is told all of them at once.
 */
#include "agent/config.h"

#include "ipc/door/door.h"

#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the table ---- */

enum key_type { KEY_LEVEL, KEY_SECONDS, KEY_PATH, KEY_PATHS, KEY_READERS, KEY_ORIGINS };

struct key {
    struct config_key is;
    enum key_type type;
    size_t offset; /* of its member in struct config */
};

/* Several fallbacks with ':' between them: the first that exists, else the first. */
static const struct key keys[] = {
    {{"agent", "log-level", "info",
      "How much is written to the journal: error, warning, info or debug.", false},
     KEY_LEVEL,
     offsetof(struct config, log_level)},
    {{"door", "broker-socket", "/run/lanyard/portd",
      "The socket on which lanyard-portd passes on the connections of pages.", false},
     KEY_PATH,
     offsetof(struct config, broker_socket)},
    {{"cards", "module",
      "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so:/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so:"
      "/usr/lib64/opensc-pkcs11.so:/usr/lib/opensc-pkcs11.so",
      "A PKCS#11 module through which cards are used.", true},
     KEY_PATHS,
     offsetof(struct config, modules)},
    {{"cards", "ignore-reader", "", "The exact name of a reader whose cards are left alone.", true},
     KEY_READERS,
     offsetof(struct config, ignored_readers)},
    {{"cards", "issuers", "",
      "A PEM file of the authorities whose cards may sign in; empty: any, the provider decides.",
      false},
     KEY_PATH,
     offsetof(struct config, issuers)},
    {{"cards", "pin-timeout", "120",
      "After how many seconds (10 to 600) without a PIN a sign-in is given up.", false},
     KEY_SECONDS,
     offsetof(struct config, pin_timeout)},
    {{"prompt", "program", "/usr/bin/pinentry", "The pinentry program that asks for the PIN.",
      false},
     KEY_PATH,
     offsetof(struct config, pinentry)},
    {{"provider", "origin", "",
      "An origin, such as https://login.example.nhs.uk, whose pages may ask for a sign-in.", true},
     KEY_ORIGINS,
     offsetof(struct config, origins)},
};

enum { KEYS = CONFIG_KEYS };
_Static_assert(sizeof keys / sizeof *keys == KEYS, "CONFIG_KEYS counts the table");

static const struct {
    enum log_level level;
    const char *name;
} levels[] = {
    {LOG_LEVEL_ERROR, "error"},
    {LOG_LEVEL_WARNING, "warning"},
    {LOG_LEVEL_INFO, "info"},
    {LOG_LEVEL_DEBUG, "debug"},
};

enum { LEVELS = sizeof levels / sizeof *levels };

const struct config_key *config_key_at(size_t i)
{
    return i < KEYS ? &keys[i].is : NULL;
}

/* Where in *config a key's value lives. */
static void *member(const struct key *key, struct config *config)
{
    return (char *)config + key->offset;
}

static const void *member_of(const struct key *key, const struct config *config)
{
    return (const char *)config + key->offset;
}

/* ---- owned texts ---- */

static void list_deinit(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free((void *)(uintptr_t)list->at[i]);
    free(list->at);
    *list = (struct config_list){0};
}

static bool list_has(const struct config_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->at[i], text) == 0)
            return true;
    return false;
}

/* Keeps the list NULL-terminated. */
static int list_add(struct config_list *list, const char *text)
{
    const char **grown = reallocarray(list->at, list->count + 2, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    list->at = grown;
    char *copy = strdup(text);
    list->at[list->count] = copy;
    if (!copy)
        return -ENOMEM;
    list->at[++list->count] = NULL;
    return 0;
}

static int set_text(char **text, const char *value)
{
    free(*text);
    *text = strdup(value);
    return *text ? 0 : -ENOMEM;
}

void config_init(struct config *config)
{
    *config = (struct config){.log_level = LOG_LEVEL_INFO};
}

void config_deinit(struct config *config)
{
    for (size_t i = 0; i < config->provider_count; i++) {
        free(config->providers[i].name);
        free(config->providers[i].place);
        list_deinit(&config->providers[i].origins);
    }
    free(config->providers);
    list_deinit(&config->modules);
    list_deinit(&config->ignored_readers);
    list_deinit(&config->origins);
    for (size_t i = 0; i < KEYS; i++)
        free(config->places[i]);
    free(config->broker_socket);
    free(config->issuers);
    free(config->pinentry);
    config_init(config);
}

static struct config_provider *find_provider(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (strcmp(config->providers[i].name, name) == 0)
            return &config->providers[i];
    return NULL;
}

/* place: taken. */
static int add_provider(struct config *config, const char *name, char *place)
{
    struct config_provider added = {.name = strdup(name), .place = place};
    struct config_provider *grown =
        reallocarray(config->providers, config->provider_count + 1, sizeof *grown);
    if (grown)
        config->providers = grown;
    if (!grown || !added.name || !place) {
        free(added.name);
        free(place);
        return -ENOMEM;
    }
    grown[config->provider_count++] = added;
    return 0;
}

const struct config_provider *config_provider_of(const struct config *config, const char *origin)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (list_has(&config->providers[i].origins, origin))
            return &config->providers[i];
    return NULL;
}

const char *config_provider_name_of(const struct config *config, const char *origin)
{
    const struct config_provider *provider = config_provider_of(config, origin);
    return provider ? provider->name : NULL;
}

const char *config_place(const struct config *config, const char *key)
{
    for (size_t i = 0; i < KEYS; i++)
        if (config->places[i] && strcmp(keys[i].is.name, key) == 0)
            return config->places[i];
    return "default";
}

/* ---- problems ---- */

enum { PROBLEM_MAX = PATH_MAX + 512 };

void config_say(struct config_reporter report, const char *format, ...)
{
    char text[PROBLEM_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (report.fn)
        report.fn(report.context, text);
}

/* One text that is being read. */
struct source {
    struct config *config;
    struct config_reporter report;
    const char *name;
    const char *rest;
    size_t left;
    unsigned line;
    bool section_known;               /* else its keys are passed over: it has been reported */
    struct config_provider *provider; /* of the section; NULL: another section */
    int result;                       /* 0, -EINVAL, -ENOMEM */
};

__attribute__((format(printf, 2, 3))) static void problem(struct source *source, const char *format,
                                                          ...)
{
    char text[PROBLEM_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config_say(source->report, "%s:%u: %s", source->name, source->line, text);
    if (source->provider)
        source->provider->faulty = true;
    if (source->result == 0)
        source->result = -EINVAL;
}

/* "FILE:LINE", owned; NULL without memory. */
static char *place_of(const struct source *source)
{
    char *place;
    return asprintf(&place, "%s:%u", source->name, source->line) < 0 ? NULL : place;
}

/* The number of insertions, deletions and replacements from a to b (Levenshtein); both at most
 * CONFIG_LINE_MAX long. */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[CONFIG_LINE_MAX + 2];
    unsigned width = (unsigned)strnlen(b, CONFIG_LINE_MAX);
    for (unsigned j = 0; j <= width; j++)
        row[j] = j;
    for (unsigned i = 0; a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (unsigned j = 1; j <= width; j++) {
            unsigned replaced = diagonal + (a[i] != b[j - 1]);
            unsigned skipped = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < skipped ? replaced : skipped;
        }
    }
    return row[width];
}

/* The key of that section, or of any (NULL), whose name (or section) is nearest. */
static const struct key *nearest(const char *section, const char *word)
{
    const struct key *best = NULL;
    unsigned least = UINT_MAX;
    for (size_t i = 0; i < KEYS; i++) {
        if (section && strcmp(keys[i].is.section, section) != 0)
            continue;
        unsigned distance = edit_distance(word, section ? keys[i].is.name : keys[i].is.section);
        if (distance < least) {
            least = distance;
            best = &keys[i];
        }
    }
    return best;
}

/* ---- values ---- */

static int set_level(struct source *source, struct config *config, const char *value)
{
    for (size_t i = 0; i < LEVELS; i++)
        if (strcmp(levels[i].name, value) == 0) {
            config->log_level = levels[i].level;
            return 0;
        }
    problem(source, "log-level is error, warning, info or debug, not \"%s\"", value);
    return 0;
}

static int set_seconds(struct source *source, unsigned *seconds, const char *name,
                       const char *value)
{
    size_t digits = strspn(value, "0123456789");
    unsigned long number = digits > 0 && digits <= 6 ? strtoul(value, NULL, 10) : 0;
    if (value[digits] != '\0' || number < CONFIG_PIN_TIMEOUT_MIN || number > CONFIG_PIN_TIMEOUT_MAX)
        problem(source, "%s is a number of seconds from %d to %d, not \"%s\"", name,
                CONFIG_PIN_TIMEOUT_MIN, CONFIG_PIN_TIMEOUT_MAX, value);
    else
        *seconds = (unsigned)number;
    return 0;
}

static int add_value(struct source *source, struct config_list *list, const char *name,
                     const char *value)
{
    if (list_has(list, value))
        problem(source, "%s %s is given twice", name, value);
    else if (list->count >= CONFIG_VALUES_MAX)
        problem(source, "more than %d values of %s", CONFIG_VALUES_MAX, name);
    else
        return list_add(list, value);
    return 0;
}

static int add_origin(struct source *source, struct config *config, const char *value)
{
    if (!origin_canonical(value, strlen(value))) {
        problem(source,
                "\"%s\" is not an origin as browsers write it: https://host or https://host:port "
                "in lower case, with nothing behind it",
                value);
        return 0;
    }
    const char *other = config_provider_name_of(config, value);
    if (other && strcmp(other, source->provider->name) != 0) {
        problem(source, "origin %s belongs to provider %s already", value, other);
        return 0;
    }
    size_t before = source->provider->origins.count;
    int r = add_value(source, &source->provider->origins, "origin", value);
    if (r < 0 || source->provider->origins.count == before)
        return r;
    return list_add(&config->origins, value);
}

/* 0 (problems are noted in the source) or -ENOMEM. */
static int set_value(struct source *source, const struct key *key, const char *value)
{
    struct config *config = source->config;
    bool path = key->type == KEY_PATH || key->type == KEY_PATHS;
    bool may_be_empty = key->type == KEY_PATH && key->is.fallback[0] == '\0';
    if (value[0] == '\0' && !may_be_empty) {
        problem(source, "%s has no value", key->is.name);
        return 0;
    }
    if (path && value[0] != '/' && value[0] != '\0') {
        problem(source, "%s is an absolute path, not \"%s\"", key->is.name, value);
        return 0;
    }
    switch (key->type) {
    case KEY_LEVEL:
        return set_level(source, config, value);
    case KEY_SECONDS:
        return set_seconds(source, member(key, config), key->is.name, value);
    case KEY_PATH:
        return set_text(member(key, config), value);
    case KEY_PATHS:
    case KEY_READERS:
        return add_value(source, member(key, config), key->is.name, value);
    case KEY_ORIGINS:
        return add_origin(source, config, value);
    }
    return 0;
}

/* ---- one text ---- */

/* Called by libinih for each "key = value". */
static int on_value(void *user, const char *section, const char *name, const char *value)
{
    struct source *source = user;
    if (section[0] == '\0')
        problem(source, "%s stands before any [section]", name);
    if (!source->section_known)
        return 1;

    const char *table_section = source->provider ? "provider" : section;
    const struct key *key = nearest(table_section, name);
    if (strcmp(key->is.name, name) != 0) {
        problem(source, "unknown key \"%s\" in [%s]; did you mean \"%s\"?", name, section,
                key->is.name);
        return 1;
    }
    char **place = &source->config->places[key - keys];
    if (!key->is.repeatable && *place) {
        problem(source, "%s is given twice", name);
        return 1;
    }
    if (!*place)
        *place = place_of(source);
    if (!*place || set_value(source, key, value) < 0)
        source->result = -ENOMEM;
    return 1;
}

static void open_provider(struct source *source, const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strlen(name);
    if (len == 0 || len > CONFIG_NAME_MAX || name[strspn(name, allowed)] != '\0') {
        problem(source, "a provider's name is at most %d lower-case letters, digits and hyphens",
                CONFIG_NAME_MAX);
        return;
    }
    if (!find_provider(source->config, name) &&
        add_provider(source->config, name, place_of(source)) < 0) {
        source->result = -ENOMEM;
        return;
    }
    source->provider = find_provider(source->config, name);
    source->section_known = true;
}

/* line: without its '[' and terminated. A line without ']' is left for libinih to refuse. */
static void open_section(struct source *source, char *line)
{
    static const char provider[] = "provider ";
    source->section_known = false;
    source->provider = NULL;
    char *end = strchr(line, ']');
    if (!end)
        return;
    *end = '\0';
    const char *behind = end + 1 + strspn(end + 1, " \t\r");
    if (*behind != '\0' && *behind != ';' && *behind != '#') {
        problem(source, "text behind [%s]", line);
    } else if (strncmp(line, provider, sizeof provider - 1) == 0) {
        open_provider(source, line + sizeof provider - 1);
    } else {
        const char *known = nearest(NULL, line)->is.section;
        bool needs_name = strcmp(known, "provider") == 0;
        source->section_known = strcmp(known, line) == 0 && !needs_name;
        if (!source->section_known)
            problem(source, "unknown section [%s]; did you mean [%s%s]?", line, known,
                    needs_name ? " NAME" : "");
    }
}

static bool is_text(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)line[i];
        if ((c < 0x20 && c != '\t' && !(c == '\r' && i == len - 1)) || c == 0x7f)
            return false;
    }
    return utf8_valid(line, len);
}

/* libinih's fgets: the next line into out, at most size bytes with its '\n' and NUL. A line that
 * cannot be taken is reported and read as an empty one. */
static char *next_line(char *out, int size, void *stream)
{
    struct source *source = stream;
    if (source->left == 0)
        return NULL;
    const char *line = source->rest;
    const char *end = memchr(line, '\n', source->left);
    size_t len = end ? (size_t)(end - line) : source->left;
    source->rest += len + (end ? 1 : 0);
    source->left -= len + (end ? 1 : 0);
    source->line++;

    if (source->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        len -= 3;
    }
    while (len > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    if (len > CONFIG_LINE_MAX || len + 2 > (size_t)size) {
        problem(source, "a line is at most %d bytes long", CONFIG_LINE_MAX);
        len = 0;
    } else if (!is_text(line, len)) {
        problem(source, "this line is not UTF-8 text");
        len = 0;
    }
    memcpy(out, line, len);
    out[len] = '\0';
    if (out[0] == '[') {
        char section[CONFIG_LINE_MAX + 1];
        memcpy(section, out + 1, len);
        open_section(source, section);
    }
    out[len] = '\n';
    out[len + 1] = '\0';
    return out;
}

int config_read(struct config *config, const char *name, const char *text, size_t len,
                struct config_reporter report)
{
    struct source source = {
        .config = config, .report = report, .name = name, .rest = text, .left = len};
    int bad_line = ini_parse_stream(next_line, &source, on_value, &source);
    if (bad_line > 0) {
        source.line = (unsigned)bad_line;
        problem(&source, "neither [section] nor key = value");
    } else if (bad_line < 0) {
        source.result = -ENOMEM;
    }
    return source.result;
}

/* ---- the whole ---- */

/* The first existing of the paths in list (with ':' between them), else the first. *out is owned.
 */
static int first_existing(const char *list, char **out)
{
    *out = strdup(list);
    if (!*out)
        return -ENOMEM;
    size_t start = 0;
    for (size_t at = 0; list[start] != '\0'; start = at + (list[at] == ':')) {
        at = start + strcspn(list + start, ":");
        memcpy(*out, list + start, at - start);
        (*out)[at - start] = '\0';
        if (access(*out, F_OK) == 0)
            return 0;
    }
    memcpy(*out, list, strlen(list));
    (*out)[strcspn(list, ":")] = '\0';
    return 0;
}

int config_complete(struct config *config, struct config_reporter report)
{
    struct source defaults = {.config = config, .report = report, .name = "defaults"};
    for (size_t i = 0; i < KEYS; i++) {
        if (config->places[i] || (keys[i].is.repeatable && keys[i].is.fallback[0] == '\0'))
            continue;
        char *value = NULL;
        int r = first_existing(keys[i].is.fallback, &value);
        if (r == 0)
            r = set_value(&defaults, &keys[i], value);
        free(value);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = &config->providers[i];
        if (provider->origins.count > 0)
            continue;
        if (!provider->faulty)
            config_say(report, "%s: [provider %s] has no origin", provider->place, provider->name);
        defaults.result = -EINVAL;
    }
    struct config_list *lists[] = {&config->modules, &config->ignored_readers, &config->origins};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (!lists[i]->at && !(lists[i]->at = calloc(1, sizeof *lists[i]->at)))
            return -ENOMEM;
    return defaults.result;
}

/* ---- printing ---- */

static void print_list(const char *name, const struct config_list *list, FILE *out)
{
    for (size_t i = 0; i < list->count; i++)
        fprintf(out, "%s = %s\n", name, list->at[i]);
    if (list->count == 0)
        fprintf(out, "# (no %s)\n", name);
}

static void print_value(const struct key *key, const struct config *config, FILE *out)
{
    const void *at = member_of(key, config);
    switch (key->type) {
    case KEY_LEVEL:
        for (size_t i = 0; i < LEVELS; i++)
            if (levels[i].level == config->log_level)
                fprintf(out, "%s = %s\n", key->is.name, levels[i].name);
        break;
    case KEY_SECONDS:
        fprintf(out, "%s = %u\n", key->is.name, *(const unsigned *)at);
        break;
    case KEY_PATH:
        fprintf(out, "%s = %s\n", key->is.name, *(char *const *)at);
        break;
    case KEY_PATHS:
    case KEY_READERS:
        print_list(key->is.name, at, out);
        break;
    case KEY_ORIGINS:
        break; /* below, by provider */
    }
}

void config_print(const struct config *config, FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < KEYS; i++) {
        if (keys[i].type == KEY_ORIGINS)
            continue;
        if (strcmp(section, keys[i].is.section) != 0)
            fprintf(out, "%s[%s]\n", i > 0 ? "\n" : "", keys[i].is.section);
        section = keys[i].is.section;
        fprintf(out, "# %s\n", keys[i].is.meaning);
        print_value(&keys[i], config, out);
    }
    for (size_t i = 0; i < config->provider_count; i++) {
        fprintf(out, "\n[provider %s]\n", config->providers[i].name);
        print_list("origin", &config->providers[i].origins, out);
    }
}
