/* SPDX-License-Identifier: MIT */
/*
 * The window in which a role is chosen.
 *
 *   arrows, Home, End, a click     mark a role
 *   Enter, a double click, Choose  take the one that is marked
 *   Escape, Cancel, closing it     OUTCOME_CANCELLED
 *   letters                        go to the search field, where there is one; every word that is
 *                                  typed must be in a role's name, organisation or code
 *
 * The role of now is marked at first. Where there is none nothing is, so that an Enter meant for
 * another window chooses nothing.
 *
 * Main thread.
 */
#pragma once

#include "ipc/chooser_message.h"

/* Shows the question (borrowed) and blocks until it is answered, or its time is over. Without a
 * display the answer is OUTCOME_PROMPT_UNAVAILABLE. */
void window_ask(const struct chooser_question *question, struct chooser_answer *answer);
