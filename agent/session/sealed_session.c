/* SPDX-License-Identifier: MIT */
#include "agent/session/sealed_session.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION = 3,
    FLAG_LOCKED = 1,
    FLAG_ENDED = 2,
    STATEMENT_MAX = 4096,
    ABOUT_MAX = 16384,
};

static void free_about(struct cis_session **about)
{
    free(*about);
}

/* Without the roles that are not chosen: the provider says them again at the next keep-alive. */
static int write_about(const struct cis_session *about, struct bytes *out)
{
    CLEANUP(free_about)
    struct cis_session *trimmed = malloc(sizeof *trimmed + sizeof *trimmed->roles);
    if (!trimmed)
        return -ENOMEM;
    *trimmed = *about;
    trimmed->role_count = about->role >= 0 ? 1 : 0;
    if (about->role >= 0) {
        trimmed->roles[0] = about->roles[about->role];
        trimmed->role = 0;
    }
    return cis_session_write(trimmed, out);
}

int sealed_session_write(const struct sealed_session *sealed, struct secret *out)
{
    const struct session_sealed *m = &sealed->machine;
    CLEANUP(bytes_deinit) struct bytes about = {0};
    CLEANUP(secret_free) struct secret *scalar = secret_new(SESSION_KEY_SCALAR_BYTES);
    int r = scalar ? write_about(sealed->about, &about) : -ENOMEM;
    if (r == 0 && sealed->key)
        r = session_key_export(sealed->key, scalar);
    if (r < 0)
        return log_fault(-r, "sealing the session");

    size_t at = secret_len(out);
    struct writer w = WRITER(secret_bytes(out) + at, secret_capacity(out) - at);
    write_u8(&w, VERSION);
    write_u8(&w, (uint8_t)((m->locked ? FLAG_LOCKED : 0) | (m->ended ? FLAG_ENDED : 0)));
    write_raw(&w, m->identity, sizeof m->identity);
    write_u64(&w, m->number);
    write_u64(&w, m->authenticated);
    write_u64(&w, m->absolute);
    write_u64(&w, m->idle_period);
    write_u64(&w, m->idle);
    write_text(&w, sealed->provider);
    write_text(&w, sealed->place.reader);
    write_u16(&w, sealed->place.events);
    write_text(&w, sealed->holder.rp_id);
    write_field(&w, sealed->holder.credential.data, sealed->holder.credential.len);
    write_field(&w, secret_peek(scalar), secret_len(scalar));
    write_text(&w, (const char *)sealed->statement.data);
    write_field(&w, about.data, about.len);
    secret_set_len(out, w.failed ? at : at + w.len);
    return w.failed ? log_fault(ENOSPC, "sealing the session") : 0;
}

static void read_machine(struct reader *r, struct session_sealed *m)
{
    uint8_t flags = read_u8(r);
    if (flags & ~(FLAG_LOCKED | FLAG_ENDED))
        r->failed = true;
    m->locked = flags & FLAG_LOCKED;
    m->ended = flags & FLAG_ENDED;
    const uint8_t *identity = read_raw(r, sizeof m->identity);
    if (identity)
        memcpy(m->identity, identity, sizeof m->identity);
    m->number = read_u64(r);
    m->authenticated = read_u64(r);
    m->absolute = read_u64(r);
    m->idle_period = read_u64(r);
    m->idle = read_u64(r);
}

int sealed_session_read(const uint8_t *data, size_t len, struct sealed_session *out)
{
    *out = (struct sealed_session){0};
    struct reader r = READER(data, len);
    if (read_u8(&r) != VERSION)
        return -EPROTO;
    read_machine(&r, &out->machine);
    read_text(&r, out->provider, sizeof out->provider);
    read_text(&r, out->place.reader, sizeof out->place.reader);
    out->place.events = read_u16(&r);
    read_text(&r, out->holder.rp_id, sizeof out->holder.rp_id);
    read_bytes(&r, FIDO_CREDENTIAL_ID_MAX, &out->holder.credential);
    size_t scalar_len, about_len;
    const uint8_t *scalar = read_field(&r, SESSION_KEY_SCALAR_BYTES, &scalar_len);
    read_bytes(&r, STATEMENT_MAX, &out->statement);
    bytes_append(&out->statement, "", 1);
    const uint8_t *about = read_field(&r, ABOUT_MAX, &about_len);
    bool holder_sound = !out->holder.credential.failed &&
                        key_holder_is(&out->holder) == (out->holder.credential.len > 0);
    bool whole =
        reader_done(&r) && !out->statement.failed && holder_sound && out->machine.number > 0;
    if (whole && scalar_len == SESSION_KEY_SCALAR_BYTES)
        out->key = session_key_import(scalar);
    if (whole)
        out->about = cis_session_read((const char *)about, about_len);
    if (out->about && (out->key || (out->machine.ended && scalar_len == 0)))
        return 0;
    sealed_session_deinit(out);
    return -EPROTO;
}

void sealed_session_deinit(struct sealed_session *sealed)
{
    session_key_free(&sealed->key);
    bytes_deinit(&sealed->statement);
    key_holder_deinit(&sealed->holder);
    free(sealed->about);
    *sealed = (struct sealed_session){0};
}
