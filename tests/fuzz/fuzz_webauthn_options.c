/* SPDX-License-Identifier: MIT */
/*
 * What a site writes and what a key answers: the options' JSON through the rules to what a key is
 * asked, and hostile authenticator data, public keys and statements from there to the answer. The
 * input is one message, a line feed, and fields (a 16-bit length and as many bytes): authenticator
 * data, statement, signature, user id, hmac-secret. The hash of the site and the name of the
 * credential are put right, or nothing would ever come further.
 */
#include "agent/webauthn/attempt.h"
#include "ipc/auth_data.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/door/answer.h"
#include "ipc/door/json_rpc.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_right(const struct fido_start *start, struct fido_done *done)
{
    struct auth_data parsed;
    struct bytes *raw = &done->auth_data;
    if (raw->len <= AUTH_DATA_HASH_BYTES)
        return;
    const char *site = done->with_appid ? start->appid : start->rp_id;
    SHA256((const uint8_t *)site, strlen(site), raw->data);
    if (auth_data_parse(raw->data, raw->len, &parsed) == 0 && parsed.credential_id)
        bytes_set(&done->credential_id, parsed.credential_id, parsed.credential_id_len);
    else if (start->list_count > 0)
        bytes_set(&done->credential_id, start->list[0].data, start->list[0].len);
    else
        bytes_set(&done->credential_id, "id", 2);
}

static void deal(struct reader *r, const struct fido_start *start, struct fido_done *done)
{
    uint8_t flags = read_u8(r);
    read_bytes(r, FIDO_AUTH_DATA_MAX, &done->auth_data);
    read_bytes(r, FIDO_STATEMENT_MAX, &done->statement);
    read_bytes(r, FIDO_SIGNATURE_MAX, &done->signature);
    read_bytes(r, FIDO_USER_ID_MAX, &done->user_id);
    read_bytes(r, FIDO_SALTS_MAX, &done->hmac_secret);
    done->with_appid = flags & 1;
    done->resident = flags & 2;
    done->hmac_secret_made = flags & 4;
    done->blob_read = flags & 8;
    done->blob_written = flags & 16;
    strcpy(done->format, "packed");
    put_right(start, done);
}

static void check_start(const struct attempt *attempt)
{
    const struct fido_start *start = &attempt->start;
    if (strcmp(start->rp_id, "login.op.example") != 0 && strcmp(start->rp_id, "op.example") != 0)
        abort();
    if (*start->appid && strncmp(start->appid, "https://", 8) != 0)
        abort();
    if (start->list_count > FIDO_LIST_MAX || start->salts_count > start->list_count + 1 ||
        attempt->timeout_ms < WEBAUTHN_TIMEOUT_MIN_MS ||
        attempt->timeout_ms > WEBAUTHN_TIMEOUT_MAX_MS)
        abort();
    CLEANUP(bytes_deinit) struct bytes message = {0};
    int r = fido_start_encode(start, &message);
    if (r < 0 && r != -ENOMEM && r != -ENOSPC)
        abort();
}

static void answer(struct attempt *attempt, struct reader *r)
{
    CLEANUP(fido_done_deinit) struct fido_done done = {0};
    struct webauthn_result result;
    deal(r, &attempt->start, &done);
    if (attempt_finish(attempt, &done, &result) != OUTCOME_OK)
        return;
    CLEANUP(bytes_deinit) struct bytes message = {0};
    const struct rpc_id id = {"1"};
    if (result.client_data.len == 0 || result.auth_data.len < AUTH_DATA_AAGUID_OFFSET)
        abort();
    if (answer_encode_webauthn(&message, &id, &result) == 0 &&
        !utf8_valid(message.data, message.len))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(rpc_request_deinit) struct rpc_request request = {0};
    CLEANUP(bytes_deinit) struct bytes refusal = {0};
    CLEANUP(attempt_deinit) struct attempt attempt = {0};
    const uint8_t *line = memchr(data, '\n', size);
    size_t len = line ? (size_t)(line - data) : size;
    if (rpc_decode(DOOR_WEB, (const char *)data, len, &request, &refusal) != RPC_REQUEST ||
        !request.webauthn)
        return 0;
    strcpy(request.webauthn->origin, "https://login.op.example");
    if (attempt_begin(&attempt, request.webauthn) != OUTCOME_OK)
        return 0;
    check_start(&attempt);
    struct reader r = READER(data + len, size - len);
    read_u8(&r); /* the line feed */
    answer(&attempt, &r);
    return 0;
}
