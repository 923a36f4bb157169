/* SPDX-License-Identifier: MIT */
/*
 * A security key's name comes from the key or from its process, cleaned by fido/key_watch_read.c or
 * refused by a codec where it has control characters; it stands on a line of its own, as all that
 * is not ours.
 */
#include "agent/keys/key_wording.h"

#include "agent/new_pin.h"
#include "agent/wording.h"
#include "ipc/base/outcome.h"

#include <stdio.h>

static void put(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text);
}

static const char *title(const struct key_wording *w)
{
    if (w->operation == FIDO_CREATE)
        return "Lanyard: register your security key";
    if (w->operation != FIDO_GET)
        return "Lanyard: your security key";
    return w->another_pin ? "Lanyard: type your PIN again"
                          : "Lanyard: sign in with your security key";
}

static void begin(const struct key_wording *w, enum prompt_kind kind, const char *yes,
                  struct prompt_question *question)
{
    *question = (struct prompt_question){.kind = (uint8_t)kind, .timeout_seconds = w->timeout};
    put(question->title, sizeof question->title, title(w));
    put(question->yes, sizeof question->yes, yes);
    put(question->no, sizeof question->no, "Cancel");
}

static void add_facts(const struct key_wording *w, bool tries, struct prompt_question *question)
{
    wording_add(question, "\n\n");
    if (w->site)
        wording_add(question, "Site: %s\n", w->site);
    wording_add_program(w->caller, question);
    if (w->key[0] != '\0')
        wording_add(question, "Security key: %s\n", w->key);
    if (tries && w->tries_left != UINT8_MAX)
        wording_add(question, "Tries left: %u\n", w->tries_left);
}

/* What the PIN is for. */
static const char *purpose(const struct key_wording *w)
{
    switch (w->operation) {
    case FIDO_CREATE:
        return "Type your security key's PIN to register the key with this site.";
    case FIDO_PIN_CHANGE:
        return "Type the PIN that your security key has now.";
    case FIDO_CREDENTIALS:
        return "Type your security key's PIN to see what is on the key.";
    case FIDO_DELETE:
        return "Type your security key's PIN to delete a sign-in from the key. This cannot be "
               "undone.";
    case FIDO_RENAME:
        return "Type your security key's PIN to rename a sign-in on the key.";
    default:
        if (w->another_pin)
            return "Your session needs your PIN again. Type your security key's PIN to carry on.";
        if (!w->caller)
            return "Type your security key's PIN to sign in to the applications on this computer.";
        return "Type your security key's PIN to sign in.";
    }
}

static const char *go_on(const struct key_wording *w)
{
    return w->another_pin                ? "Continue"
           : w->operation == FIDO_GET    ? "Sign in"
           : w->operation == FIDO_CREATE ? "Register"
           : w->operation == FIDO_DELETE ? "Delete"
                                         : "Continue";
}

void key_wording_pin(const struct key_wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_PIN, go_on(w), question);
    put(question->label, sizeof question->label, "PIN:");
    wording_add(question, "%s", purpose(w));
    add_facts(w, true, question);
    if (wrong != OUTCOME_OK)
        snprintf(question->error, sizeof question->error, "%s %s", outcome_sentence(wrong),
                 outcome_advice(wrong));
}

void key_wording_last_try(const struct key_wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_CONFIRM, "Use the last try", question);
    if (wrong != OUTCOME_OK)
        wording_add(question, "%s ", outcome_sentence(wrong));
    wording_add(question, "This is the last try. If the PIN is wrong once more, the security key "
                          "is blocked, and only a reset, which erases everything on it, makes it "
                          "usable again.");
    add_facts(w, true, question);
}

static void put_new_pin_error(const struct key_wording *w, int wrong,
                              struct prompt_question *question)
{
    bool said = new_pin_put_error(wrong, w->min_length, FIDO_PIN_BYTES_MAX, question);
    if (!said && wrong != OUTCOME_OK)
        snprintf(question->error, sizeof question->error, "%s %s",
                 outcome_sentence(OUTCOME_KEY_PIN_REFUSED),
                 outcome_advice(OUTCOME_KEY_PIN_REFUSED));
}

void key_wording_new_pin(const struct key_wording *w, int wrong, struct prompt_question *question)
{
    begin(w, PROMPT_PIN, "Continue", question);
    put(question->label, sizeof question->label, "New PIN:");
    if (w->operation != FIDO_PIN_SET && w->operation != FIDO_PIN_CHANGE)
        wording_add(question, "Before it is used, your security key wants a new PIN. ");
    wording_add(question,
                "Choose a new PIN for your security key. It has at least %u characters, which may "
                "be letters as well as digits. Do not forget it: after eight wrong tries the key "
                "has to be erased.",
                w->min_length);
    add_facts(w, false, question);
    put_new_pin_error(w, wrong, question);
}

void key_wording_new_pin_again(const struct key_wording *w, struct prompt_question *question)
{
    begin(w, PROMPT_PIN, w->operation == FIDO_PIN_CHANGE ? "Change the PIN" : "Set the PIN",
          question);
    put(question->label, sizeof question->label, "New PIN again:");
    wording_add(question, "Type the new PIN once more.");
    add_facts(w, false, question);
}

static const char *to_do(enum waiting_for what)
{
    switch (what) {
    case WAITING_KEY:
        return "Plug in your security key";
    case WAITING_OTHER_KEY:
        return "No security key that is in will do. Plug in another one";
    case WAITING_KEY_CHOICE:
        return "Touch the security key that you mean";
    case WAITING_VERIFICATION:
        return "Show your security key that it is you, by a finger on it or on its own keys,";
    case WAITING_REPLUG:
        return "Pull the security key out and plug it in again, at the same place. Then touch it "
               "when "
               "it blinks";
    default:
        return "Touch your security key";
    }
}

void key_wording_notice(const struct key_wording *w, enum waiting_for what,
                        struct prompt_question *question)
{
    const char *what_for = w->operation == FIDO_CREATE  ? "to register it with this site"
                           : w->operation == FIDO_RESET ? "to erase it"
                           : w->another_pin             ? "to carry on with your session"
                                                        : "to sign in";
    begin(w, PROMPT_PIN_PAD, "", question);
    wording_add(question, "%s %s.", to_do(what), what_for);
    if (w->operation != FIDO_RESET)
        wording_add(question, " If you have not asked for that, cancel it.");
    add_facts(w, false, question);
}

void key_wording_reset(const struct key_wording *w, struct prompt_question *question)
{
    begin(w, PROMPT_CONFIRM, "Erase the key", question);
    wording_add(
        question,
        "This erases the security key: its PIN, and with it every sign-in that was "
        "registered with it anywhere. Nothing brings them back. If you go on, you are asked "
        "to pull the key out, plug it in again at the same place and touch it.");
    add_facts(w, false, question);
}
