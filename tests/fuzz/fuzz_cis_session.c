/* SPDX-License-Identifier: MIT */
/*
 * A provider's answers: the session object, the challenge, the word of a refusal, and the headers
 * that are read by hand. A session that was read is right in every detail and survives writing.
 */
#include "agent/cis/cis_message.h"
#include "agent/cis/cis_session.h"
#include "agent/cis/http_header.h"
#include "ipc/base/cleanup.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_session(const struct cis_session *session)
{
    if (!cis_sid_valid(session->sid) || session->uid[0] == '\0' || session->auth_time <= 0 ||
        session->expires_in == 0 || session->keep_alive < CIS_KEEP_ALIVE_MIN ||
        session->keep_alive > CIS_KEEP_ALIVE_MAX || session->amr_count > CIS_AMR_MAX ||
        session->role_count > ROLES_MAX || session->role < -1 ||
        session->role >= (int)session->role_count)
        abort();
    for (size_t i = 0; i < session->role_count; i++)
        if (session->roles[i].id[0] == '\0')
            abort();
}

/* NULL where memory failed on the way, too; a session that differs is the only mistake. */
static void check_writing(const struct cis_session *session)
{
    CLEANUP(bytes_deinit) struct bytes text = {0};
    if (cis_session_write(session, &text) < 0)
        return;
    struct cis_session *again = cis_session_read((const char *)text.data, text.len);
    if (again && memcmp(again, session,
                        sizeof *session + session->role_count * sizeof session->roles[0]) != 0)
        abort();
    free(again);
}

static void check_headers(const char *text)
{
    unsigned seconds;
    http_header_wants_dpop_nonce(text);
    if (http_header_delay(text, 3600, &seconds) && seconds > 3600)
        abort();
    if (http_header_nonce_valid(text, 256) && strlen(text) > 256)
        abort();
}

static bool keys_are_bounded(const struct cis_keys *keys)
{
    for (size_t i = 0; i < keys->list_count; i++)
        if (keys->list[i].len > FIDO_CREDENTIAL_ID_MAX)
            return false;
    return keys->list_count <= FIDO_LIST_MAX && strlen(keys->rp_id) <= FIDO_RP_ID_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *json = (const char *)data;
    struct cis_session *session = cis_session_read(json, size);
    if (session) {
        check_session(session);
        check_writing(session);
        free(session);
    }
    struct cis_challenge challenge;
    if (cis_challenge_read(json, size, &challenge) &&
        (challenge.algorithm_count == 0 || challenge.algorithm_count > 4 ||
         strlen(challenge.text) > CHALLENGE_TEXT_MAX || !keys_are_bounded(&challenge.keys)))
        abort();
    cis_challenge_deinit(&challenge);
    char reason[CIS_REASON_MAX + 1];
    cis_reason_read(json, size, reason);
    if (strlen(reason) > CIS_REASON_MAX)
        abort();
    CLEANUP(bytes_deinit) struct bytes text = {0};
    bytes_append(&text, data, size);
    bytes_append(&text, "", 1);
    if (!text.failed)
        check_headers((const char *)text.data);
    return 0;
}
