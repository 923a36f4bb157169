/* SPDX-License-Identifier: MIT */
/*
 * What the files that make answers share: pieces of JSON, and the envelope around a result. Any
 * thread; nothing blocks. A tree is NULL where there was no memory for it, and NULL is taken
 * wherever a tree is.
 */
#pragma once

#include "ipc/door/answer.h"

#include <jansson.h>

/* Takes result. 0 or as the encoders of answer.h. */
int answer_write_result(struct bytes *out, const struct rpc_id *id, json_t *result);
/* Returns owned: a string, base64url without padding. */
json_t *answer_base64url(const struct bytes *data);
