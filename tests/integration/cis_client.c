/* SPDX-License-Identifier: MIT */
/*
 * The agent's side of a session endpoint, driven by lines on standard input.
 *
 *     cis_client AUTHORITIES PROXY ENDPOINT...
 *
 * Each endpoint is a provider of its own, 0, 1, ...; a call is one line:
 *
 *     ID PROVIDER challenge
 *     ID PROVIDER open TOKEN
 *     ID PROVIDER look SID
 *     ID PROVIDER role SID ROLE
 *     ID PROVIDER authenticate SID TOKEN
 *     ID PROVIDER end STATEMENT
 *     ID PROVIDER free                    frees the call of that ID
 *
 * First it writes the session key's public half, then one JSON line for each answer, whose call is
 * freed from within its callback where ID is even, and later where it is odd; every third takes its
 * session. At the end of standard input it frees the HTTP thread with whatever is under way, and
 * the calls after it.
 */
#include "agent/card_token.h"
#include "agent/cis/cis.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALLS_MAX = 1000, PROVIDERS_MAX = 4, LINE_MAX_BYTES = 65536 };

struct client {
    struct loop *loop;
    struct http *http;
    struct cis *cis;
    struct session_key *key;
    struct config config;
    struct config_provider providers[PROVIDERS_MAX];
    struct config_provider *listed[PROVIDERS_MAX];
    struct slot {
        struct client *client;
        struct cis_call *call;
    } slots[CALLS_MAX];
    struct bytes input;
};

static void print_answer(size_t id, const struct cis_answer *answer)
{
    CLEANUP(bytes_deinit) struct bytes session = {0};
    if (answer->session)
        cis_session_write(answer->session, &session);
    printf("{\"id\":%zu,\"result\":\"%s\",\"retryAfter\":%u", id, outcome_reason(answer->result),
           answer->retry_after);
    if (answer->challenge)
        printf(",\"challenge\":\"%s\",\"algorithms\":%u", answer->challenge,
               answer->algorithm_count);
    if (answer->session)
        printf(",\"session\":%s", (char *)session.data);
    puts("}");
    fflush(stdout);
}

static void answered(void *context, struct cis_answer *answer)
{
    struct slot *slot = context;
    size_t id = (size_t)(slot - slot->client->slots);
    print_answer(id, answer);
    if (id % 3 == 0)
        free(STEAL(answer->session));
    if (id % 2 == 0)
        cis_call_free(&slot->call);
}

/* The words of a line, the last of them perhaps NULL. */
static struct cis_call *begin(struct client *c, const struct config_provider *provider,
                              const char *verb, const char *first, const char *second,
                              struct slot *slot)
{
    if (strcmp(verb, "challenge") == 0)
        return cis_challenge(c->cis, provider, answered, slot);
    if (strcmp(verb, "open") == 0 && first)
        return cis_open(c->cis, provider, c->key, &(struct cis_evidence){.text = first}, answered,
                        slot);
    if (strcmp(verb, "look") == 0 && first)
        return cis_look(c->cis, provider, c->key, first, answered, slot);
    if (strcmp(verb, "role") == 0 && first && second)
        return cis_role(c->cis, provider, c->key, first, second, answered, slot);
    if (strcmp(verb, "authenticate") == 0 && first && second)
        return cis_authenticate(c->cis, provider, c->key, first,
                                &(struct cis_evidence){.text = second}, answered, slot);
    if (strcmp(verb, "end") == 0 && first)
        return cis_end(c->cis, provider, first, answered, slot);
    return NULL;
}

static bool obey(struct client *c, char *line)
{
    char *rest = NULL;
    const char *id = strtok_r(line, " ", &rest), *provider = strtok_r(NULL, " ", &rest),
               *verb = strtok_r(NULL, " ", &rest), *first = strtok_r(NULL, " ", &rest),
               *second = strtok_r(NULL, " ", &rest);
    unsigned long number = id ? strtoul(id, NULL, 10) : CALLS_MAX;
    unsigned long which = provider ? strtoul(provider, NULL, 10) : PROVIDERS_MAX;
    if (!verb || number >= CALLS_MAX || which >= c->config.provider_count)
        return false;
    struct slot *slot = &c->slots[number];
    slot->client = c;
    cis_call_free(&slot->call);
    if (strcmp(verb, "free") == 0) {
        printf("{\"id\":%lu,\"result\":\"freed\"}\n", number);
        fflush(stdout);
        return true;
    }
    slot->call = begin(c, &c->providers[which], verb, first, second, slot);
    return slot->call != NULL;
}

static void input_ready(void *context, uint32_t events)
{
    struct client *c = context;
    char text[4096];
    (void)events;
    ssize_t got = read(STDIN_FILENO, text, sizeof text);
    if (got <= 0) {
        loop_stop(c->loop);
        return;
    }
    bytes_append(&c->input, text, (size_t)got);
    char *end;
    while (c->input.len > 0 && (end = memchr(c->input.data, '\n', c->input.len))) {
        *end = '\0';
        if (!obey(c, (char *)c->input.data)) {
            fprintf(stderr, "cis_client: no such call\n");
            loop_stop(c->loop);
        }
        bytes_consume(&c->input, (size_t)(end - (char *)c->input.data) + 1);
    }
    if (c->input.len > LINE_MAX_BYTES)
        loop_stop(c->loop);
}

static bool start(struct client *c, int argc, char **argv)
{
    static char name[] = "scripted";
    c->config.providers = c->listed;
    for (size_t i = 0; i < PROVIDERS_MAX; i++)
        c->listed[i] = &c->providers[i];
    for (int i = 3; i < argc && c->config.provider_count < PROVIDERS_MAX; i++)
        c->providers[c->config.provider_count++] = (struct config_provider){
            .name = name, .session_endpoint = argv[i], .authorities = argv[1], .proxy = argv[2]};
    c->loop = loop_new();
    c->key = session_key_new();
    c->http = c->loop ? http_new(c->loop) : NULL;
    c->cis = c->http ? cis_new(c->loop, c->http, &c->config) : NULL;
    return c->key && c->cis && loop_watch_new(c->loop, STDIN_FILENO, LOOP_READABLE, input_ready, c);
}

static void stop(struct client *c)
{
    http_free(&c->http);
    for (size_t i = 0; i < CALLS_MAX; i++)
        cis_call_free(&c->slots[i].call);
    cis_free(&c->cis);
    session_key_free(&c->key);
    loop_free(&c->loop);
    bytes_deinit(&c->input);
}

int main(int argc, char **argv)
{
    static struct client client;
    if (argc < 4 || harden_process() < 0)
        return EXIT_FAILURE;
    log_init("cis_client", LOG_LEVEL_INFO);
    bool good = start(&client, argc, argv);
    if (good) {
        printf("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}\n",
               session_key_x(client.key), session_key_y(client.key));
        fflush(stdout);
        good = loop_run(client.loop) == 0;
    }
    stop(&client);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
