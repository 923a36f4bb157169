/* SPDX-License-Identifier: MIT */
/*
 * The ceremony in which a card's PIN is typed, with the person in front of it: fetches its
 * challenge, waits, signs or gives up when the test says so.
 */
#pragma once

#include "agent/ceremony.h"

#include <stdbool.h>

struct prompt {
    bool out; /* a ceremony is under way */
    struct ceremony_request request;
    bool fetching; /* it has asked for its challenge */
    int begun;     /* ever */
};
extern struct prompt prompt;

/* The card signs: asks for the challenge first if that has not come yet (which must then be
 * answered with answer_challenge by the test). */
void fetch(void);
void ceremony_waits(enum waiting_for what);
void sign(int person);
void give_up(int outcome);

void prompt_begin(void);
void prompt_end(void); /* asserts that none is out */
