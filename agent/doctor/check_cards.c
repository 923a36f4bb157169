/* SPDX-License-Identifier: MIT */
/*
 * Modules and what they find. Where the agent runs and a module of its is ready, its word counts:
 * two helpers on one card would only disturb each other. Where it does not run, or the module has
 * failed there, doctor starts a helper of its own, whose log tells why.
 *
 * Either way the cards end up in the shape of card.list, and are judged once.
 */
#include "agent/certificate.h"
#include "agent/doctor/card_helper.h"
#include "agent/doctor/probe.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { EXPIRES_SOON_DAYS = 90, DAY_SECONDS = 86400, LOOKS_MAX = 40, LOOK_MS = 100 };

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* ---- a module in a helper of doctor's ---- */

static json_t *certificate_json(const struct certificate *c, int problem, bool chosen)
{
    bool signs_in = c->use == CERTIFICATE_AUTHENTICATION;
    json_t *json = json_pack("{s:s, s:s, s:b}", "use", certificate_use_name(c->use), "notAfter",
                             c->not_after_text, "chosen", chosen);
    if (signs_in && problem)
        json_object_set_new(json, "problem", json_string(outcome_reason(problem)));
    return json;
}

static json_t *certificates_json(const struct card_token *token, const struct issuers *issuers)
{
    static const uint8_t every[] = {CARD_ES256, CARD_ES384, CARD_PS256, CARD_RS256};
    struct certificate_set set = {0};
    struct certificate_choice choice;
    json_t *list = json_array();
    if (certificate_set_parse(token, &set) == 0) {
        certificate_choose(&set, issuers, time(NULL), every, sizeof every, &choice);
        for (size_t i = 0; i < set.count; i++)
            if (set.at[i])
                json_array_append_new(
                    list, certificate_json(set.at[i], choice.problems[i],
                                           choice.result == OUTCOME_OK && choice.index == i));
    }
    certificate_set_deinit(&set);
    return list;
}

static const char *pin_state(const struct card_token *token)
{
    if ((token->flags & CARD_PIN_LOCKED) || token->tries_left == 0)
        return "blocked";
    if ((token->flags & CARD_PIN_FINAL_TRY) || token->tries_left == 1)
        return "final";
    return "ok";
}

static struct issuers *load_issuers(const struct config *config)
{
    struct issuers *issuers = NULL;
    CLEANUP(bytes_deinit) struct bytes pem = {0};
    if (config->issuers && config->issuers[0] != '\0' &&
        config_read_file(config, config->issuers, &pem, (struct config_reporter){0}) == 0)
        issuers_parse(pem.data, pem.len, &issuers);
    return issuers;
}

static void take_tokens(struct probe *probe, const char *module, const struct card_reply *reply)
{
    CLEANUP(issuers_free) struct issuers *issuers = load_issuers(&probe->config);
    if (!probe->cards)
        probe->cards = json_array();
    for (size_t i = 0; i < reply->token_count; i++) {
        const struct card_token *token = &reply->tokens[i];
        json_array_append_new(probe->cards,
                              json_pack("{s:s, s:s, s:s, s:b, s:o}", "reader", token->reader,
                                        "module", module, "pinState", pin_state(token),
                                        "unreadable", !!(token->flags & CARD_UNREADABLE),
                                        "certificates", certificates_json(token, issuers)));
    }
}

static void say_refused(struct probe *probe, const char *module, const struct helper_talk *talk)
{
    bool missing = talk->reply.result == OUTCOME_CARD_MODULE_MISSING;
    report_find(probe->report, missing ? DOCTOR_MODULE_UNLOADABLE : DOCTOR_MODULE_FAILS, module,
                "%s", talk->words[0] ? talk->words : outcome_sentence((int)talk->reply.result));
}

static void ask_helper(struct probe *probe, const char *module)
{
    struct helper_talk talk;
    card_helper_ask(probe->setup->helpers, module, &talk);
    switch (talk.end) {
    case HELPER_LISTED:
        take_tokens(probe, module, &talk.reply);
        break;
    case HELPER_REFUSED:
        if (talk.reply.result != OUTCOME_CARD_CHANGED)
            say_refused(probe, module, &talk);
        break;
    case HELPER_MISSING: /* said with the programs */
        report_skip(probe->report, DOCTOR_PROGRAM_MISSING);
        break;
    case HELPER_CRASHED:
        if (talk.signal)
            report_find(probe->report, DOCTOR_MODULE_CRASHES, module,
                        "its helper died of signal %d", talk.signal);
        else
            report_find(probe->report, DOCTOR_MODULE_CRASHES, module,
                        "its helper ended without an answer");
        break;
    case HELPER_HANGS:
        report_find(probe->report, DOCTOR_MODULE_HANGS, module, NULL);
        break;
    case HELPER_NONSENSE:
        report_find(probe->report, DOCTOR_MODULE_FAILS, module, "its answer cannot be read");
        break;
    }
    card_reply_deinit(&talk.reply);
}

/* ---- modules ---- */

static bool ready_in_agent(const struct probe *probe, const char *path)
{
    const json_t *modules = json_object_get(probe->status, "modules");
    size_t i;
    json_t *each;
    json_array_foreach(modules, i, each) if (strcmp(text_of(each, "path"), path) ==
                                             0) return strcmp(text_of(each, "state"), "ready") == 0;
    return false;
}

/* False: there is nothing to load (said). */
static bool check_file(struct probe *probe, const char *module)
{
    struct stat is;
    if (stat(module, &is) < 0) {
        report_find(probe->report, DOCTOR_MODULE_MISSING, module, "%s; module is set at %s",
                    strerror(errno), config_place(&probe->config, "module"));
        return false;
    }
    probe_owner(probe, DOCTOR_MODULE_UNSAFE, module, &is);
    return true;
}

void check_modules(struct probe *probe)
{
    const struct config_list *modules = &probe->config.modules;
    size_t good = 0;
    for (size_t i = 0; i < modules->count; i++) {
        size_t before = probe->report->count;
        if (check_file(probe, modules->at[i]) && !ready_in_agent(probe, modules->at[i]))
            ask_helper(probe, modules->at[i]);
        good += probe->report->count == before;
    }
    report_saw(probe->report, "%zu of %zu can be used", good, modules->count);
}

/* ---- cards ---- */

static const json_t *card_in(const struct probe *probe, const char *reader)
{
    size_t i;
    json_t *each;
    json_array_foreach(probe->cards, i, each)
    {
        const char *name = text_of(each, "reader");
        if (name[0] != '\0' && strncmp(name, reader, strlen(name)) == 0)
            return each;
    }
    return NULL;
}

/* The agent lists no reader that is not the session's. */
static bool is_listed(const struct probe *probe, const char *reader)
{
    size_t i;
    json_t *each;
    json_array_foreach(probe->listed, i,
                       each) if (strcmp(text_of(each, "name"), reader) == 0) return true;
    return !probe->listed;
}

static bool every_card_known(const struct probe *probe)
{
    for (size_t i = 0; i < probe->reader_count; i++)
        if (probe->readers[i].card && !probe->readers[i].mute &&
            is_listed(probe, probe->readers[i].name) && !card_in(probe, probe->readers[i].name))
            return false;
    return true;
}

/* A card that has just been put in is read soon: it is asked for again for a while. */
static void ask_agent(struct probe *probe)
{
    for (int look = 0; look < LOOKS_MAX; look++) {
        CLEANUP(free_answer) char *json = NULL;
        if (look > 0)
            poll(NULL, 0, LOOK_MS);
        if (lanyard_card_list(probe->agent, &json, NULL) != LANYARD_OK)
            return;
        CLEANUP(free_json) json_t *list = json_loads(json, 0, NULL);
        json_decref(probe->cards);
        probe->cards = json_incref(json_object_get(list, "cards"));
        json_decref(probe->listed);
        probe->listed = json_incref(json_object_get(list, "readers"));
        if (every_card_known(probe))
            return;
    }
}

static enum doctor_code code_of(const char *problem)
{
    switch (outcome_from_reason(problem)) {
    case OUTCOME_CERTIFICATE_EXPIRED:
        return DOCTOR_CARD_EXPIRED;
    case OUTCOME_CERTIFICATE_NOT_YET_VALID:
        return DOCTOR_CARD_NOT_YET_VALID;
    case OUTCOME_CERTIFICATE_REVOKED:
        return DOCTOR_CARD_REVOKED;
    case OUTCOME_ISSUER_UNKNOWN:
        return DOCTOR_CARD_ISSUER;
    case OUTCOME_KEY_UNSUITABLE:
        return DOCTOR_CARD_KEY;
    default:
        return DOCTOR_CARD_NO_CERTIFICATE;
    }
}

static void check_expiry(struct probe *probe, const char *reader, const char *not_after)
{
    struct tm tm = {0};
    if (!strptime(not_after, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return;
    double days = difftime(timegm(&tm), time(NULL)) / DAY_SECONDS;
    if (days < EXPIRES_SOON_DAYS)
        report_find(probe->report, DOCTOR_CARD_EXPIRES, reader,
                    "it expires on %.10s; days left: %.0f", not_after, days);
}

/* That which signs in, or else the problem of the first that was meant to. */
static void check_certificates(struct probe *probe, const char *reader, const json_t *card)
{
    size_t i;
    const json_t *certificates = json_object_get(card, "certificates"), *meant = NULL;
    json_t *each;
    json_array_foreach(certificates, i, each)
    {
        if (json_is_true(json_object_get(each, "chosen"))) {
            check_expiry(probe, reader, text_of(each, "notAfter"));
            return;
        }
        if (!meant && strcmp(text_of(each, "use"), "authentication") == 0)
            meant = each;
    }
    if (!meant)
        report_find(probe->report, DOCTOR_CARD_NO_CERTIFICATE, reader,
                    "certificates on it: %zu; none is for signing in",
                    json_array_size(certificates));
    else
        report_find(probe->report, code_of(text_of(meant, "problem")), reader, "valid until %.10s",
                    text_of(meant, "notAfter"));
}

static void check_card(struct probe *probe, const char *reader, const json_t *card)
{
    const char *pin = text_of(card, "pinState");
    if (json_is_true(json_object_get(card, "unreadable"))) {
        report_find(probe->report, DOCTOR_CARD_UNREADABLE, reader, "%s cannot read it",
                    text_of(card, "module"));
        return;
    }
    check_certificates(probe, reader, card);
    if (strcmp(pin, "blocked") == 0)
        report_find(probe->report, DOCTOR_CARD_BLOCKED, reader, NULL);
    else if (strcmp(pin, "final") == 0)
        report_find(probe->report, DOCTOR_CARD_LAST_TRY, reader, NULL);
}

static bool module_failed(const struct report *report)
{
    static const enum doctor_code codes[] = {
        DOCTOR_MODULE_MISSING, DOCTOR_MODULE_UNLOADABLE, DOCTOR_MODULE_CRASHES, DOCTOR_MODULE_HANGS,
        DOCTOR_MODULE_FAILS,   DOCTOR_PROGRAM_MISSING,   DOCTOR_READER_HELD};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (report_has(report, codes[i]))
            return true;
    return false;
}

void check_cards(struct probe *probe)
{
    size_t in = 0, listed = 0;
    if (report_has(probe->report, DOCTOR_READERS_REMOTE)) {
        report_skip(probe->report, DOCTOR_READERS_REMOTE);
        return;
    }
    if (!probe->readers_known || probe->reader_count == 0) {
        bool readers = probe->readers_known && !report_has(probe->report, DOCTOR_READER_IGNORED);
        report_skip_after(probe->report, readers ? "readers" : "reader-service",
                          DOCTOR_READER_NONE);
        return;
    }
    if (probe->agent && !module_failed(probe->report))
        ask_agent(probe);
    for (size_t i = 0; i < probe->reader_count; i++) {
        const struct probe_reader *reader = &probe->readers[i];
        if (!is_listed(probe, reader->name))
            continue;
        listed++;
        if (!reader->card)
            continue;
        in++;
        const json_t *card = reader->mute ? NULL : card_in(probe, reader->name);
        if (reader->mute)
            report_find(probe->report, DOCTOR_CARD_MUTE, reader->name, NULL);
        else if (card)
            check_card(probe, reader->name, card);
        else if (!module_failed(probe->report)) /* else it is known why */
            report_find(probe->report, DOCTOR_CARD_UNRECOGNISED, reader->name, NULL);
    }
    if (listed == 0 && !report_has(probe->report, DOCTOR_PCSCD_NOT_SEEN)) {
        report_find(probe->report, DOCTOR_READERS_OTHERS, probe->readers[0].name, NULL);
        if (probe->key_in)
            report_soften(probe->report, SEVERITY_NOTICE);
        return;
    }
    if (in == 0 && !probe->key_in)
        report_find(probe->report, DOCTOR_CARD_NONE, "", NULL);
    report_saw(probe->report, "%zu", in);
}
