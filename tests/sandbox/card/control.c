/* SPDX-License-Identifier: MIT */
/*
 * The words that move cards and readers. A command is carried out completely before its answer
 * leaves, and commands are taken one after the other, whoever sends them: a test that has read "ok"
 * knows that the driver was told. (When PC/SC clients hear of it is pcscd's affair, and takes about
 * a millisecond.)
 */
#include "control.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "tests/sandbox/lines/lines.h"

#define DELAY_MAX_MS 600000

struct request {
    struct bench *bench;
    char **words; /* after the command's own */
    int count;
    struct reader_link *reader; /* the first word, where the command is about a reader */
    struct card *card;          /* the first word, where it is about a card */
    char *answer;
};

__attribute__((format(printf, 2, 3))) static void reply(struct request *request, const char *format,
                                                        ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(request->answer, LINES_ANSWER_MAX, format, arguments);
    va_end(arguments);
}

static bool insert_card(struct request *request, const char *name)
{
    const char *why = "";
    struct card *card = bench_card(request->bench, name, &why);

    if (!card) {
        reply(request, "error %s: %s", name, why);
        return false;
    }
    if (card->in_reader) {
        reply(request, "error %s is in a reader", name);
        return false;
    }
    if (reader_link_card(request->reader))
        reader_link_remove(request->reader);
    reader_link_insert(request->reader, card);
    reply(request, "ok %s is in %s", name, reader_link_name(request->reader));
    return true;
}

static void do_insert(struct request *request)
{
    if (reader_link_card(request->reader))
        reply(request, "error %s holds a card", reader_link_name(request->reader));
    else
        (void)insert_card(request, request->words[1]);
}

static void do_remove(struct request *request)
{
    struct card *card = reader_link_card(request->reader);

    if (!card) {
        reply(request, "error %s is empty", reader_link_name(request->reader));
        return;
    }
    reader_link_remove(request->reader);
    reply(request, "ok %s is out", card->name);
}

static void do_swap(struct request *request)
{
    if (!reader_link_card(request->reader))
        reply(request, "error %s is empty", reader_link_name(request->reader));
    else
        (void)insert_card(request, request->words[1]);
}

static void do_unplug(struct request *request)
{
    if (!reader_link_plugged(request->reader)) {
        reply(request, "error already unplugged");
        return;
    }
    reader_link_set_plugged(request->reader, false);
    reply(request, "ok unplugged");
}

static void do_plug(struct request *request)
{
    if (reader_link_plugged(request->reader)) {
        reply(request, "error already plugged in");
        return;
    }
    reader_link_set_plugged(request->reader, true);
    reply(request, "ok plugged in");
}

static void do_delay(struct request *request)
{
    char *end;
    unsigned long delay = strtoul(request->words[1], &end, 10);

    if (*end != '\0' || delay > DELAY_MAX_MS) {
        reply(request, "error a delay is 0 to %d milliseconds", DELAY_MAX_MS);
        return;
    }
    reader_link_set_delay(request->reader, (unsigned)delay);
    reply(request, "ok %lu ms", delay);
}

static void do_fault(struct request *request)
{
    struct card *other = NULL;
    struct fault fault;
    const char *why = "";

    if (!fault_parse(request->words + 1, request->count - 1, &fault)) {
        reply(request, "error no such fault");
        return;
    }
    if (fault.other_card) {
        other = bench_card(request->bench, fault.other_card, &why);
        if (!other) {
            reply(request, "error %s: %s", fault.other_card, why);
            return;
        }
    }
    reader_link_set_fault(request->reader, &fault, other);
    reply(request, "ok armed");
}

static void do_clear(struct request *request)
{
    reader_link_clear(request->reader);
    reply(request, "ok clear");
}

static void do_pinpad(struct request *request)
{
    const char *word = request->words[1];
    enum pad_entry entry = PAD_PIN;

    if (strcmp(word, "cancel") == 0)
        entry = PAD_CANCELLED;
    else if (strcmp(word, "timeout") == 0)
        entry = PAD_TIMED_OUT;
    if (!reader_link_has_pin_pad(request->reader))
        reply(request, "error %s has no PIN pad", reader_link_name(request->reader));
    else if (!reader_link_type(request->reader, entry, word))
        reply(request, "error an earlier entry is waiting, or the PIN is not %d to %d characters",
              PIV_PIN_MIN, PIV_PIN_MAX);
    else
        reply(request, "ok entered");
}

static void do_apdus(struct request *request)
{
    struct reader_counts counts = reader_link_counts(request->reader);

    reply(request, "ok verify=%u verify-query=%u sign=%u", counts.verify, counts.verify_query,
          counts.sign);
}

static void do_pin(struct request *request)
{
    if (piv_set_pin(request->card->piv, request->words[1]))
        reply(request, "ok the PIN of %s is new", request->card->name);
    else
        reply(request, "error a PIN is %d to %d characters", PIV_PIN_MIN, PIV_PIN_MAX);
}

static void do_block(struct request *request)
{
    piv_set_tries(request->card->piv, 0);
    reply(request, "ok %s is blocked", request->card->name);
}

static void do_unblock(struct request *request)
{
    piv_set_tries(request->card->piv, PIV_TRIES_MAX);
    reply(request, "ok %s has %d tries", request->card->name, PIV_TRIES_MAX);
}

static void do_tries(struct request *request)
{
    reply(request, "ok %u", piv_tries(request->card->piv));
}

static void do_list(struct request *request)
{
    const struct bench *bench = request->bench;
    size_t used = (size_t)snprintf(request->answer, LINES_ANSWER_MAX, "ok");

    for (size_t i = 0; i < bench->reader_count; i++) {
        const struct reader_link *reader = bench->readers[i];
        const struct card *card = reader_link_card(reader);

        used += (size_t)snprintf(request->answer + used, LINES_ANSWER_MAX - used, " %s=%s%s",
                                 reader_link_name(reader), card ? card->name : "empty",
                                 reader_link_plugged(reader) ? "" : ",unplugged");
    }
}

static void do_quit(struct request *request)
{
    request->bench->quit = true;
    reply(request, "ok");
}

enum subject { ABOUT_ALL, ABOUT_READER, ABOUT_CARD };

static const struct command {
    const char *name;
    enum subject subject;
    int least, most; /* words after the name */
    void (*run)(struct request *request);
} commands[] = {
    {"insert", ABOUT_READER, 2, 2, do_insert}, {"remove", ABOUT_READER, 1, 1, do_remove},
    {"swap", ABOUT_READER, 2, 2, do_swap},     {"unplug", ABOUT_READER, 1, 1, do_unplug},
    {"plug", ABOUT_READER, 1, 1, do_plug},     {"delay", ABOUT_READER, 2, 2, do_delay},
    {"fault", ABOUT_READER, 2, 5, do_fault},   {"clear", ABOUT_READER, 1, 1, do_clear},
    {"pinpad", ABOUT_READER, 2, 2, do_pinpad}, {"apdus", ABOUT_READER, 1, 1, do_apdus},
    {"pin", ABOUT_CARD, 2, 2, do_pin},         {"block", ABOUT_CARD, 1, 1, do_block},
    {"unblock", ABOUT_CARD, 1, 1, do_unblock}, {"tries", ABOUT_CARD, 1, 1, do_tries},
    {"list", ABOUT_ALL, 0, 0, do_list},        {"quit", ABOUT_ALL, 0, 0, do_quit},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* False, and *why, when the command's first word names nothing. */
static bool find_subject(struct request *request, enum subject subject, const char **why)
{
    if (subject == ABOUT_READER)
        request->reader = bench_reader(request->bench, request->words[0], why);
    else if (subject == ABOUT_CARD)
        request->card = bench_card(request->bench, request->words[0], why);
    return subject == ABOUT_ALL || request->reader || request->card;
}

bool control_command(void *context, char *line, char *answer)
{
    char *words[LINES_WORDS_MAX];
    int count = lines_split(line, words);
    struct request request = {
        .bench = context, .words = words + 1, .count = count - 1, .answer = answer};
    const struct command *command = count > 0 ? find_command(words[0]) : NULL;
    const char *why = "";

    if (!command)
        reply(&request, "error no such command");
    else if (request.count < command->least || request.count > command->most)
        reply(&request, "error %s: wrong number of words", command->name);
    else if (!find_subject(&request, command->subject, &why))
        reply(&request, "error %s: %s", request.words[0], why);
    else
        command->run(&request);
    return true;
}
