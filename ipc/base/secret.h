/* SPDX-License-Identifier: MIT */
/*
 * The only carrier of PINs and keys: locked in memory, left out of core files, gone in a forked
 * child, wiped when released. It cannot be printed or copied by accident: the struct is opaque and
 * every way to the bytes is named here.
 *
 * Each secret has a mapping of its own, of whole pages; hold few, hold them briefly. Where the
 * limit on locked memory is exhausted the secret is still not dumped and still wiped, and the log
 * says so once. Any thread, one at a time; nothing blocks.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct secret;

/* Returns an empty one with room for capacity bytes (1 to 458,752), owned; NULL on no memory. */
struct secret *secret_new(size_t capacity);
/* Wipes and releases; *s is NULL afterwards. Takes NULL. */
void secret_free(struct secret **s);

size_t secret_len(const struct secret *s);
size_t secret_capacity(const struct secret *s);
/* The bytes, borrowed, for the one call that must see them. Space beyond len may be written, up to
 * the capacity, if secret_set_len follows. */
uint8_t *secret_bytes(struct secret *s);
const uint8_t *secret_peek(const struct secret *s);
/* Declares how many bytes now count (at most the capacity); the rest is wiped. */
void secret_set_len(struct secret *s, size_t len);
/* 0, or -ENOSPC and nothing appended. */
int secret_append(struct secret *s, const void *data, size_t len);
/* Wipes the bytes, keeps the secret. Takes NULL. */
void secret_wipe(struct secret *s);
