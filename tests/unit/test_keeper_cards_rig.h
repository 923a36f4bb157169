/* SPDX-License-Identifier: MIT */
/*
 * One reader and what is in it, as agent/cards.h sees it through a card module that may crash and a
 * smartcard service that may be gone; whose card it is, is its certificate's hash.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { ALICE = 1, BOB = 2 };
void card_in(int person);
void card_out(void);
int card_person(void);   /* who is in; 0: nobody */
uint64_t card_now(void); /* as agent/cards.h calls it; 0: none */
void reader_unplugged(void);
/* The module forgets its cards, and knows them again. */
void module_crashes(void);
void module_is_back(void);
void another_card_in_the_same_place(int person);
void service(bool up);
/* Has the keeper look at them, as after each of the above. */
void say_cards_changed(void);

void cards_begin(void); /* a reader with nothing in it */
