/* SPDX-License-Identifier: MIT */
/*
 * The configuration's texts, with a NUL between them: an administrator's, a user's over it, and
 * another administrator's in its place; and again such a three, for as long as there is input.
 *
 * What is accepted, printed and read again prints the same. No user's text changes what is the
 * administrator's. What takes a configuration's place is what it says, but for what waits for the
 * next start, and its providers do not move.
 */
#include "agent/config.h"
#include "ipc/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config_reporter silent = {0};

static void text_release(char **text)
{
    free(*text);
    *text = NULL;
}

struct rest {
    const char *at;
    size_t left;
};

/* Up to the next NUL, or the end. */
static struct rest take_text(struct rest *rest)
{
    const char *end = memchr(rest->at, '\0', rest->left);
    struct rest text = {.at = rest->at, .left = end ? (size_t)(end - rest->at) : rest->left};
    size_t taken = text.left + (end ? 1 : 0);
    rest->at += taken;
    rest->left -= taken;
    return text;
}

/* 0: the text is a configuration. */
static int load(struct config *config, const char *text, size_t len)
{
    config_init(config);
    int r = config_read(config, "fuzz", text, len, silent);
    return r < 0 ? r : config_complete(config, silent);
}

/* ---- as text; owned, NULL when there is no memory ---- */

static char *closed(FILE *out, char **text)
{
    if (out && fclose(out) == 0)
        return *text;
    free(*text);
    return NULL;
}

static char *print(const struct config *config)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out)
        config_print(config, out);
    return closed(out, &text);
}

struct part {
    FILE *out;
    bool administrators; /* what no user may set; else what does not wait for a start */
};

static void put_value(void *context, const struct config_value *value)
{
    const struct part *part = context;
    if (part->administrators ? value->key->user : value->key->when == CONFIG_AT_START)
        return;
    fprintf(part->out, "%s %s.%s=%s %s\n", value->provider ? value->provider->name : "",
            value->key->section, value->key->name, value->text ? value->text : "-", value->place);
}

static char *values(const struct config *config, bool administrators)
{
    char *text = NULL;
    size_t len;
    struct part part = {.out = open_memstream(&text, &len), .administrators = administrators};
    if (part.out)
        config_each(config, put_value, &part);
    return closed(part.out, &text);
}

static void must_be_same(const char *one, const char *other)
{
    if (one && other && strcmp(one, other) != 0)
        abort();
}

/* ---- what must hold ---- */

static void print_and_read_again(const struct config *config)
{
    CLEANUP(config_deinit) struct config again;
    CLEANUP(text_release) char *first = print(config), *second = NULL;
    config_init(&again);
    if (!first || load(&again, first, strlen(first)) < 0)
        return;
    second = print(&again);
    must_be_same(first, second);
}

static void read_user(struct config *config, struct rest text)
{
    CLEANUP(text_release) char *before = values(config, true), *after = NULL;
    config_read_user(config, "user", text.at, text.left, silent);
    after = values(config, true);
    must_be_same(before, after);
}

static void replace(struct config *config, struct rest text)
{
    struct config fresh;
    CLEANUP(text_release) char *wanted = NULL, *got = NULL;
    const struct config_provider *first = config->provider_count > 0 ? config->providers[0] : NULL;
    if (load(&fresh, text.at, text.left) < 0) {
        config_deinit(&fresh);
        return;
    }
    wanted = values(&fresh, false);
    if (config_replace(config, &fresh, silent) < 0)
        return;
    got = values(config, false);
    must_be_same(wanted, got);
    const struct config_provider *same = first ? config_provider_named(config, first->name) : NULL;
    if (same && same != first)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(config_deinit) struct config config;
    struct rest rest = {.at = (const char *)data, .left = size};
    struct rest text = take_text(&rest);
    if (load(&config, text.at, text.left) < 0)
        return 0;
    print_and_read_again(&config);
    while (rest.left > 0) {
        read_user(&config, take_text(&rest));
        replace(&config, take_text(&rest));
    }
    return 0;
}
