/* SPDX-License-Identifier: MIT */
/* The configuration's text. What is accepted, printed and read again prints the same. */
#include "agent/config.h"
#include "ipc/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void text_release(char **text)
{
    free(*text);
    *text = NULL;
}

/* 0: the text is a configuration. */
static int load(struct config *config, const char *text, size_t len)
{
    const struct config_reporter silent = {0};
    config_init(config);
    int r = config_read(config, "fuzz", text, len, silent);
    return r < 0 ? r : config_complete(config, silent);
}

/* Owned; NULL when there is no memory. */
static char *print(const struct config *config)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return NULL;
    config_print(config, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(config_deinit) struct config config, again;
    CLEANUP(text_release) char *first = NULL, *second = NULL;
    config_init(&again);
    if (load(&config, (const char *)data, size) < 0)
        return 0;
    first = print(&config);
    if (!first || load(&again, first, strlen(first)) < 0)
        return 0;
    second = print(&again);
    if (second && strcmp(first, second) != 0)
        abort();
    return 0;
}
