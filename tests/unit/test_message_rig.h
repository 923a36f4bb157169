/* SPDX-License-Identifier: MIT */
/* Messages that are made up, the same in every run, and what must hold when one is damaged. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint32_t random_below(uint32_t limit);
void random_fill(void *out, size_t len);
/* Characters of one to four bytes, none of them a control; mostly a short text. */
void random_text(char *out, size_t size);

/* A copy of exactly that size, so that a sanitiser sees a read beyond it. Owned (free). */
uint8_t *exact(const uint8_t *data, size_t len);

/* 0, or -EPROTO; what it takes it has encoded again to the same bytes. */
typedef int decode_fn(const uint8_t *data, size_t len);

/* What is taken whole is refused when it is cut or longer, and with a bit turned it is refused or
 * another message. step: of how many bytes one is looked at. */
void assert_withstands(decode_fn *decode, const uint8_t *data, size_t len, size_t step);
