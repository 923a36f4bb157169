/* SPDX-License-Identifier: MIT */
/*
 * No JSON library: the standard names every byte. crossOrigin is always false, because a frame has
 * a connection and an origin of its own, and the agent cannot see what is around it.
 */
#include "agent/webauthn/client_data.h"

#include "ipc/base/log.h"

#include <errno.h>
#include <stdio.h>

/* CCDToString */
static void append_string(struct bytes *out, const char *text)
{
    bytes_append(out, "\"", 1);
    for (const char *c = text; *c; c++) {
        char escape[sizeof "\\u0000"];
        if (*c == '"' || *c == '\\') {
            bytes_append(out, "\\", 1);
            bytes_append(out, c, 1);
        } else if ((unsigned char)*c < 0x20) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*c);
            bytes_append_text(out, escape);
        } else {
            bytes_append(out, c, 1);
        }
    }
    bytes_append(out, "\"", 1);
}

static void append_key(struct bytes *out, const struct session_key *key)
{
    bytes_append_text(out, ",\"lanyard_cnf\":{\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":");
    append_string(out, session_key_x(key));
    bytes_append_text(out, ",\"y\":");
    append_string(out, session_key_y(key));
    bytes_append_text(out, "}}");
}

int client_data_write(const struct client_data *data, struct bytes *out)
{
    bytes_reset(out);
    bytes_append_text(out, "{\"type\":");
    append_string(out, data->create ? "webauthn.create" : "webauthn.get");
    bytes_append_text(out, ",\"challenge\":");
    append_string(out, data->challenge);
    bytes_append_text(out, ",\"origin\":");
    append_string(out, data->origin);
    bytes_append_text(out, ",\"crossOrigin\":false");
    if (data->key)
        append_key(out, data->key);
    bytes_append_text(out, "}");
    return out->failed ? log_fault(ENOMEM, "client data") : 0;
}
