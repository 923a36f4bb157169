/* SPDX-License-Identifier: MIT */
/*
 * The window in which one of a list is chosen: a role, or an account on a security key.
 *
 *   arrows, Home, End, a click     mark one
 *   Enter, a double click, Choose  take the one that is marked
 *   Escape, Cancel, closing it     OUTCOME_CANCELLED
 *   letters                        go to the search field, where there is one; every word that is
 *                                  typed must be in an item's texts
 *
 * The one of now is marked at first. Where there is none nothing is, so that an Enter meant for
 * another window chooses nothing.
 *
 * Main thread.
 */
#pragma once

#include "ipc/chooser_message.h"

/* Shows the question (borrowed) and blocks until it is answered, or its time is over. Without a
 * display the answer is OUTCOME_PROMPT_UNAVAILABLE. */
void window_ask(const struct chooser_question *question, struct chooser_answer *answer);
