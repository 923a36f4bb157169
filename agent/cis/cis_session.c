/* SPDX-License-Identifier: MIT */
/*
 * A server may add members, so those that are not known are passed over; what is known must be
 * right, or there is no session. Texts end up in prompts, in the log and in sealed memory: one with
 * a control character, with marks that turn the direction of what follows, or with one that shows
 * nothing is refused here, so that nobody has to look again.
 */
#include "agent/cis/cis_session.h"

#include "agent/json_write.h"
#include "agent/webauthn/public_key.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const int64_t time_max = INT64_C(253402300799); /* the end of the year 9999 */

/* ---- texts ---- */

static bool text_prints(const char *text)
{
    uint32_t character;
    for (size_t len; *text; text += len) {
        len = utf8_character(text, &character);
        if (len == 0 || !character_prints(character))
            return false;
    }
    return true;
}

static bool text_is_ascii(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* A member that may be absent or null: "" then. False: no text, or one that does not do. jansson
 * has seen to UTF-8, and that there is no NUL inside. */
static bool copy_text(const json_t *value, char *out, size_t max)
{
    out[0] = '\0';
    if (!value || json_is_null(value))
        return true;
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len > max || !text_prints(json_string_value(value)))
        return false;
    memcpy(out, json_string_value(value), len + 1);
    return true;
}

static bool copy_id(const json_t *value, char *out)
{
    return copy_text(value, out, ROLE_ID_MAX) && text_is_ascii(out);
}

/* A member that must say something. */
static bool copy_required(const json_t *value, char *out, size_t max)
{
    return copy_text(value, out, max) && out[0] != '\0';
}

bool cis_sid_valid(const char *sid)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t len = strlen(sid);
    return len > 0 && len <= SESSION_ID_MAX && strspn(sid, letters) == len &&
           strcmp(sid, ".") != 0 && strcmp(sid, "..") != 0;
}

/* ---- numbers ---- */

/* An integer of at least min; what is greater than an unsigned holds is cut to that. */
static bool read_seconds(const json_t *value, unsigned min, unsigned *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < min)
        return false;
    *out = json_integer_value(value) < INT_MAX ? (unsigned)json_integer_value(value) : INT_MAX;
    return true;
}

static bool read_idle(const json_t *value, unsigned *out)
{
    *out = 0;
    return !value || json_is_null(value) || read_seconds(value, 0, out);
}

static bool read_keep_alive(const json_t *value, unsigned *out)
{
    *out = CIS_KEEP_ALIVE_DEFAULT;
    return !value || json_is_null(value) ||
           (read_seconds(value, CIS_KEEP_ALIVE_MIN, out) && *out <= CIS_KEEP_ALIVE_MAX);
}

static bool read_auth_time(const json_t *value, int64_t *out)
{
    *out = json_integer_value(value);
    return json_is_integer(value) && *out > 0 && *out <= time_max;
}

/* ---- the security key ---- */

/* It is looked into here, so that a provider's mistake is seen at the sign-in, not when somebody
 * comes back from the coffee machine. */
static bool read_public_key(const json_t *value, struct cis_session *session)
{
    CLEANUP(bytes_deinit) struct bytes cose = {0}, spki = {0};
    int32_t algorithm;
    session->public_key_len = 0;
    if (!value || json_is_null(value))
        return true;
    if (!json_is_string(value) ||
        base64url_decode(json_string_value(value), json_string_length(value), &cose) < 0 ||
        cose.len > CIS_PUBLIC_KEY_MAX ||
        public_key_parse(cose.data, cose.len, &algorithm, &spki) < 0)
        return false;
    if (spki.len == 0)
        return true;
    memcpy(session->public_key, cose.data, cose.len);
    session->public_key_len = cose.len;
    return true;
}

/* ---- lists ---- */

static bool list_or_nothing(const json_t *value)
{
    return !value || json_is_null(value) || json_is_array(value);
}

static bool read_amr(const json_t *value, struct cis_session *session)
{
    session->amr_count = json_array_size(value);
    if (!list_or_nothing(value) || session->amr_count > CIS_AMR_MAX)
        return false;
    for (size_t i = 0; i < session->amr_count; i++)
        if (!copy_required(json_array_get(value, i), session->amr[i], CIS_TEXT_MAX))
            return false;
    return true;
}

/* -1: none of these. */
static int find_role(const struct cis_session *session, const char *id, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(session->roles[i].id, id) == 0)
            return (int)i;
    return -1;
}

static bool read_role(const json_t *value, struct cis_role *role)
{
    return copy_id(json_object_get(value, "id"), role->id) && role->id[0] != '\0' &&
           copy_text(json_object_get(value, "name"), role->name, ROLE_TEXT_MAX) &&
           copy_text(json_object_get(value, "organisation"), role->organisation, ROLE_TEXT_MAX) &&
           copy_id(json_object_get(value, "code"), role->code);
}

static bool read_roles(const json_t *root, struct cis_session *session)
{
    const json_t *list = json_object_get(root, "roles"), *chosen = json_object_get(root, "role");
    for (size_t i = 0; i < session->role_count; i++)
        if (!read_role(json_array_get(list, i), &session->roles[i]) ||
            find_role(session, session->roles[i].id, i) >= 0)
            return false;
    session->role = -1;
    if (!chosen || json_is_null(chosen))
        return true;
    char id[ROLE_ID_MAX + 1];
    if (!copy_id(chosen, id))
        return false;
    session->role = find_role(session, id, session->role_count);
    return session->role >= 0;
}

/* ---- the object ---- */

static bool read_session(const json_t *root, struct cis_session *session)
{
    return copy_required(json_object_get(root, "sid"), session->sid, SESSION_ID_MAX) &&
           cis_sid_valid(session->sid) &&
           copy_required(json_object_get(root, "uid"), session->uid, CIS_TEXT_MAX) &&
           copy_text(json_object_get(root, "name"), session->name, CIS_TEXT_MAX) &&
           copy_text(json_object_get(root, "acr"), session->acr, CIS_TEXT_MAX) &&
           read_amr(json_object_get(root, "amr"), session) &&
           read_auth_time(json_object_get(root, "auth_time"), &session->auth_time) &&
           read_seconds(json_object_get(root, "expires_in"), 1, &session->expires_in) &&
           read_idle(json_object_get(root, "idle"), &session->idle) &&
           read_keep_alive(json_object_get(root, "keep_alive"), &session->keep_alive) &&
           read_public_key(json_object_get(root, "credential_public_key"), session) &&
           read_roles(root, session);
}

static void release_json(json_t **value)
{
    json_decref(*value);
}

static void release_session(struct cis_session **session)
{
    free(*session);
}

struct cis_session *cis_session_read(const char *json, size_t len)
{
    CLEANUP(release_json) json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *roles = json_object_get(root, "roles");
    size_t count = json_array_size(roles);
    if (!json_is_object(root) || !list_or_nothing(roles) || count > ROLES_MAX)
        return NULL;
    CLEANUP(release_session)
    struct cis_session *session = calloc(1, sizeof *session + count * sizeof session->roles[0]);
    if (!session) {
        log_fault(ENOMEM, "session object");
        return NULL;
    }
    session->role_count = count;
    return read_session(root, session) ? STEAL(session) : NULL;
}

/* ---- as text ---- */

static void append_member(struct bytes *out, const char *name, const char *text)
{
    if (*text != '\0')
        json_string_member(out, name, text);
}

static void append_public_key(struct bytes *out, const struct cis_session *session)
{
    if (session->public_key_len == 0)
        return;
    json_member(out, "credential_public_key");
    bytes_append_text(out, "\"");
    base64url_append(out, session->public_key, session->public_key_len);
    bytes_append_text(out, "\"");
}

static void append_roles(struct bytes *out, const struct cis_session *session)
{
    json_member(out, "roles");
    bytes_append_text(out, "[");
    for (size_t i = 0; i < session->role_count; i++) {
        const struct cis_role *role = &session->roles[i];
        bytes_append_text(out, i == 0 ? "{" : ",{");
        json_string_member(out, "id", role->id);
        append_member(out, "name", role->name);
        append_member(out, "organisation", role->organisation);
        append_member(out, "code", role->code);
        bytes_append_text(out, "}");
    }
    bytes_append_text(out, "]");
    if (session->role >= 0)
        append_member(out, "role", session->roles[session->role].id);
}

int cis_session_write(const struct cis_session *session, struct bytes *out)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    json_string_member(&text, "sid", session->sid);
    append_member(&text, "uid", session->uid);
    append_member(&text, "name", session->name);
    append_member(&text, "acr", session->acr);
    json_member(&text, "amr");
    bytes_append_text(&text, "[");
    for (size_t i = 0; i < session->amr_count; i++) {
        bytes_append_text(&text, i == 0 ? "" : ",");
        json_append_string(&text, session->amr[i]);
    }
    bytes_append_text(&text, "]");
    json_number_member(&text, "auth_time", session->auth_time);
    json_number_member(&text, "expires_in", session->expires_in);
    json_number_member(&text, "idle", session->idle);
    json_number_member(&text, "keep_alive", session->keep_alive);
    append_public_key(&text, session);
    append_roles(&text, session);
    bytes_append_text(&text, "}");
    bytes_append(&text, "", 1);
    if (text.failed)
        return log_fault(ENOMEM, "session object");
    text.len--;
    bytes_deinit(out);
    *out = text;
    text = (struct bytes){0};
    return 0;
}
