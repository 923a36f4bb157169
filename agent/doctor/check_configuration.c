/* SPDX-License-Identifier: MIT */
/*
 * The administrator's files as the agent would read them. Where they cannot be read, the other
 * checks go on with the defaults: a missing reader is worth knowing all the same.
 */
#include "agent/doctor/probe.h"
#include "agent/settings.h"

#include "ipc/base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PROBLEMS_MAX = 50, LINES_MAX = 5000 };

struct problems {
    size_t count;
    char *at[PROBLEMS_MAX];
};

static void problems_release(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        free(problems->at[i]);
}

static void keep(void *context, const char *problem)
{
    struct problems *problems = context;
    char *copy = problems->count < PROBLEMS_MAX ? strdup(problem) : NULL;
    if (copy)
        problems->at[problems->count++] = copy;
}

static void tell(struct probe *probe, enum doctor_code code, const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        report_find(probe->report, code, "", "%s", problems->at[i]);
}

/* The whole as it is in force, or the defaults. */
static void load(struct probe *probe)
{
    CLEANUP(problems_release) struct problems problems = {0};
    struct config_reporter report = {keep, &problems};
    int r = config_load(probe->setup->config, &probe->config, report);
    if (r == 0) {
        probe->configured = true;
        return;
    }
    enum doctor_code code = r == -EPERM || r == -ELOOP ? DOCTOR_CONFIG_UNSAFE
                            : r == -EACCES             ? DOCTOR_CONFIG_UNREADABLE
                                                       : DOCTOR_CONFIG_INVALID;
    if (problems.count == 0)
        report_find(probe->report, code, "", "it cannot be read: %s", strerror(-r));
    tell(probe, code, &problems);
    config_init(&probe->config);
    config_complete(&probe->config, (struct config_reporter){keep, &problems});
}

static enum doctor_code code_of(const char *problem)
{
    return strstr(problem, strerror(EACCES))         ? DOCTOR_CONFIG_UNREADABLE
           : strstr(problem, ": revocation-lists: ") ? DOCTOR_CONFIG_LISTS
           : strstr(problem, ": issuers: ")          ? DOCTOR_CONFIG_ISSUERS
                                                     : DOCTOR_CONFIG_INVALID;
}

/* The files that it names must be of use, too: without them the agent does not start. */
static void check_named_files(struct probe *probe)
{
    CLEANUP(problems_release) struct problems problems = {0};
    CLEANUP(settings_deinit) struct settings settings = {0};
    const struct settings_source source = {.dir = probe->setup->config, .user_file = ""};
    settings_load(&source, &settings, (struct config_reporter){keep, &problems},
                  (struct config_reporter){0});
    for (size_t i = 0; i < problems.count; i++)
        report_find(probe->report, code_of(problems.at[i]), "", "%s", problems.at[i]);
}

static void check_user_file(struct probe *probe)
{
    CLEANUP(problems_release) struct problems problems = {0};
    config_load_user(&probe->config, probe->setup->user_config,
                     (struct config_reporter){keep, &problems});
    tell(probe, DOCTOR_CONFIG_USER, &problems);
}

/* One file's lines with their numbers, without its comments. */
static void write_lines(const char *folder, const char *name, FILE *out)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    FILE *in = fd < 0 ? NULL : fdopen(fd, "re");
    char line[2 * CONFIG_LINE_MAX];
    if (!in) {
        fprintf(out, "%s: %s\n", name, strerror(errno));
        return;
    }
    steal_fd(&fd);
    for (unsigned i = 1; i <= LINES_MAX && fgets(line, sizeof line, in); i++) {
        const char *text = line + strspn(line, " \t");
        if (!strchr("#;\n", *text))
            fprintf(out, "%s:%u: %.*s\n", name, i, (int)strcspn(text, "\n"), text);
    }
    fclose(in);
}

/* Where the configuration cannot be used, the files are told as they are. */
static void write_files(const struct probe *probe, FILE *out)
{
    const char *folder = probe->setup->config ? probe->setup->config : CONFIG_DEFAULT_DIR;
    char path[PATH_MAX];
    struct dirent **entries = NULL;
    write_lines(folder, "lanyard.conf", out);
    snprintf(path, sizeof path, "%s/conf.d", folder);
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (i < CONFIG_FILES_MAX && entries[i]->d_name[0] != '.') {
            char name[sizeof "conf.d/" + NAME_MAX];
            snprintf(name, sizeof name, "conf.d/%s", entries[i]->d_name);
            write_lines(folder, name, out);
        }
        free(entries[i]);
    }
    free(entries);
}

/* What is in force, for an archive: it has no secrets. */
static void attach(struct probe *probe)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return;
    if (probe->configured)
        config_print(&probe->config, out);
    else
        write_files(probe, out);
    fclose(out);
    report_attach(probe->report, "config.txt", text);
}

/* Each provider once, by its first origin. */
static void check_development(struct probe *probe)
{
    const struct config_list *origins = &probe->config.origins;
    for (size_t i = 0; i < origins->count; i++) {
        const struct config_provider *provider = config_provider_of(&probe->config, origins->at[i]);
        if (provider && config_provider_is_development(provider) &&
            strcmp(provider->origins.at[0], origins->at[i]) == 0)
            report_find(probe->report, DOCTOR_DEVELOPMENT, provider->name,
                        "%s may ask for a sign-in", origins->at[i]);
    }
}

void check_configuration(struct probe *probe)
{
    load(probe);
    if (!probe->configured) {
        attach(probe);
        return;
    }
    check_named_files(probe);
    check_user_file(probe);
    attach(probe);
    size_t count = probe->config.origins.count;
    if (count == 0) {
        report_find(probe->report, DOCTOR_CONFIG_NO_PROVIDER, "", NULL);
        return;
    }
    report_saw(probe->report, "%zu origin%s may ask", count, count == 1 ? "" : "s");
    check_development(probe);
}

/* ---- programs ---- */

static void check_program(struct probe *probe, const char *name)
{
    char path[PATH_MAX];
    struct stat is;
    snprintf(path, sizeof path, "%s/%s", probe->setup->helpers, name);
    if (stat(path, &is) < 0)
        report_find(probe->report, DOCTOR_PROGRAM_MISSING, path, "%s", strerror(errno));
    else if (!S_ISREG(is.st_mode) || !(is.st_mode & S_IXUSR))
        report_find(probe->report, DOCTOR_PROGRAM_MISSING, path, "it is no program that can run");
    else
        probe_owner(probe, DOCTOR_PROGRAM_UNSAFE, path, &is);
}

void check_programs(struct probe *probe)
{
    static const char *const names[] = {"lanyard-card", "lanyard-fido", "lanyard-prompt",
                                        "lanyard-chooser"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_program(probe, names[i]);
}
