/* SPDX-License-Identifier: MIT */
/* Three members, in the order of CTAP 2.1 §8: the shorter name first. */
#include "agent/webauthn/attestation_object.h"

#include "ipc/auth_data.h"
#include "ipc/base/log.h"
#include "ipc/cbor.h"

#include <errno.h>
#include <string.h>

enum { MEMBERS = 3 };

static const uint8_t empty_map[] = {CBOR_MAP << 5};

static bool one_map(const uint8_t *data, size_t len)
{
    struct reader r = READER(data, len), ahead = r;
    enum cbor_major major;
    cbor_read_head(&ahead, &major);
    cbor_skip(&r);
    return reader_done(&r) && major == CBOR_MAP;
}

static int write_object(const char *format, const uint8_t *statement, size_t statement_len,
                        const struct bytes *auth_data, struct bytes *out)
{
    bytes_reset(out);
    cbor_write_head(out, CBOR_MAP, MEMBERS);
    cbor_write_text(out, "fmt");
    cbor_write_text(out, format);
    cbor_write_text(out, "attStmt");
    bytes_append(out, statement, statement_len);
    cbor_write_text(out, "authData");
    cbor_write_bytes(out, auth_data->data, auth_data->len);
    return out->failed ? log_fault(ENOMEM, "attestation object") : 0;
}

int attestation_object_write(const char *format, const struct bytes *statement,
                             const struct bytes *auth_data, struct bytes *out)
{
    if (!one_map(statement->data, statement->len))
        return -EPROTO;
    return write_object(format, statement->data, statement->len, auth_data, out);
}

int attestation_object_write_none(struct bytes *auth_data, struct bytes *out)
{
    memset(auth_data->data + AUTH_DATA_AAGUID_OFFSET, 0, AUTH_DATA_AAGUID_BYTES);
    return write_object("none", empty_map, sizeof empty_map, auth_data, out);
}
