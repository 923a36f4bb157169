/* SPDX-License-Identifier: MIT */
/*
 * JSON texts of fixed shape, written member by member: the bytes that are signed are the bytes that
 * are seen. Whoever writes one closes its braces. Any thread.
 */
#pragma once

#include "ipc/base/bytes.h"

/* Appends text as a JSON string, quotes included (RFC 8259 §7): '"', '\' and control characters
 * escaped; U+2028 and U+2029 too, for scripts that read it. Text is UTF-8. */
void json_append_string(struct bytes *out, const char *text);

/* Appends a member: to what is empty after a brace, to what ends with one as it is, to all else
 * after a comma. json_member: its name and colon; the value is the caller's. */
void json_member(struct bytes *out, const char *name);
void json_string_member(struct bytes *out, const char *name, const char *value);
void json_number_member(struct bytes *out, const char *name, int64_t value);
