/* SPDX-License-Identifier: MIT */
/* Large blobs (CTAP 2.1 §6.10), read and written with the credential's own key. One thread. */
#pragma once

#include "fido/device.h"

/* As start->blob wants it, into blob_read and blob, or blob_written. A failure is no more than that
 * it was not done: the assertion stands. */
void blob_serve(struct key *key, const struct fido_start *start, const uint8_t *blob_key,
                size_t blob_key_len, struct fido_done *done);
