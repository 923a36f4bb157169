/* SPDX-License-Identifier: MIT */
/*
 * The words that move cards and readers. A command is carried out completely before its answer
 * leaves, and commands are taken one after the other, whoever sends them: a test that has read "ok"
 * knows that the driver was told. (When PC/SC clients hear of it is pcscd's affair, and takes about
 * a millisecond.)
 */
#include "control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WORDS_MAX 8
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
    vsnprintf(request->answer, CONTROL_ANSWER_MAX, format, arguments);
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
    size_t used = (size_t)snprintf(request->answer, CONTROL_ANSWER_MAX, "ok");

    for (size_t i = 0; i < bench->reader_count; i++) {
        const struct reader_link *reader = bench->readers[i];
        const struct card *card = reader_link_card(reader);

        used += (size_t)snprintf(request->answer + used, CONTROL_ANSWER_MAX - used, " %s=%s%s",
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

static int split(char *line, char *words[static WORDS_MAX])
{
    int count = 0;
    char *rest;

    for (char *word = strtok_r(line, " \t\r", &rest); word; word = strtok_r(NULL, " \t\r", &rest)) {
        if (count == WORDS_MAX)
            return -1;
        words[count++] = word;
    }
    return count;
}

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

void control_command(struct bench *bench, char *line, char answer[static CONTROL_ANSWER_MAX])
{
    char *words[WORDS_MAX];
    int count = split(line, words);
    struct request request = {
        .bench = bench, .words = words + 1, .count = count - 1, .answer = answer};
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
}

/* --- the socket ------------------------------------------------------------------------------ */

struct client {
    int fd; /* -1: free */
    size_t size;
    char line[CONTROL_LINE_MAX];
};

struct control {
    struct bench *bench;
    int listener;
    struct sockaddr_un address;
    struct client clients[CONTROL_CLIENTS_MAX];
};

struct control *control_new(struct bench *bench, const char *path)
{
    struct control *control = calloc(1, sizeof *control);

    if (!control)
        return NULL;
    control->bench = bench;
    control->address.sun_family = AF_UNIX;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        control->clients[i].fd = -1;
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (control->listener < 0 || strlen(path) >= sizeof control->address.sun_path)
        goto fail;
    memcpy(control->address.sun_path, path, strlen(path) + 1);
    unlink(path);
    if (bind(control->listener, (struct sockaddr *)&control->address, sizeof control->address) <
            0 ||
        listen(control->listener, CONTROL_CLIENTS_MAX) < 0)
        goto fail;
    return control;

fail:
    if (control->listener >= 0)
        close(control->listener);
    free(control);
    return NULL;
}

static void hang_up(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    *client = (struct client){.fd = -1};
}

void control_free(struct control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        hang_up(&control->clients[i]);
    close(control->listener);
    unlink(control->address.sun_path);
    free(control);
}

static void answer_line(struct control *control, struct client *client, char *line)
{
    char answer[CONTROL_ANSWER_MAX + 1];
    size_t size;

    control_command(control->bench, line, answer);
    size = strlen(answer);
    answer[size] = '\n';
    if (send(client->fd, answer, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)(size + 1))
        hang_up(client);
}

static void take_lines(struct control *control, struct client *client)
{
    char *start = client->line;
    char *newline;

    while (client->fd >= 0 &&
           (newline = memchr(start, '\n', client->size - (size_t)(start - client->line)))) {
        *newline = '\0';
        answer_line(control, client, start);
        start = newline + 1;
    }
    if (client->fd < 0)
        return;
    client->size -= (size_t)(start - client->line);
    memmove(client->line, start, client->size);
    if (client->size == sizeof client->line)
        hang_up(client); /* no command is that long */
}

static void receive(struct control *control, struct client *client)
{
    ssize_t size = recv(client->fd, client->line + client->size, sizeof client->line - client->size,
                        MSG_DONTWAIT);

    if (size > 0) {
        client->size += (size_t)size;
        take_lines(control, client);
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        hang_up(client);
    }
}

static void accept_client(struct control *control)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].fd < 0) {
            control->clients[i].fd =
                accept4(control->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            return;
        }
    }
}

static bool has_room(const struct control *control)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (control->clients[i].fd < 0)
            return true;
    return false;
}

void control_watch(const struct control *control, struct pollfd fds[static CONTROL_POLLS])
{
    fds[0] = (struct pollfd){.fd = has_room(control) ? control->listener : -1, .events = POLLIN};
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        fds[1 + i] = (struct pollfd){.fd = control->clients[i].fd, .events = POLLIN};
}

void control_turn(struct control *control, const struct pollfd fds[static CONTROL_POLLS])
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (fds[1 + i].revents && control->clients[i].fd >= 0)
            receive(control, &control->clients[i]);
    if (fds[0].revents)
        accept_client(control);
}
