/* SPDX-License-Identifier: MIT */
/*
 * Cards that are near their end: 90 days before the certificate with which somebody signs in
 * expires, and when it has, the person is told by a notice and the audit trail has an entry, at
 * most once a day for each certificate; `lanyard status` says it whenever it is asked.
 *
 * What was told is remembered in the file "expiry" of the agent's folder, so that a log-in in the
 * afternoon does not tell again. Loop thread only; blocks as the disk does, when a card comes.
 */
#pragma once

#include "agent/cards.h"
#include "agent/desktop/desktop.h"

enum { EXPIRY_WARNING_DAYS = 90 };

struct expiry;

/* All borrowed for its life; folder NULL: remembered by this process only. NULL on fault (logged).
 */
struct expiry *expiry_new(const struct cards *cards, struct desktop *desktop, const char *folder);
void expiry_free(struct expiry **expiry);
/* To be called when the cards have changed. */
void expiry_cards_changed(struct expiry *expiry);

/* The card's certificate that is to be warned of, and the days that are left; NULL: none. Any
 * thread. */
const struct certificate *expiry_of(const struct card *card, time_t now, long *days);
