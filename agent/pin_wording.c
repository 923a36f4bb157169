/* SPDX-License-Identifier: MIT */
/* The PUK's last try is worth more words than the PIN's: behind it there is only another card. */
#include "agent/pin_wording.h"

#include "agent/new_pin.h"
#include "agent/wording.h"
#include "ipc/base/outcome.h"

#include <stdio.h>

static void put(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

static void begin(const struct pin_wording *w, enum prompt_kind kind, const char *yes,
                  struct prompt_question *question)
{
    *question = (struct prompt_question){.kind = (uint8_t)kind, .timeout_seconds = w->timeout};
    put(question->title, sizeof question->title,
        w->unblock ? "Lanyard: unblock your smartcard" : "Lanyard: change your smartcard's PIN");
    put(question->yes, sizeof question->yes, yes);
    put(question->no, sizeof question->no, "Cancel");
}

static void add_facts(const struct pin_wording *w, bool tries, struct prompt_question *question)
{
    wording_add(question, "\n\n");
    wording_add_program(w->caller, question);
    wording_add_holder(w->holder, question);
    wording_add(question, "Reader: %s\n", w->card->token.reader);
    if (tries && w->tries_left >= 0)
        wording_add(question, "Tries left: %d\n", w->tries_left);
}

static void put_outcome(int outcome, struct prompt_question *question)
{
    snprintf(question->error, sizeof question->error, "%s %s", outcome_sentence(outcome),
             outcome_advice(outcome));
}

void pin_wording_secret(const struct pin_wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_PIN, "Continue", question);
    put(question->label, sizeof question->label, w->unblock ? "PUK:" : "PIN:");
    if (w->unblock)
        wording_add(question, "Type the PUK of your smartcard, with which a blocked PIN is set "
                              "anew. It is not the PIN: whoever issued the card has it.");
    else
        wording_add(question, "Type the PIN that your smartcard has now.");
    add_facts(w, true, question);
    if (wrong == OUTCOME_PIN_FORMAT && w->unblock)
        put(question->error, sizeof question->error,
            "That cannot be the PUK: its length is wrong. This has not counted as a try.");
    else if (wrong != OUTCOME_OK)
        put_outcome(wrong, question);
}

void pin_wording_last_try(const struct pin_wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_CONFIRM, "Use the last try", question);
    if (wrong != OUTCOME_OK)
        wording_add(question, "%s ", outcome_sentence(wrong));
    if (w->unblock)
        wording_add(question, "This is the last try. If the PUK is wrong once more, nobody can "
                              "unblock this card again, and you need another one.");
    else
        wording_add(question, "This is the last try. If the PIN is wrong once more, the card is "
                              "blocked and only its PUK can unblock it.");
    add_facts(w, false, question);
}

void pin_wording_new(const struct pin_wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_PIN, "Continue", question);
    put(question->label, sizeof question->label, "New PIN:");
    wording_add(question,
                "Choose a new PIN for your smartcard, of %u to %u characters. Most cards "
                "take digits only.",
                w->min, w->max);
    add_facts(w, false, question);
    if (!new_pin_put_error(wrong, w->min, w->max, question) && wrong != OUTCOME_OK)
        put_outcome(wrong, question);
}

void pin_wording_again(const struct pin_wording *w, struct prompt_question *question)
{
    begin(w, PROMPT_PIN, w->unblock ? "Unblock the card" : "Change the PIN", question);
    put(question->label, sizeof question->label, "New PIN again:");
    wording_add(question, "Type the new PIN once more.");
    add_facts(w, false, question);
}

void pin_wording_pad(const struct pin_wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_PIN_PAD, "Continue", question);
    if (wrong != OUTCOME_OK)
        wording_add(question, "%s\n", outcome_sentence(wrong));
    wording_add(question,
                "%s on the keys of the card reader, then a new PIN, twice, as its "
                "display says.",
                w->unblock ? "Type the PUK of your smartcard" : "Type your PIN");
    add_facts(w, true, question);
}
