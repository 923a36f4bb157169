/* SPDX-License-Identifier: MIT */
/*
 * GnuPG's pinentry, spoken to in its own protocol (Assuan): the program that owns the window, grabs
 * the keyboard and keeps the PIN out of everybody's memory but its own and ours.
 *
 * Any thread, one at a time; everything but pinentry_stop blocks until the person or pinentry's own
 * timer answers. Functions return OUTCOME_OK, OUTCOME_CANCELLED, OUTCOME_TIMED_OUT or
 * OUTCOME_PROMPT_UNAVAILABLE (no program, no display, no sense in its answers; logged).
 */
#pragma once

#include "ipc/base/secret.h"

#include <stdbool.h>

struct pinentry;

/* Starts the program of that absolute path and tells it of the desktop or terminal that the
 * environment names (DISPLAY, GPG_TTY, TERM, the locale). It dies with the calling thread. *out is
 * owned. */
int pinentry_start(const char *program, struct pinentry **out);
/* Ends it and wipes what passed through. Takes NULL. */
void pinentry_stop(struct pinentry **pinentry);

enum pinentry_text {
    PINENTRY_TITLE,
    PINENTRY_DESCRIPTION,
    PINENTRY_LABEL, /* in front of the entry */
    PINENTRY_ERROR,
    PINENTRY_OK, /* the buttons: go on */
    PINENTRY_CANCEL,
    PINENTRY_OTHER, /* a third one, between the two */
};

/* What the next dialogue shows; "" leaves pinentry's own. A text that does not fit into Assuan's
 * line of 1,000 bytes makes the prompt unavailable: what would be cut off might be the site's name.
 */
int pinentry_say(struct pinentry *pinentry, enum pinentry_text which, const char *text);
/* The next dialogues end by themselves after that many seconds; 0: never. */
int pinentry_limit(struct pinentry *pinentry, unsigned seconds);

/* Asks for a PIN; what was typed replaces *pin. More than its capacity: the first bytes, and *whole
 * is false. */
int pinentry_get_pin(struct pinentry *pinentry, struct secret *pin, bool *whole);
/* Asks for a decision. *other, unless NULL: the third button was pressed; the result is OK then. */
int pinentry_confirm(struct pinentry *pinentry, bool *other);
/* Shows a notice with one button, the OK one; OK when it was pressed. */
int pinentry_notice(struct pinentry *pinentry);
