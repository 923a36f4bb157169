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
#include <string.h>

void config_problem(struct config_source *source, const char *format, ...)
{
    char text[CONFIG_PROBLEM_MAX];
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

char *config_place_of(const struct config_source *source)
{
    char *place;
    return asprintf(&place, "%s:%u", source->name, source->line) < 0 ? NULL : place;
}

/* What is given once is given once by a whole configuration, or by a whole provider, whose texts
 * are NULL until then. */
static bool given_already(const struct config_source *source, const struct config_row *row)
{
    if (row->is.repeatable)
        return false;
    if (!config_row_of_provider(row))
        return source->config->places[row - config_rows];
    return *(char *const *)((const char *)source->provider + row->offset);
}

/* Called by libinih for each "key = value". */
static int on_value(void *user, const char *section, const char *name, const char *value)
{
    struct config_source *source = user;
    if (section[0] == '\0')
        config_problem(source, "%s stands before any [section]", name);
    if (!source->section_known)
        return 1;

    const char *table_section = source->provider ? "provider" : section;
    const struct config_row *row = config_row_nearest(table_section, name);
    if (strcmp(row->is.name, name) != 0) {
        config_problem(source, "unknown key \"%s\" in [%s]; did you mean \"%s\"?", name, section,
                       row->is.name);
        return 1;
    }
    if (given_already(source, row)) {
        config_problem(source, "%s is given twice", name);
        return 1;
    }
    char **place = &source->config->places[row - config_rows];
    if (!*place)
        *place = config_place_of(source);
    if (!*place || config_set(source, row, value) < 0)
        source->result = -ENOMEM;
    return 1;
}

static void open_provider(struct config_source *source, const char *name)
{
    int r = config_provider_open(source, name);
    source->section_known = r == 0;
    if (r == -ENOMEM)
        source->result = r;
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
    } else if (strncmp(line, provider, sizeof provider - 1) == 0) {
        open_provider(source, line + sizeof provider - 1);
    } else {
        const struct config_row *row = config_row_nearest(NULL, line);
        const char *known = row->is.section;
        bool needs_name = config_row_of_provider(row);
        source->section_known = strcmp(known, line) == 0 && !needs_name;
        if (!source->section_known)
            config_problem(source, "unknown section [%s]; did you mean [%s%s]?", line, known,
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

int config_read(struct config *config, const char *name, const char *text, size_t len,
                struct config_reporter report)
{
    struct config_source source = {
        .config = config, .report = report, .name = name, .rest = text, .left = len};
    int bad_line = ini_parse_stream(next_line, &source, on_value, &source);
    if (bad_line > 0) {
        source.line = (unsigned)bad_line;
        config_problem(&source, "neither [section] nor key = value");
    } else if (bad_line < 0) {
        source.result = -ENOMEM;
    }
    return source.result;
}
