/* SPDX-License-Identifier: MIT */
/*
 * How many tries the PIN has left, asked of the card itself: PKCS#11 has no such number, and the
 * person should see it before the last one is spent.
 *
 * For PIV cards (NIST SP 800-73-4 part 2): SELECT of the PIV application, then VERIFY without
 * data, which counts nothing and is answered with the number (§3.2.1). Over PC/SC, shared, within
 * one transaction. A card without the PIV application has seen one SELECT that it refused.
 *
 * Only while this process is not logged in. Main thread; blocks while another program holds a
 * transaction on the card.
 */
#pragma once

#include <stdint.h>

/* reader: a slot's description, which is a PC/SC reader's name or its first 64 bytes. Returns 0 to
 * 15, or CARD_TRIES_UNKNOWN: no such reader, no PIV card, or its PIN is verified at the moment. */
uint8_t pin_tries_left(const char *reader);

/* The same after a logout: a card that still counts its PIN as verified is reset first, so that no
 * program that comes next finds it open. */
uint8_t pin_tries_left_after_logout(const char *reader);
