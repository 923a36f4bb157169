/* SPDX-License-Identifier: MIT */
/*
 * Takes out of a text what may not leave this computer: certificates' and tokens' bodies, keys,
 * passwords, people's names, and every number long enough to be a PIN or a person's. Sans-I/O. Any
 * thread; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"

#include <stddef.h>

enum {
    REDACT_BODY_MIN = 32,   /* so many characters of base64 or hexadecimal are a body */
    REDACT_DIGITS_MIN = 6,  /* PINs have six to eight digits, NHS numbers ten, UIDs twelve */
    REDACT_GROUPED_MIN = 9, /* the same with spaces in it */
    REDACT_PIN_MIN = 4,     /* behind the word itself, */
    REDACT_PIN_BEHIND = 32, /* so many characters at most */
    REDACT_DUMP_MIN = 8,    /* bytes, each by itself */
    REDACT_NAME_MIN = 3,    /* shorter ones stand in other words everywhere */
};

/* Appends the text to out without: PEM blocks; words of base64, base64url or hexadecimal of at
 * least REDACT_BODY_MIN characters, also in pieces with points between them; the value behind a
 * name that ends in pin, puk, password, secret, token, cookie, to the quote that closes it or the
 * line's end; that behind CN= and the like, to the next attribute; who is named in an address, and
 * the password there; what stands behind Bearer, DPoP and Basic; bytes in hexadecimal with spaces
 * or colons between them, at least REDACT_DUMP_MIN; runs of digits of at least REDACT_DIGITS_MIN,
 * in groups REDACT_GROUPED_MIN, and behind the words PIN and PUK REDACT_PIN_MIN; and the names, in
 * any case, whole words. */
void redact(const char *text, char *const *names, size_t name_count, struct bytes *out);
