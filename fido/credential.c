/* SPDX-License-Identifier: MIT */
/*
 * What a key cannot do is found out from what it says about itself before anybody touches it; what
 * it says is taken at its word, and its answer checked: whose it is, flags, structure, and the
 * signature over all of it by the attestation certificate's key or the new one.
 */
#include "fido/credential.h"

#include "fido/probe.h"
#include "ipc/auth_data.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

struct request {
    struct candidate *candidate;
    const struct fido_start *start;
    int32_t algorithm;
    bool resident, blob_key, hmac_secret, min_pin, exclude;
    uint8_t protection;
    fido_cred_t *answer;
};

/* ---- what it has ---- */

/* The first of the list that libfido2 and the key have; 0: none. What a key does not say is ES256,
 * the one that all have (and U2F has no other). */
static int32_t algorithm_of(const struct key_traits *traits, const struct fido_start *start)
{
    static const int32_t known[] = {COSE_ES256, COSE_EDDSA, COSE_ES384, COSE_RS256};
    static const int32_t least[] = {COSE_ES256};
    const int32_t *has = traits->algorithm_count > 0 ? traits->algorithms : least;
    size_t count = traits->algorithm_count > 0 ? traits->algorithm_count : 1;
    for (size_t i = 0; i < start->algorithm_count; i++)
        for (size_t k = 0; k < count; k++)
            for (size_t n = 0; n < sizeof known / sizeof *known; n++)
                if (start->algorithms[i] == has[k] && has[k] == known[n])
                    return known[n];
    return 0;
}

static bool resident_of(const struct key_traits *traits, const struct fido_start *start)
{
    bool wanted = start->resident == FIDO_RESIDENT_REQUIRED ||
                  (start->resident == FIDO_RESIDENT_PREFERRED && traits->resident_left != 0) ||
                  start->blob == FIDO_BLOB_WANTED;
    return wanted && traits->fido2 && traits->resident;
}

/* makeCredUvNotRqd is about credentials that are not discoverable (CTAP 2.1 §6.4); a key without it
 * wants its person for each. */
static enum verification_need need_of(const struct candidate *candidate,
                                      const struct fido_start *start)
{
    const struct key_traits *traits = &candidate->key.traits;
    if (start->verification == FIDO_UV_REQUIRED)
        return VERIFICATION_MUST;
    bool demanded = !traits->unverified_creation || resident_of(traits, start);
    return demanded || start->verification == FIDO_UV_PREFERRED ||
                   start->protection == FIDO_PROTECT_REQUIRED
               ? VERIFICATION_POSSIBLE
               : VERIFICATION_NONE;
}

static bool is_able(const struct candidate *candidate, const struct fido_start *start)
{
    const struct key_traits *traits = &candidate->key.traits;
    bool knows = verification_ready(&candidate->key) || traits->pin_possible ||
                 traits->verification_possible;
    bool protects = traits->cred_protect || !start->protection_enforced ||
                    start->protection <= FIDO_PROTECT_OPTIONAL;
    bool blobs = start->blob != FIDO_BLOB_WANTED || (traits->large_blobs && traits->resident);
    return algorithm_of(traits, start) != 0 && protects && blobs &&
           (start->verification != FIDO_UV_REQUIRED || knows) &&
           (start->resident != FIDO_RESIDENT_REQUIRED || resident_of(traits, start));
}

int credential_judge(struct candidate *candidate, const struct fido_start *start)
{
    candidate->fit = is_able(candidate, start) ? KEY_FIT : KEY_UNFIT;
    if (candidate->fit == KEY_UNFIT)
        return OUTCOME_OK;
    if (start->verification == FIDO_UV_REQUIRED && !verification_ready(&candidate->key))
        candidate->refusal = OUTCOME_KEY_PIN_NOT_SET;
    if (start->list_count == 0)
        return OUTCOME_OK;
    int r = probe(candidate, start, start->appid);
    if (r == OUTCOME_OK)
        candidate->refusal = OUTCOME_KEY_REGISTERED;
    return r == OUTCOME_KEY_NOT_REGISTERED ? OUTCOME_OK : r;
}

/* ---- asking ---- */

static const char *given(const char *text)
{
    return *text ? text : NULL;
}

static int extensions_of(const struct request *request)
{
    return (request->hmac_secret ? FIDO_EXT_HMAC_SECRET : 0) |
           (request->blob_key ? FIDO_EXT_LARGEBLOB_KEY : 0);
}

/* Those that a silent look did not find may still be there for their person. A list that the key
 * could not take is left out: what was on it without protection has been looked for. */
static int exclude(const struct request *request, const struct key *key, fido_cred_t *cred)
{
    size_t bytes = 0;
    for (size_t i = 0; i < request->start->list_count; i++)
        bytes += request->start->list[i].len;
    if (!key->traits.fido2 || request->start->list_count > key->traits.list_max ||
        bytes > KEY_LIST_BYTES_MAX)
        return FIDO_OK;
    for (size_t i = 0; i < request->start->list_count; i++) {
        const struct bytes *id = &request->start->list[i];
        bool takes = key->traits.id_max == 0 || id->len <= key->traits.id_max;
        if (takes && fido_cred_exclude(cred, id->data, id->len) != FIDO_OK)
            return FIDO_ERR_INTERNAL;
    }
    return FIDO_OK;
}

static int ask(void *context, struct key *key, const char *pin, bool own)
{
    struct request *request = context;
    const struct fido_start *start = request->start;
    fido_cred_free(&request->answer);
    fido_cred_t *cred = request->answer = fido_cred_new();
    if (!cred || fido_cred_set_type(cred, request->algorithm) != FIDO_OK ||
        fido_cred_set_clientdata_hash(cred, start->client_data_hash,
                                      sizeof start->client_data_hash) != FIDO_OK ||
        fido_cred_set_rp(cred, start->rp_id, *start->rp_name ? start->rp_name : start->rp_id) !=
            FIDO_OK ||
        fido_cred_set_user(cred, start->user_id.data, start->user_id.len, given(start->user_name),
                           given(start->user_display_name), NULL) != FIDO_OK ||
        fido_cred_set_extensions(cred, extensions_of(request)) != FIDO_OK ||
        (request->protection && fido_cred_set_prot(cred, request->protection) != FIDO_OK) ||
        (request->min_pin &&
         fido_cred_set_pin_minlen(cred, key->traits.min_pin_length) != FIDO_OK) ||
        (request->resident && fido_cred_set_rk(cred, FIDO_OPT_TRUE) != FIDO_OK) ||
        (own && fido_cred_set_uv(cred, FIDO_OPT_TRUE) != FIDO_OK) ||
        exclude(request, key, cred) != FIDO_OK)
        return FIDO_ERR_INTERNAL;
    key->touch = true;
    int code = fido_dev_make_cred(key->dev, cred, pin);
    key->touch = false;
    return code;
}

/* ---- the answer ---- */

/* libfido2 compares what the key says of extensions with what it was asked, and takes less for a
 * fault. So the check is made on a copy that asks for what came. */
static int verify(const struct request *request, const struct auth_data *parsed,
                  const uint8_t *data, size_t len)
{
    const fido_cred_t *answer = request->answer;
    const char *format = fido_cred_fmt(answer);
    if (strcmp(format, "none") == 0)
        return FIDO_OK;
    CLEANUP(fido_cred_free) fido_cred_t *copy = fido_cred_new();
    if (!copy || fido_cred_set_type(copy, request->algorithm) != FIDO_OK ||
        fido_cred_set_clientdata_hash(copy, request->start->client_data_hash,
                                      sizeof request->start->client_data_hash) != FIDO_OK ||
        fido_cred_set_rp(copy, request->start->rp_id, NULL) != FIDO_OK ||
        fido_cred_set_fmt(copy, format) != FIDO_OK ||
        fido_cred_set_authdata_raw(copy, data, len) != FIDO_OK ||
        fido_cred_set_extensions(copy, parsed->hmac_secret ? FIDO_EXT_HMAC_SECRET : 0) != FIDO_OK ||
        (parsed->protection && fido_cred_set_prot(copy, parsed->protection) != FIDO_OK) ||
        (parsed->min_pin && fido_cred_set_pin_minlen(copy, parsed->min_pin_length) != FIDO_OK))
        return FIDO_ERR_INTERNAL;
    size_t statement = fido_cred_attstmt_len(answer);
    if (statement > 0 &&
        fido_cred_set_attstmt(copy, fido_cred_attstmt_ptr(answer), statement) != FIDO_OK)
        return FIDO_ERR_INTERNAL;
    return fido_cred_x5c_len(copy) > 0 ? fido_cred_verify(copy) : fido_cred_verify_self(copy);
}

static bool copy(struct bytes *to, const uint8_t *data, size_t len, size_t max)
{
    return len <= max && (len == 0 || data) && bytes_set(to, data, len) == 0;
}

/* Its AAGUID is all zeros. */
static bool is_anonymous(const struct auth_data *parsed)
{
    static const uint8_t zeros[AUTH_DATA_AAGUID_BYTES];
    return parsed->aaguid && memcmp(parsed->aaguid, zeros, sizeof zeros) == 0;
}

/* A site that does not want to know what kind of key it is gets no statement, but for one that says
 * nothing about it: the new key's own signature (WebAuthn §5.1.3, none). */
static bool take_statement(const struct request *request, const struct auth_data *parsed,
                           struct fido_done *done)
{
    const fido_cred_t *answer = request->answer;
    const char *format = fido_cred_fmt(answer);
    bool own =
        strcmp(format, "packed") == 0 && fido_cred_x5c_len(answer) == 0 && is_anonymous(parsed);
    size_t len = fido_cred_attstmt_len(answer);
    if (len == 0 || (!request->start->attestation && !own)) {
        snprintf(done->format, sizeof done->format, "none");
        return copy(&done->statement, (const uint8_t *)"\xa0", 1, FIDO_STATEMENT_MAX);
    }
    return snprintf(done->format, sizeof done->format, "%s", format) < (int)sizeof done->format &&
           copy(&done->statement, fido_cred_attstmt_ptr(answer), len, FIDO_STATEMENT_MAX);
}

static bool take_answer(const struct request *request, struct fido_done *done)
{
    const fido_cred_t *answer = request->answer;
    const struct fido_start *start = request->start;
    uint8_t expected[SHA256_DIGEST_LENGTH];
    struct auth_data parsed;
    size_t len;
    const uint8_t *data =
        auth_data_unwrap(fido_cred_authdata_ptr(answer), fido_cred_authdata_len(answer), &len);
    if (!data || !fido_cred_fmt(answer) || auth_data_parse(data, len, &parsed) < 0 ||
        !SHA256((const uint8_t *)start->rp_id, strlen(start->rp_id), expected) ||
        memcmp(parsed.rp_id_hash, expected, sizeof expected) != 0)
        return false;
    if (!(parsed.flags & AUTH_DATA_PRESENT) || !parsed.credential_id ||
        (start->verification == FIDO_UV_REQUIRED && !(parsed.flags & AUTH_DATA_VERIFIED)) ||
        (start->protection_enforced && parsed.protection < request->protection))
        return false;
    int code = verify(request, &parsed, data, len);
    if (code != FIDO_OK) {
        request->candidate->key.code = code;
        return false;
    }
    done->hmac_secret_made = parsed.hmac_secret;
    done->resident = request->resident;
    done->blob_possible = fido_cred_largeblob_key_len(answer) > 0;
    return take_statement(request, &parsed, done) &&
           copy(&done->credential_id, parsed.credential_id, parsed.credential_id_len,
                FIDO_CREDENTIAL_ID_MAX) &&
           copy(&done->auth_data, data, len, FIDO_AUTH_DATA_MAX);
}

int credential_make(struct candidate *candidate, const struct fido_start *start,
                    struct fido_done *done)
{
    struct key *key = &candidate->key;
    const struct key_traits *traits = &key->traits;
    struct request request = {
        .candidate = candidate,
        .start = start,
        .algorithm = algorithm_of(traits, start),
        .resident = resident_of(traits, start),
        .hmac_secret = start->hmac_secret && traits->hmac_secret,
        .min_pin = start->min_pin_length && traits->min_pin,
        .protection = traits->cred_protect ? start->protection : FIDO_PROTECT_NONE,
    };
    request.blob_key = request.resident && traits->large_blobs && start->blob != FIDO_BLOB_NONE;
    int r = verification_call(key, need_of(candidate, start), ask, &request);
    if (r == OUTCOME_OK && !take_answer(&request, done)) {
        log_warning("%s: the answer is not what was asked for", key->path);
        r = OUTCOME_KEY_FAILED;
    }
    fido_cred_free(&request.answer);
    return r;
}
