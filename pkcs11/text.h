/* SPDX-License-Identifier: MIT */
/*
 * Texts of PKCS#11 structures: blank-padded, not terminated, said to be UTF-8.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Copies such a field, without its padding, as a text that ipc/base/bytes.h's read_text accepts:
 * control characters become "?", and where the whole is not UTF-8 (a name cut within a character)
 * every byte beyond ASCII does. At most size - 1 bytes. Any thread. */
void text_from_padded(char *out, size_t size, const uint8_t *field, size_t len);
