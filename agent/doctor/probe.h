/* SPDX-License-Identifier: MIT */
/*
 * What the checks share: where they look, and what earlier ones have learnt. A check reads and adds
 * to it; none changes anything else. Main thread; blocks as each says.
 */
#pragma once

#include "agent/config.h"
#include "agent/doctor/doctor.h"
#include "ipc/client/lanyard.h"

#include <jansson.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

struct probe_reader {
    char name[128];
    bool card, mute, held;
};

enum { PROBE_READERS_MAX = 16, PROBE_PROVIDERS_MAX = 16 };

struct probe {
    const struct doctor_setup *setup;
    struct report *report;

    struct config config; /* complete; that of an empty file where it could not be loaded */
    bool configured;      /* it could be loaded */

    struct lanyard *agent; /* NULL: none answers */
    pid_t agent_pid;       /* 0: not known */
    json_t *status;        /* its agent.status; NULL: none */

    bool pcscd;          /* answers */
    bool readers_known;  /* pcscd has told */
    size_t reader_count; /* without those that are ignored */
    struct probe_reader readers[PROBE_READERS_MAX];
    json_t *cards;  /* as "cards" of card.list; NULL: not known */
    json_t *listed; /* the agent's "readers" there; NULL: not asked */
    bool key_in;    /* a security key is plugged in */
};

/* For CLEANUP: what the agent has answered, and JSON. */
static inline void free_answer(char **json)
{
    lanyard_free(*json);
    *json = NULL;
}

static inline void free_json(json_t **json)
{
    json_decref(*json);
    *json = NULL;
}

/* The path under the root, in space. */
const char *probe_path(const struct probe *probe, char space[PATH_MAX], const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A file under the root, at most max bytes, as a text. Returns owned (free); NULL: errno says. */
char *probe_read(const struct probe *probe, size_t max, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Something is there. */
bool probe_exists(const struct probe *probe, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Tells code where others than root and this user may write a program's file. */
void probe_owner(struct probe *probe, enum doctor_code code, const char *path,
                 const struct stat *is);
/* That unit of systemd's was masked; user: one of the user's manager. */
bool probe_masked(const struct probe *probe, bool user, const char *unit);

/* The checks, in their order. */
void check_configuration(struct probe *probe);
void check_programs(struct probe *probe);
void check_agent(struct probe *probe);
void check_port(struct probe *probe);
void check_peer_uid(struct probe *probe);
void check_reader_service(struct probe *probe);
void check_modules(struct probe *probe);
void check_readers(struct probe *probe);
void check_cards(struct probe *probe);
void check_keys(struct probe *probe);
void check_prompt(struct probe *probe);
void check_desktop(struct probe *probe);
void check_providers(struct probe *probe);
void check_browsers(struct probe *probe);
void check_hardening(struct probe *probe);
void check_versions(struct probe *probe);
