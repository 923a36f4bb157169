/* SPDX-License-Identifier: MIT */
/*
 * A person who reads the prompt must be able to tell who is asking, and for whom. So each question
 * has the same form: one sentence, then one line for each fact, then what a wrong PIN would cost.
 * The certificate's texts have been cleaned by certificate.c; a reader's name comes from the
 * reader, and the codec of the question refuses control characters in it.
 */
#include "agent/wording.h"

#include "ipc/base/outcome.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

void wording_add(struct prompt_question *question, const char *format, ...)
{
    size_t used = strlen(question->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(question->text + used, sizeof question->text - used, format, arguments);
    va_end(arguments);
}

int wording_tries(const struct card_token *token)
{
    if (token->flags & CARD_PIN_LOCKED)
        return 0;
    if (token->tries_left != CARD_TRIES_UNKNOWN)
        return token->tries_left;
    return token->flags & CARD_PIN_FINAL_TRY ? 1 : -1;
}

/* A native program can name any listed site, so the person is told which program does. */
void wording_add_program(const struct caller *caller, struct prompt_question *question)
{
    if (!caller || caller->door != DOOR_NATIVE)
        return;
    char link[64], program[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/exe", (int)caller->pid);
    ssize_t len = readlink(link, program, sizeof program - 1);
    program[len > 0 ? len : 0] = '\0';
    for (char *c = program; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    wording_add(question, "Program: %.200s\n", len > 0 ? program : "unknown");
}

static void begin(const struct wording *w, enum prompt_kind kind, struct prompt_question *question)
{
    *question = (struct prompt_question){.kind = (uint8_t)kind, .timeout_seconds = w->timeout};
    put(question->title, sizeof question->title,
        w->another_pin ? "Lanyard: type your PIN again" : "Lanyard: sign in with your smartcard");
    put(question->no, sizeof question->no, "Cancel");
}

static void add_site(const struct wording *w, struct prompt_question *question)
{
    wording_add(question, "Site: %s\n", w->origin);
    wording_add_program(w->caller, question);
}

enum { NAME_BYTES_MAX = 200 }; /* so that the rest of the question still fits beside it */

/* How many of the first max bytes of a UTF-8 text are whole characters. */
static size_t whole_characters(const char *text, size_t max)
{
    size_t len = strnlen(text, max + 1);
    if (len <= max)
        return len;
    for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--;
    return len;
}

/* "Dr Alice Adams (555000000101)"; many NHS certificates name their holder by the number alone. */
static void add_holder(const struct certificate *holder, char *text, size_t size)
{
    size_t used = strlen(text);
    int shown = (int)whole_characters(holder->name, NAME_BYTES_MAX);
    if (holder->uid[0] == '\0' || strcmp(holder->uid, holder->name) == 0)
        snprintf(text + used, size - used, "%.*s", shown, holder->name);
    else
        snprintf(text + used, size - used, "%.*s (%s)", shown, holder->name, holder->uid);
}

void wording_add_holder(const struct certificate *holder, struct prompt_question *question)
{
    if (!holder)
        return;
    wording_add(question, "Card holder: ");
    add_holder(holder, question->text, sizeof question->text);
    wording_add(question, "\n");
}

static void add_card(const struct wording *w, struct prompt_question *question)
{
    wording_add_holder(w->holder, question);
    wording_add(question, "Reader: %s\n", w->card->token.reader);
    int tries = wording_tries(&w->card->token);
    if (tries >= 0)
        wording_add(question, "Tries left: %d\n", tries);
}

static void put_error(int wrong, struct prompt_question *question)
{
    if (wrong != OUTCOME_OK)
        snprintf(question->error, sizeof question->error, "%s %s", outcome_sentence(wrong),
                 outcome_advice(wrong));
}

void wording_pin(const struct wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_PIN, question);
    put(question->label, sizeof question->label, "PIN:");
    put(question->yes, sizeof question->yes, w->another_pin ? "Continue" : "Sign in");
    if (w->another_pin)
        wording_add(question, "Your session needs your PIN again. Type it to carry on.\n\n");
    else if (!w->caller)
        wording_add(question,
                    "Your smartcard is in. Type its PIN to sign in to the applications on this "
                    "computer.\n\n");
    else
        wording_add(question, "Type your smartcard PIN to sign in.\n\n");
    add_site(w, question);
    add_card(w, question);
    put_error(wrong, question);
}

void wording_pin_pad(const struct wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_PIN_PAD, question);
    if (wrong != OUTCOME_OK)
        wording_add(question, "%s\n", outcome_sentence(wrong));
    if (w->another_pin)
        wording_add(question,
                    "Your session needs your PIN again. Type it on the keys of the card reader "
                    "to carry on.\n\n");
    else if (!w->caller)
        wording_add(question,
                    "Your smartcard is in. Type its PIN on the keys of the card reader to sign "
                    "in to the applications on this computer.\n\n");
    else
        wording_add(question, "Type your PIN on the keys of the card reader to sign in.\n\n");
    add_site(w, question);
    add_card(w, question);
}

void wording_last_try(const struct wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_CONFIRM, question);
    put(question->yes, sizeof question->yes, "Use the last try");
    if (wrong != OUTCOME_OK)
        wording_add(question, "%s ", outcome_sentence(wrong));
    wording_add(question,
                "This is the last try. If the PIN is wrong once more, the card is blocked and "
                "only your Registration Authority can unblock it.\n\n");
    add_site(w, question);
    add_card(w, question);
}

void wording_choice(const struct wording *w, const struct card *const *cards,
                    const struct certificate *const *holders, size_t count,
                    struct prompt_question *question)
{
    begin(w, PROMPT_CHOICE, question);
    put(question->yes, sizeof question->yes, "This is my card");
    put(question->label, sizeof question->label, "Another card");
    wording_add(question, "Several people's smartcards are in. Which one is yours?\n\n");
    add_site(w, question);
    if (count > PROMPT_CHOICES_MAX)
        count = PROMPT_CHOICES_MAX;
    question->choice_count = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        char *choice = question->choices[i];
        size_t size = sizeof question->choices[i];
        add_holder(holders[i], choice, size);
        size_t used = strlen(choice);
        snprintf(choice + used, size - used, ", in %s", cards[i]->token.reader);
    }
}
