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
#include "agent/config_room.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void config_problem(struct config_source *source, const char *format, ...)
{
    char text[CONFIG_PROBLEM_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config_say(source->report, "%s:%u: %s", source->name, source->line, text);
    source->problems++;
    if (source->provider)
        source->provider->faulty = true;
    if (source->result == 0)
        source->result = -EINVAL;
}

char *config_place_of(const struct config_source *source)
{
    char *place;
    return asprintf(&place, "%s:%u", source->name, source->line) < 0 ? NULL : place;
}

void *config_base(const struct config_row *row, struct config *config,
                  struct config_provider *provider)
{
    return config_row_of_provider(row) ? (void *)provider : (void *)config;
}

/* Where the row's place is kept: what is given once is given once by a whole configuration, or by a
 * whole provider. */
static char **place_of(const struct config_source *source, const struct config_row *row)
{
    char **places = source->provider ? source->provider->places : source->config->places;
    return &places[row - config_rows];
}

/* NULL: none such, which has been told. */
static const struct config_row *find_key(struct config_source *source, const char *section,
                                         const char *name)
{
    const char *table_section = source->provider ? "provider" : section;
    const struct config_row *row = config_row_named(table_section, name);
    if (row)
        return row;
    for (size_t i = 0; i < config_row_count; i++)
        if (strcmp(config_rows[i].is.name, name) == 0)
            row = &config_rows[i];
    const struct config_row *meant = config_row_nearest(table_section, name);
    if (row)
        config_problem(source, "unknown key \"%s\" in [%s]; it belongs to [%s%s]", name, section,
                       row->is.section, config_row_of_provider(row) ? " NAME" : "");
    else if (meant)
        config_problem(source, "unknown key \"%s\" in [%s]; did you mean \"%s\"?", name, section,
                       meant->is.name);
    else
        config_problem(source, "unknown key \"%s\" in [%s]", name, section);
    return NULL;
}

/* Of a user's file: whether the key is one that a user may set here. */
static bool may_set(struct config_source *source, const struct config_row *row)
{
    const struct config *rules = source->rules;
    if (!rules)
        return true;
    if (!row->is.user) {
        config_problem(source, "%s is the administrator's to set", row->is.name);
        return false;
    }
    char name[CONFIG_LINE_MAX];
    snprintf(name, sizeof name, "%s.%s", row->is.section, row->is.name);
    for (size_t i = 0; i < rules->locks.count; i++) {
        if (strcmp(rules->locks.at[i], "all") != 0 && strcmp(rules->locks.at[i], name) != 0)
            continue;
        config_problem(source, "%s is locked by the administrator (%s)", row->is.name,
                       rules->locks.places[i]);
        return false;
    }
    return true;
}

/* Called by libinih for each "key = value". */
static int on_value(void *user, const char *section, const char *name, const char *value)
{
    struct config_source *source = user;
    if (section[0] == '\0')
        config_problem(source, "%s stands before any [section]", name);
    if (!source->section_known)
        return 1;
    const struct config_row *row = find_key(source, section, name);
    if (!row || !may_set(source, row))
        return 1;
    char **place = place_of(source, row);
    if (*place && !row->is.repeatable) {
        config_problem(source, "%s is given twice (first in %s)", name, *place);
        return 1;
    }
    bool first = !*place;
    unsigned problems = source->problems;
    if (first)
        *place = config_place_of(source);
    if (!*place || config_set(source, row, value) < 0)
        source->result = -ENOMEM;
    if (first && source->problems > problems && source->rules) { /* as if it had not been given */
        free(*place);
        *place = NULL;
    }
    return 1;
}

static void open_provider(struct config_source *source, const char *name)
{
    int r = config_provider_open(source, name);
    source->section_known = r == 0;
    if (r == -ENOMEM)
        source->result = r;
}

/* The section of any other than a provider's keys. */
static void open_named(struct config_source *source, const char *name)
{
    char word[CONFIG_LINE_MAX + 1]; /* [provder cis2]: the name behind it is not misspelt */
    snprintf(word, sizeof word, "%.*s", (int)strcspn(name, " \t"), name);
    const struct config_row *meant = config_row_nearest(NULL, word);
    const char *known = meant ? meant->is.section : "";
    bool needs_name = meant && config_row_of_provider(meant);
    source->section_known = strcmp(known, name) == 0 && !needs_name;
    if (!meant)
        config_problem(source, "unknown section [%s]", name);
    else if (!source->section_known)
        config_problem(source, "unknown section [%s]; did you mean [%s%s]?", name, known,
                       needs_name ? " NAME" : "");
}

/* line: without its '[' and terminated. A line without ']' is left for libinih to refuse. */
static void open_section(struct config_source *source, char *line)
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
        config_problem(source, "text behind [%s]", line);
    } else if (source->rules && strncmp(line, provider, sizeof provider - 1) == 0) {
        config_problem(source, "[%s] is the administrator's to set", line);
    } else if (strncmp(line, provider, sizeof provider - 1) == 0) {
        open_provider(source, line + sizeof provider - 1);
    } else {
        open_named(source, line);
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
    struct config_source *source = stream;
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
        config_problem(source, "a line is at most %d bytes long", CONFIG_LINE_MAX);
        len = 0;
    } else if (!is_text(line, len)) {
        config_problem(source, "this line is not UTF-8 text");
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

int config_source_read(struct config_source *source)
{
    int bad_line = ini_parse_stream(next_line, source, on_value, source);
    if (bad_line > 0) {
        source->line = (unsigned)bad_line;
        config_problem(source, "neither [section] nor key = value");
    } else if (bad_line < 0) {
        source->result = -ENOMEM;
    }
    return source->result;
}

int config_read(struct config *config, const char *name, const char *text, size_t len,
                struct config_reporter report)
{
    struct config_source source = {
        .config = config, .report = report, .name = name, .rest = text, .left = len};
    return config_source_read(&source);
}
