/* SPDX-License-Identifier: MIT */
/*
 * Pinentry knows three dialogues: an entry, a decision and a notice. It has no list, so a choice
 * between people's cards is a walk through them, one decision at a time; nobody has to type a
 * number, and nothing is preselected but the card on show.
 *
 * Every step either goes well or ends the question: a title that could not be set is a prompt that
 * the person would not recognise.
 */
#include "agent/prompt/ask.h"

#include "ipc/base/outcome.h"

#include <stdio.h>
#include <time.h>

static int show(struct pinentry *p, const struct prompt_question *question)
{
    const struct {
        enum pinentry_text which;
        const char *text;
    } texts[] = {
        {PINENTRY_TITLE, question->title}, {PINENTRY_DESCRIPTION, question->text},
        {PINENTRY_ERROR, question->error}, {PINENTRY_OK, question->yes},
        {PINENTRY_CANCEL, question->no},
    };
    int result = pinentry_limit(p, question->timeout_seconds);
    for (size_t i = 0; result == OUTCOME_OK && i < sizeof texts / sizeof *texts; i++)
        result = pinentry_say(p, texts[i].which, texts[i].text);
    return result;
}

static bool is_pin(const struct secret *pin)
{
    const uint8_t *bytes = secret_peek(pin);
    for (size_t i = 0; i < secret_len(pin); i++)
        if (bytes[i] < 0x20 || bytes[i] > 0x7e)
            return false;
    return secret_len(pin) > 0;
}

static int ask_pin(struct pinentry *p, const struct prompt_question *question, struct secret *pin)
{
    bool whole = true;
    int result = pinentry_say(p, PINENTRY_LABEL, question->label);
    if (result == OUTCOME_OK)
        result = pinentry_get_pin(p, pin, &whole);
    if (result == OUTCOME_OK && (!whole || !is_pin(pin)))
        result = OUTCOME_PIN_FORMAT;
    if (result != OUTCOME_OK)
        secret_wipe(pin);
    return result;
}

static time_t seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static int show_choice(struct pinentry *p, const struct prompt_question *question, uint8_t choice)
{
    char text[sizeof question->text + sizeof question->choices[0] + 32];
    snprintf(text, sizeof text, "%s\n\n%u/%u: %s", question->text, choice + 1U,
             (unsigned)question->choice_count, question->choices[choice]);
    return pinentry_say(p, PINENTRY_DESCRIPTION, text);
}

static int ask_choice(struct pinentry *p, const struct prompt_question *question, uint8_t *chosen)
{
    time_t end = seconds_now() + (time_t)question->timeout_seconds;
    bool several = question->choice_count > 1;
    bool next = false;
    int result = OUTCOME_OK;
    if (several)
        result = pinentry_say(p, PINENTRY_OTHER, question->label[0] ? question->label : "Next");
    for (uint8_t i = 0; result == OUTCOME_OK; i = (uint8_t)((i + 1) % question->choice_count)) {
        time_t left = end - seconds_now();
        if (question->timeout_seconds > 0 && left <= 0)
            return OUTCOME_TIMED_OUT;
        *chosen = i;
        result = show_choice(p, question, i);
        if (result == OUTCOME_OK && question->timeout_seconds > 0)
            result = pinentry_limit(p, (unsigned)left);
        if (result == OUTCOME_OK)
            result = pinentry_confirm(p, several ? &next : NULL);
        if (result == OUTCOME_OK && !next)
            return OUTCOME_OK;
    }
    return result;
}

/* The reader's keys are the entry; the window can only call it off. */
static int tell_pin_pad(struct pinentry *p, const struct prompt_question *question)
{
    int result = pinentry_say(p, PINENTRY_OK, question->no);
    if (result == OUTCOME_OK)
        result = pinentry_notice(p);
    return result == OUTCOME_OK ? OUTCOME_CANCELLED : result;
}

void ask(struct pinentry *pinentry, const struct prompt_question *question, struct secret *pin,
         struct prompt_answer *answer)
{
    *answer = (struct prompt_answer){0};
    int result = show(pinentry, question);
    if (result == OUTCOME_OK) {
        switch ((enum prompt_kind)question->kind) {
        case PROMPT_PIN:
            result = ask_pin(pinentry, question, pin);
            answer->pin = secret_peek(pin);
            answer->pin_len = (uint8_t)secret_len(pin);
            break;
        case PROMPT_CONFIRM:
            result = pinentry_confirm(pinentry, NULL);
            break;
        case PROMPT_CHOICE:
            result = ask_choice(pinentry, question, &answer->choice);
            break;
        case PROMPT_PIN_PAD:
            result = tell_pin_pad(pinentry, question);
            break;
        }
    }
    answer->result = (uint32_t)result;
}
