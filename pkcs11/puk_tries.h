/* SPDX-License-Identifier: MIT */
/*
 * How many tries the PUK has left, as the card has said it: PKCS#11 has no such number, and PIV no
 * question for it that would not be a try. But the card's answer to RESET RETRY COUNTER has it
 * (NIST SP 800-73-4 part 2, §3.2.3), and passes through this program's own SCardTransmit, which
 * takes precedence over libpcsclite's as hold.h says. Main thread.
 */
#pragma once

#include <stdint.h>

/* Forgets what was seen. */
void puk_tries_forget(void);
/* By the last answer since: 0 to 15, or CARD_TRIES_UNKNOWN. */
uint8_t puk_tries_left(void);
