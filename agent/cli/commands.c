/* SPDX-License-Identifier: MIT */
/*
 * Results go to standard output and nothing else does, so that a script can take them; everything
 * for the person who watches goes to standard error. With --json both a result and an error are one
 * JSON value on standard output.
 */
#include "agent/cli/commands.h"

#include "agent/cli/outline.h"
#include "agent/cli/session_commands.h"
#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHALLENGE_BYTES = 33 }; /* 44 characters, the least that every format takes */

void text_release(char **text)
{
    lanyard_free(*text);
    *text = NULL;
}

/* ---- errors ---- */

static int status_of(const struct lanyard_error *error)
{
    switch (error->result) {
    case LANYARD_OK:
        return STATUS_DONE;
    case LANYARD_CANCELLED:
    case LANYARD_TIMED_OUT:
        return STATUS_CANCELLED;
    case LANYARD_UNREACHABLE:
        return STATUS_UNREACHABLE;
    case LANYARD_INVALID:
        return STATUS_USAGE;
    case LANYARD_NO_MEMORY:
    case LANYARD_REFUSED:
        break;
    }
    int outcome = outcome_from_reason(error->reason);
    switch (outcome) {
    case OUTCOME_READER_SERVICE_DOWN:
    case OUTCOME_REMOTE_SESSION:
    case OUTCOME_CARD_MODULE_FAILED:
    case OUTCOME_CARD_MODULE_MISSING:
    case OUTCOME_PROMPT_UNAVAILABLE:
        return STATUS_SETUP;
    case OUTCOME_CANCELLED:
    case OUTCOME_TIMED_OUT:
        return STATUS_CANCELLED;
    default:
        break;
    }
    switch (outcome / 100) {
    case 10: /* the PIN */
    case 11: /* the card */
    case 12: /* its certificates */
    case 13: /* the reader */
    case 18: /* the security key */
        return STATUS_CARD;
    case 16:
        return STATUS_PROVIDER;
    case 17:
        return STATUS_SESSION;
    default:
        return STATUS_REFUSED;
    }
}

/* What this program can do about it, beside the agent's advice; NULL: nothing. */
static const char *command_for(const char *reason)
{
    switch (outcome_from_reason(reason)) {
    case OUTCOME_NO_SESSION:
        return "lanyard sign-in signs in.";
    case OUTCOME_SESSION_EXISTS:
        return "lanyard session shows who; lanyard sign-out signs out.";
    case OUTCOME_ROLE_UNKNOWN:
        return "lanyard session lists them.";
    case OUTCOME_NO_READER:
    case OUTCOME_NO_CARD:
    case OUTCOME_NO_CERTIFICATE:
        return "lanyard readers and lanyard cards show what there is.";
    case OUTCOME_PIN_BLOCKED:
        return "lanyard pin unblock does it, for who has the card's PUK.";
    case OUTCOME_CARD_AMBIGUOUS:
        return "lanyard cards shows them, and their readers.";
    case OUTCOME_NO_KEY:
    case OUTCOME_KEY_AMBIGUOUS:
        return "lanyard keys shows what there is.";
    case OUTCOME_AGENT_UNREACHABLE:
    case OUTCOME_READER_SERVICE_DOWN:
    case OUTCOME_REMOTE_SESSION:
    case OUTCOME_CARD_MODULE_FAILED:
    case OUTCOME_CARD_MODULE_MISSING:
    case OUTCOME_PROMPT_UNAVAILABLE:
    case OUTCOME_PROVIDER_UNREACHABLE:
    case OUTCOME_PROVIDER_UNTRUSTED:
    case OUTCOME_CLOCK_WRONG:
        return "lanyard doctor finds the reason.";
    default:
        return NULL;
    }
}

static void put_member(const char *name, const char *value, const char *behind)
{
    printf("\"%s\": ", name);
    outline_quote(value, stdout);
    fputs(behind, stdout);
}

int report_error(const struct lanyard_error *error, const struct options *options)
{
    if (options->json) {
        fputs("{\"error\": {", stdout);
        put_member("reason", error->reason, ", ");
        put_member("code", error->code, ", ");
        put_member("message", error->sentence, ", ");
        put_member("advice", error->advice, "}}\n");
    } else {
        fprintf(stderr, "lanyard: %s (%s)\n", error->sentence, error->code);
        if (error->advice[0] != '\0')
            fprintf(stderr, "%s\n", error->advice);
        const char *command = command_for(error->reason);
        if (command)
            fprintf(stderr, "%s\n", command);
    }
    return status_of(error);
}

void error_of_outcome(int outcome, struct lanyard_error *error)
{
    *error = (struct lanyard_error){.result = LANYARD_REFUSED};
    snprintf(error->reason, sizeof error->reason, "%s", outcome_reason(outcome));
    snprintf(error->code, sizeof error->code, "LY-%d", outcome);
    snprintf(error->sentence, sizeof error->sentence, "%s", outcome_sentence(outcome));
    snprintf(error->advice, sizeof error->advice, "%s", outcome_advice(outcome));
}

int report_outcome(int outcome, const struct options *options)
{
    struct lanyard_error error;
    error_of_outcome(outcome, &error);
    return report_error(&error, options);
}

int report_upkeep_error(const struct lanyard_error *error, const char *unchanged,
                        const struct options *options)
{
    if (error->result != LANYARD_CANCELLED)
        return report_error(error, options);
    struct lanyard_error cancelled = *error;
    snprintf(cancelled.sentence, sizeof cancelled.sentence, "That was cancelled.");
    snprintf(cancelled.advice, sizeof cancelled.advice, "%s",
             unchanged ? unchanged : "Start again when you are ready.");
    return report_error(&cancelled, options);
}

int report_error_at_once(const struct lanyard_error *error, const struct options *options)
{
    if (error->result != LANYARD_TIMED_OUT)
        return report_error(error, options);
    struct lanyard_error silent;
    error_of_outcome(OUTCOME_AGENT_UNREACHABLE, &silent);
    silent.result = LANYARD_UNREACHABLE;
    snprintf(silent.sentence, sizeof silent.sentence, "Lanyard does not answer.");
    return report_error(&silent, options);
}

/* ---- what there is ---- */

static bool is_empty(const char *list)
{
    return !list || strncmp(list, "[]", 2) == 0;
}

void show_list(const char *json, const char *name, const char *none, const char *const *hidden,
               const struct options *options)
{
    size_t len = 0;
    const char *list = outline_member(json, name, &len);
    if (options->json)
        printf("%.*s\n", list ? (int)len : 2, list ? list : "[]");
    else if (is_empty(list))
        fprintf(stderr, "%s\n", none);
    else
        outline_print_without(list, hidden, stdout);
}

/* A member of the object that json is has this text. */
static bool member_is(const char *json, const char *name, const char *text)
{
    size_t len;
    return outline_is(outline_member(json, name, &len), text);
}

static bool withholds_readers(const char *json)
{
    return member_is(json, "readersWithheld", outcome_reason(OUTCOME_REMOTE_SESSION));
}

int command_status(struct lanyard *agent, const struct options *options)
{
    CLEANUP(text_release) char *json = NULL;
    struct lanyard_error error;
    if (lanyard_status(agent, &json, &error) != LANYARD_OK)
        return report_error_at_once(&error, options);
    if (options->json)
        puts(json);
    else
        outline_print(json, stdout);
    if (!options->json && withholds_readers(json))
        report_outcome(OUTCOME_REMOTE_SESSION, options);
    return STATUS_DONE;
}

/* Where readers are withheld, or the smartcard service is down, there is nothing to list, which is
 * not the same as nothing there. */
static enum lanyard_result ask_why_empty(struct lanyard *agent, struct lanyard_error *error)
{
    CLEANUP(text_release) char *json = NULL;
    enum lanyard_result result = lanyard_status(agent, &json, error);
    if (result != LANYARD_OK)
        return result;
    if (withholds_readers(json))
        error_of_outcome(OUTCOME_REMOTE_SESSION, error);
    else if (member_is(json, "readerService", "down"))
        error_of_outcome(OUTCOME_READER_SERVICE_DOWN, error);
    else
        return LANYARD_OK;
    return error->result;
}

/* One member of card.list. */
static int list_of_cards(struct lanyard *agent, const char *name, const char *none,
                         const char *const *hidden, const struct options *options)
{
    CLEANUP(text_release) char *json = NULL;
    struct lanyard_error error;
    if (lanyard_card_list(agent, &json, &error) != LANYARD_OK)
        return report_error_at_once(&error, options);
    size_t len;
    if (is_empty(outline_member(json, name, &len)) && ask_why_empty(agent, &error) != LANYARD_OK)
        return report_error_at_once(&error, options);
    show_list(json, name, none, hidden, options);
    return STATUS_DONE;
}

int command_readers(struct lanyard *agent, const struct options *options)
{
    return list_of_cards(agent, "readers", "No smartcard reader is connected.", NULL, options);
}

int command_cards(struct lanyard *agent, const struct options *options)
{
    static const char *const details[] = {"subject",   "issuer", "serialNumber",
                                          "notBefore", "key",    NULL};
    return list_of_cards(agent, "cards", "There is no smartcard in a reader.",
                         options->verbose ? NULL : details, options);
}

/* ---- a card's PIN ---- */

int check_pin(const struct options *options)
{
    const char *word = options->word_count > 0 ? options->words[0] : "";
    if (strcmp(word, "change") != 0 && strcmp(word, "unblock") != 0)
        return usage_error("pin wants change or unblock behind it");
    return STATUS_DONE;
}

/* Of one that was cancelled. Who interrupts this program cannot stop a card that is at it already.
 */
static const char *pin_unchanged(void)
{
    return command_interrupted() ? "The PIN was not changed, unless the new one was typed already."
                                 : "The PIN was not changed.";
}

int command_pin(struct lanyard *agent, const struct options *options)
{
    bool unblock = strcmp(options->words[0], "unblock") == 0;
    struct lanyard_card_pin request = {
        .what = unblock ? "unblockPin" : "changePin",
        .reader = options->reader,
        .timeout_ms = options->timeout_seconds * 1000,
        .waiting = say_waiting,
    };
    struct lanyard_error error;
    if (lanyard_card_pin(agent, &request, &error) != LANYARD_OK)
        return report_upkeep_error(&error, pin_unchanged(), options);
    if (options->json)
        puts("{}");
    else
        fprintf(stderr, "%s\n",
                unblock ? "The card is unblocked, and has its new PIN now."
                        : "The card has its new PIN now.");
    return STATUS_DONE;
}

/* ---- what happens ---- */

int command_events(struct lanyard *agent, const struct options *options)
{
    struct lanyard_error error;
    enum lanyard_result result = lanyard_subscribe(agent, &error);
    while (result == LANYARD_OK) {
        CLEANUP(text_release) char *json = NULL;
        result = lanyard_next_event(agent, -1, &json, &error);
        if (result != LANYARD_OK)
            break;
        if (options->json)
            puts(json);
        else
            outline_print(json, stdout);
        if (fflush(stdout) != 0)
            return STATUS_REFUSED;
    }
    return result == LANYARD_CANCELLED ? STATUS_DONE : report_error_at_once(&error, options);
}

/* ---- signing in ---- */

void say_waiting(void *context, const char *what, const char *reader, int tries_left)
{
    static const struct {
        const char *what, *sentence;
    } sentences[] = {
        {"turn", "Another sign-in comes first: finish or cancel it."},
        {"reader", "Connect a smartcard reader."},
        {"card", "Insert your smartcard."},
        {"choice", "Say in Lanyard's window which card is yours."},
        {"pin", "Type your PIN into Lanyard's window."},
        {"pin-pad", "Type your PIN on the reader's own keys."},
        {"signature", "The card is signing."},
        {"provider", "Waiting for the sign-in service."},
        {"role", "Choose your role in Lanyard's window."},
        {"card-or-key", "Insert your smartcard or plug in your security key."},
        {"key", "Plug in your security key."},
        {"other-key", "That security key is not registered there: plug in another one."},
        {"key-choice", "Touch the security key that you mean."},
        {"touch", "Touch your security key."},
        {"verification", "Show your security key that it is you: by a finger, or on its keys."},
        {"key-pin", "Type the PIN of your security key into Lanyard's window."},
        {"puk", "Type the PUK of your smartcard into Lanyard's window."},
        {"new-pin", "Choose a new PIN in Lanyard's window, and type it twice."},
        {"account", "Say in Lanyard's window which account is yours."},
        {"replug", "Pull your security key out and plug it in again, at the same place."},
    };
    (void)context;
    const char *sentence = what;
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (strcmp(sentences[i].what, what) == 0)
            sentence = sentences[i].sentence;
    fputs(sentence, stderr);
    if (reader)
        fprintf(stderr, " [%s]", reader);
    if (tries_left == 1)
        fputs(" This is the last try.", stderr);
    else if (tries_left > 1)
        fprintf(stderr, " %d tries are left.", tries_left);
    fputc('\n', stderr);
}

/* A challenge for trying a sign-in out: nobody else knows it, so the token admits nobody. */
static bool make_challenge(struct bytes *challenge)
{
    uint8_t random[CHALLENGE_BYTES];
    if (getentropy(random, sizeof random) < 0)
        return false;
    base64url_append(challenge, random, sizeof random);
    bytes_append(challenge, "", 1);
    if (challenge->failed)
        return false;
    fprintf(stderr, "Challenge: %s\n", (const char *)challenge->data);
    return true;
}

static void put_token(const char *token, const char *format, const struct options *options)
{
    bool is_json = token[0] == '{';
    if (!options->json) {
        puts(token);
        return;
    }
    fputc('{', stdout);
    put_member("format", format, ", \"token\": ");
    if (is_json)
        fputs(token, stdout);
    else
        outline_quote(token, stdout);
    puts("}");
}

static int make_token(struct lanyard *agent, const struct options *options)
{
    CLEANUP(bytes_deinit) struct bytes made = {0};
    const char *challenge = options->challenge;
    if (!challenge) {
        if (!make_challenge(&made)) {
            fputs("lanyard: no random numbers\n", stderr);
            return STATUS_REFUSED;
        }
        challenge = (const char *)made.data;
    }
    bool web_eid = options->format && strcmp(options->format, "web-eid") == 0;
    const char *format = web_eid ? "web-eid:1.1" : options->format ? options->format : "jws";
    struct lanyard_sign_in request = {
        .challenge = challenge,
        .origin = options->origin,
        .format = format,
        .algorithms = options->algorithm_count > 0 ? options->algorithms : NULL,
        .interaction = options->silent ? "silent" : NULL,
        .timeout_ms = options->timeout_seconds * 1000,
        .waiting = say_waiting,
    };
    CLEANUP(text_release) char *token = NULL;
    struct lanyard_error error;
    if (lanyard_sign_in(agent, &request, &token, &error) != LANYARD_OK)
        return report_error(&error, options);
    put_token(token, format, options);
    return STATUS_DONE;
}

int command_sign_in(struct lanyard *agent, const struct options *options)
{
    return options->origin ? make_token(agent, options) : open_session(agent, options);
}
