/* SPDX-License-Identifier: MIT */
/*
 * lanyard config: what an agent that started now would be told by its files, and whether files are
 * right. Both read them with the agent's own code and ask no agent, so that they say what is wrong
 * when none starts.
 *
 * What `show` prints is a configuration: where a value is from stands behind it as a comment.
 */
#include "agent/cli/commands.h"

#include "agent/cli/outline.h"
#include "agent/config.h"
#include "agent/settings.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMMENT_COLUMN = 48 };

int check_config(const struct options *options)
{
    const char *what = options->word_count > 0 ? options->words[0] : "";
    bool show = strcmp(what, "show") == 0;
    if (!show && strcmp(what, "check") != 0)
        return usage_error("config wants show or check behind it");
    if (show && options->word_count > 1)
        return usage_error("\"%s\" is one word too many", options->words[1]);
    if (!show && (options->config_dir || options->user_file))
        return usage_error("config check takes the file or folder itself");
    return STATUS_DONE;
}

/* ---- what is said ---- */

/* Collected as the elements of a JSON list: faults and remarks come while files are read. */
struct said {
    bool json;
    FILE *out; /* of people */
    const char *before;
    size_t count;
    FILE *list;
    char *text; /* of the list */
    size_t len;
};

static bool said_open(struct said *said, bool json, FILE *out, const char *before)
{
    *said = (struct said){.json = json, .out = out, .before = before};
    said->list = open_memstream(&said->text, &said->len);
    return said->list;
}

static void said_close(struct said *said)
{
    if (said->list)
        fclose(said->list);
    free(said->text);
    *said = (struct said){0};
}

static void say(void *context, const char *problem)
{
    struct said *said = context;
    fputs(said->count++ > 0 ? ", " : "", said->list);
    outline_quote(problem, said->list);
    if (said->json)
        return;
    fputs(said->before, said->out);
    outline_plain(problem, said->out);
    fputc('\n', said->out);
}

/* The last members of the result. */
static void put_said(struct said *faults, struct said *remarks)
{
    fflush(faults->list);
    fflush(remarks->list);
    printf("\"problems\": [%s], \"warnings\": [%s]}\n", faults->text, remarks->text);
}

/* ---- show ---- */

static const char *by_name(enum config_by by)
{
    static const char *const names[] = {
        [CONFIG_BY_DEFAULT] = "default",
        [CONFIG_BY_ENVIRONMENT] = "environment",
        [CONFIG_BY_ADMINISTRATOR] = "administrator",
        [CONFIG_BY_USER] = "user",
    };
    return names[by];
}

static const char *when_name(enum config_when when)
{
    static const char *const names[] = {[CONFIG_AT_ONCE] = "at-once",
                                        [CONFIG_AT_SESSION] = "next-session",
                                        [CONFIG_AT_START] = "next-start"};
    return names[when];
}

struct shown {
    const char *section; /* of the value before */
    const struct config_provider *provider;
    size_t count;
};

static bool is_new_section(struct shown *shown, const struct config_value *value)
{
    bool same = shown->section && strcmp(shown->section, value->key->section) == 0 &&
                shown->provider == value->provider;
    shown->section = value->key->section;
    shown->provider = value->provider;
    return !same;
}

static void print_value(void *context, const struct config_value *value)
{
    struct shown *shown = context;
    bool first = shown->count++ == 0;
    if (is_new_section(shown, value)) {
        const struct config_provider *provider = value->provider;
        printf("%s[%s%s%s]\n", first ? "" : "\n", value->key->section, provider ? " " : "",
               provider ? provider->name : "");
        if (provider && config_provider_is_development(provider))
            puts("; not live: for development");
    }
    if (!value->text) {
        printf("; no %s\n", value->key->name);
        return;
    }
    size_t width = strlen(value->key->name) + strlen(" = ") + strlen(value->text);
    bool beside = width + strlen(" ; ") + strlen(value->place) <= CONFIG_LINE_MAX;
    if (!beside)
        printf("; %s\n", value->place);
    printf("%s = ", value->key->name);
    outline_plain(value->text, stdout);
    if (beside)
        printf("%*s ; %s", width < COMMENT_COLUMN ? COMMENT_COLUMN - (int)width : 0, "",
               value->place);
    putchar('\n');
}

static void put_text(const char *name, const char *text)
{
    printf("\"%s\": ", name);
    if (text)
        outline_quote(text, stdout);
    else
        fputs("null", stdout);
    fputs(", ", stdout);
}

static void put_value(void *context, const struct config_value *value)
{
    struct shown *shown = context;
    fputs(shown->count++ > 0 ? ",\n  {" : "\n  {", stdout);
    put_text("section", value->key->section);
    put_text("provider", value->provider ? value->provider->name : NULL);
    put_text("key", value->key->name);
    put_text("value", value->text);
    put_text("by", by_name(value->by));
    put_text("place", value->place);
    put_text("obeyed", when_name(value->key->when));
    printf("\"user\": %s}", value->key->user ? "true" : "false");
}

static void put_providers(const struct config *config)
{
    fputs("\"providers\": [", stdout);
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct config_provider *provider = config->providers[i];
        fputs(i > 0 ? ", {" : "{", stdout);
        put_text("name", provider->name);
        put_text("environment", config_environment_name(provider->environment));
        printf("\"development\": %s}", config_provider_is_development(provider) ? "true" : "false");
    }
    fputs("],\n", stdout);
}

static void say_development(const struct config *config)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (config_provider_is_development(config->providers[i]))
            fprintf(stderr, "Development origins are enabled: provider %s is not live.\n",
                    config->providers[i]->name);
}

static int show(const struct options *options, struct said *faults, struct said *remarks)
{
    const struct settings_source source = {.dir = options->config_dir,
                                           .user_file = options->user_file};
    CLEANUP(settings_deinit) struct settings settings = {0};
    struct shown shown = {0};
    int r = settings_load(&source, &settings, (struct config_reporter){say, faults},
                          (struct config_reporter){say, remarks});
    if (options->json)
        fputs("{", stdout);
    if (options->json && r == 0) {
        put_providers(&settings.config);
        fputs("\"values\": [", stdout);
        config_each(&settings.config, put_value, &shown);
        fputs("],\n", stdout);
    } else if (r == 0) {
        config_each(&settings.config, print_value, &shown);
        say_development(&settings.config);
    }
    if (options->json)
        put_said(faults, remarks);
    return r == 0 ? STATUS_DONE : STATUS_SETUP;
}

/* ---- check ---- */

static int read_file(const char *path, struct bytes *text, struct config_reporter report)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    char piece[4096];
    ssize_t n = -1;
    while (fd >= 0 && (n = read(fd, piece, sizeof piece)) > 0 && text->len <= CONFIG_FILE_BYTES_MAX)
        bytes_append(text, piece, (size_t)n);
    if (n < 0)
        config_say(report, "%s: %s", path, strerror(errno));
    else if (text->len > CONFIG_FILE_BYTES_MAX)
        config_say(report, "%s: longer than %d bytes", path, CONFIG_FILE_BYTES_MAX);
    else
        return text->failed ? -ENOMEM : 0;
    return -EINVAL;
}

static bool is_users_own(const char *path)
{
    char own[PATH_MAX];
    struct stat this, that;
    return config_user_path(own, sizeof own) && stat(path, &this) == 0 && stat(own, &that) == 0 &&
           this.st_dev == that.st_dev && this.st_ino == that.st_ino;
}

/* One file is looked at by itself. */
static bool is_file(const char *path)
{
    struct stat is;
    return path && stat(path, &is) == 0 && !S_ISDIR(is.st_mode);
}

/* What it says, not who owns it, nor whether there is what it names. The user's own is
 * held against the administrator's locks, as far as those can be read. */
static int check_file(const char *path, struct config_reporter faults)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    CLEANUP(config_deinit) struct config config;
    config_init(&config);
    int r = read_file(path, &text, faults);
    if (r < 0)
        return r;
    if (!is_users_own(path)) {
        r = config_read(&config, path, (const char *)text.data, text.len, faults);
        int completed = config_complete(&config, faults);
        return r < 0 ? r : completed;
    }
    if (config_load(NULL, &config, (struct config_reporter){0}) < 0)
        r = config_complete(&config, (struct config_reporter){0});
    int left_out =
        r < 0 ? r : config_read_user(&config, path, (const char *)text.data, text.len, faults);
    return left_out > 0 ? -EINVAL : left_out;
}

/* An agent would leave such lines out and start; whoever wrote them has made a mistake. */
static int check_users_own(struct config *config, struct said *faults)
{
    size_t before = faults->count;
    int r = config_load_user(config, NULL, (struct config_reporter){say, faults});
    return r == 0 && faults->count > before ? -EINVAL : r;
}

static bool is_missing(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct stat is;
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    return len > 0 && (size_t)len < sizeof path && lstat(path, &is) < 0 && errno == ENOENT;
}

static int check_path(const char *path, struct said *said, struct config_reporter remarks)
{
    struct config_reporter faults = {say, said};
    struct stat is;
    bool system = !path || strcmp(path, CONFIG_DEFAULT_DIR) == 0;
    if (is_file(path))
        return check_file(path, faults);
    if (!system && stat(path, &is) < 0 && errno == ENOENT) {
        config_say(faults, "%s: there is no such file or folder", path);
        return -ENOENT;
    }
    if (!system && is_missing(path, "lanyard.conf") && is_missing(path, "conf.d")) {
        config_say(faults, "%s: holds neither lanyard.conf nor conf.d; name the folder that does",
                   path);
        return -ENOENT;
    }
    const struct settings_source source = {.dir = system ? NULL : path, .user_file = ""};
    CLEANUP(settings_deinit) struct settings settings = {0};
    int r = settings_load(&source, &settings, faults, remarks);
    config_check_drop_ins(source.dir, remarks);
    if (r == 0 && settings.config.provider_count == 0)
        config_say(remarks, "no provider is configured, so nobody can sign in");
    if (r == 0 && !path)
        r = check_users_own(&settings.config, said);
    return r;
}

static int check(const struct options *options, struct said *faults, struct said *remarks)
{
    const char *path = options->word_count > 1 ? options->words[1] : NULL;
    int r = check_path(path, faults, (struct config_reporter){say, remarks});
    if (options->json) {
        printf("{\"right\": %s, ", r == 0 ? "true" : "false");
        put_said(faults, remarks);
    } else if (r == 0) {
        fprintf(stderr, "%s: no mistakes%s\n", path ? path : CONFIG_DEFAULT_DIR,
                is_file(path) ? " in its lines; lanyard config check looks at the rest" : "");
    }
    return r == 0 ? STATUS_DONE : STATUS_SETUP;
}

int command_config(struct lanyard *agent, const struct options *options)
{
    (void)agent;
    CLEANUP(said_close) struct said faults = {0};
    CLEANUP(said_close) struct said remarks = {0};
    bool showing = strcmp(options->words[0], "show") == 0;
    if (!said_open(&faults, options->json, showing ? stderr : stdout, "") ||
        !said_open(&remarks, options->json, stderr, "warning: "))
        return STATUS_REFUSED;
    return showing ? show(options, &faults, &remarks) : check(options, &faults, &remarks);
}
