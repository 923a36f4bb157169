/* SPDX-License-Identifier: MIT */
/*
 * lanyard-config-manual, a program of the build: writes lanyard.conf(5) and the example file from
 * the table that the parser reads by.
 *
 *     lanyard-config-manual page TEMPLATE > lanyard.conf.5
 *     lanyard-config-manual example > lanyard.conf.example
 *
 * The template is the page in mdoc(7). Between its lines `.\" @keys` and `.\" @end` stand the
 * paragraphs that no table can hold: behind `.\" @section NAME` what begins a section, behind
 * `.\" @key SECTION.NAME` what follows a key's own sentences. Every section needs its line; a line
 * that belongs to no section or key of the table is a mistake.
 */
#include "agent/config_room.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS_MAX = 2 * CONFIG_KEYS_MAX, TEMPLATE_BYTES_MAX = 256 * 1024, COMMENT_WIDTH = 98 };

static const char mark[] = ".\\\" @";

struct block {
    const char *name; /* "section cards", "key cards.module"; up to its line's end */
    const char *text;
    size_t len;
    bool used;
};

static struct block blocks[BLOCKS_MAX];
static size_t block_count;

static int complain(const char *what, const char *which)
{
    fprintf(stderr, "lanyard-config-manual: %s %.*s\n", what, (int)strcspn(which, "\n"), which);
    return EXIT_FAILURE;
}

static bool names(const char *line, const char *name)
{
    return strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == '\n';
}

/* The text of a block, once; false: there is none. */
static bool put_block(const char *kind, const char *name, FILE *out)
{
    char wanted[CONFIG_LINE_MAX];
    snprintf(wanted, sizeof wanted, "%s %s", kind, name);
    for (size_t i = 0; i < block_count; i++) {
        if (!names(blocks[i].name, wanted))
            continue;
        fwrite(blocks[i].text, 1, blocks[i].len, out);
        blocks[i].used = true;
        return true;
    }
    return false;
}

/* ---- one key ---- */

static void put_default(const struct config_key *key, FILE *out)
{
    const char *macro = config_key_is_path(key) ? ".Pa" : ".Li";
    if (key->fallback[0] == '\0')
        return;
    if (!strchr(key->fallback, ':')) {
        fprintf(out, "The default is\n%s %s .\n", macro, key->fallback);
        return;
    }
    fputs("The default is the first of these that is there:\n", out);
    for (const char *at = key->fallback; *at; at += strspn(at, ":")) {
        size_t len = strcspn(at, ":");
        fprintf(out, "%s %.*s %s\n", macro, (int)len, at, at[len] ? "," : ".");
        at += len;
    }
}

static void put_key(const struct config_key *key, FILE *out)
{
    static const char *const when[] = {
        [CONFIG_AT_ONCE] = "",
        [CONFIG_AT_SESSION] = "A change holds from the next session on.\n",
        [CONFIG_AT_START] = "A change waits until the agent is started again.\n",
    };
    char name[CONFIG_LINE_MAX];
    snprintf(name, sizeof name, "%s.%s", key->section, key->name);
    fprintf(out, ".It Ic %s\n%s\n", key->name, key->meaning);
    if (config_key_is_path(key))
        fputs("It is an absolute path.\n", out);
    if (key->repeatable)
        fputs("May be given several times.\n", out);
    put_default(key, out);
    if (put_block("key", name, out) && (key->user || key->when != CONFIG_AT_ONCE))
        fputs(".Pp\n", out);
    fputs(when[key->when], out);
    if (key->user)
        fputs("A user may set it, too.\n", out);
}

/* 0, or an exit status. */
static int put_keys(FILE *out)
{
    const char *section = "";
    const struct config_key *key;
    for (size_t i = 0; (key = config_key_at(i)); i++) {
        if (strcmp(section, key->section) != 0) {
            bool named = strcmp(key->section, "provider") == 0;
            fprintf(out, "%s.Ss [%s%s]\n", i > 0 ? ".El\n" : "", key->section,
                    named ? " NAME" : "");
            if (!put_block("section", key->section, out))
                return complain("the template has no section", key->section);
            fputs(".Bl -tag -width Ds\n", out);
        }
        section = key->section;
        put_key(key, out);
    }
    fputs(".El\n", out);
    for (size_t i = 0; i < block_count; i++)
        if (!blocks[i].used)
            return complain("the table has no", blocks[i].name);
    return 0;
}

/* ---- the page ---- */

/* Takes the blocks apart; returns what stands behind them. NULL: no end, or too many. */
static const char *take_blocks(const char *at)
{
    while ((at = strstr(at, mark))) {
        const char *name = at + sizeof mark - 1;
        const char *line_end = strchr(name, '\n');
        if (block_count > 0)
            blocks[block_count - 1].len = (size_t)(at - blocks[block_count - 1].text);
        if (!line_end || names(name, "end"))
            return line_end;
        if (block_count == BLOCKS_MAX)
            return NULL;
        blocks[block_count++] = (struct block){.name = name, .text = line_end + 1};
        at = line_end;
    }
    return NULL;
}

static int page(const char *path)
{
    static char text[TEMPLATE_BYTES_MAX];
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (!file || len == 0 || len == sizeof text - 1 || fclose(file) != 0)
        return complain("cannot read", path);
    char head[sizeof mark + sizeof "keys\n"];
    snprintf(head, sizeof head, "%skeys\n", mark);
    const char *keys = strstr(text, head);
    const char *rest = keys ? take_blocks(keys + strlen(head)) : NULL;
    if (!rest)
        return complain("no @keys and @end in", path);
    fwrite(text, 1, (size_t)(keys - text), stdout);
    int status = put_keys(stdout);
    fputs(rest + 1, stdout);
    return status;
}

/* ---- the example ---- */

static void put_comment(const char *text, FILE *out)
{
    int column = 0;
    for (const char *word = text; *word; word += strspn(word, " ")) {
        int len = (int)strcspn(word, " ");
        bool new_line = column == 0 || column + 1 + len > COMMENT_WIDTH;
        fprintf(out, "%s%s%.*s", new_line && column > 0 ? "\n" : "", new_line ? "# " : " ", len,
                word);
        column = new_line ? 2 + len : column + 1 + len;
        word += len;
    }
    fputc('\n', out);
}

static int example(void)
{
    fputs("# SPDX-License-Identifier: MIT\n"
          "# An example of Lanyard's configuration, which the agent does not read: copy it to\n"
          "# lanyard.conf beside it, or what you need of it to a file conf.d/NAME.conf there, and\n"
          "# change the copy. `lanyard config check` tells whether it is right. lanyard.conf(5)\n"
          "# explains every key. What is commented out is the default, or shows a value.\n",
          stdout);
    const char *section = "";
    const struct config_key *key;
    for (size_t i = 0; (key = config_key_at(i)); i++) {
        bool provider = strcmp(key->section, "provider") == 0;
        if (strcmp(section, key->section) != 0 && provider)
            fputs("\n# The sites that may ask for a sign-in. Without one, nobody can.\n"
                  "#[provider example]\n",
                  stdout);
        else if (strcmp(section, key->section) != 0)
            printf("\n[%s]\n", key->section);
        section = key->section;
        const char *value = key->fallback[0] != '\0' ? key->fallback
                            : key->example           ? key->example
                                                     : "";
        put_comment(key->meaning, stdout);
        printf("#%s = %.*s\n", key->name, (int)strcspn(value, key->example ? "" : ":"), value);
    }
    return 0;
}

int main(int argc, char **argv)
{
    int status = argc == 3 && strcmp(argv[1], "page") == 0      ? page(argv[2])
                 : argc == 2 && strcmp(argv[1], "example") == 0 ? example()
                                                                : complain("page or example", "");
    return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}
