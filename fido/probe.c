/* SPDX-License-Identifier: MIT */
/*
 * The hash in these requests is none that any site has asked for, so that the signatures a key
 * makes here are worth nothing to anybody; but where the agent wants one to see that the key is the
 * one it says, the hash is the agent's own, as random as none that a site has asked for can be. The
 * list goes out in pieces that the key can take.
 */
#include "fido/probe.h"

#include "ipc/auth_data.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

struct search {
    const struct fido_start *start;
    const char *rp_id;
    size_t from, to; /* this piece of the list */
    struct bytes *found;
    struct fido_done *proof; /* gets the signature; NULL: nobody wants it */
};

/* One piece: as many as the key takes, without those that are too long to be its own. */
static void cut_piece(const struct key *key, struct search *search)
{
    size_t bytes = 0, count = 0;
    for (search->to = search->from; search->to < search->start->list_count; search->to++) {
        size_t len = search->start->list[search->to].len;
        if (key->traits.id_max > 0 && len > key->traits.id_max)
            continue;
        if (count == key->traits.list_max || (count > 0 && bytes + len > KEY_LIST_BYTES_MAX))
            break;
        bytes += len;
        count++;
    }
}

static bool takes(const struct key *key, const struct bytes *id)
{
    return key->traits.id_max == 0 || id->len <= key->traits.id_max;
}

/* What the key found, which must be of the list. A list of one needs no answer (CTAP 2.1 §6.2.2).
 */
static int take_found(const struct key *key, const struct search *search, const fido_assert_t *got)
{
    const uint8_t *id = fido_assert_id_ptr(got, 0);
    size_t len = fido_assert_id_len(got, 0);
    const struct bytes *only = NULL;
    size_t count = 0;
    for (size_t i = search->from; i < search->to; i++) {
        const struct bytes *listed = &search->start->list[i];
        const struct bytes answered = {.data = (uint8_t *)(uintptr_t)id, .len = len};
        if (!takes(key, listed))
            continue;
        count++;
        only = listed;
        if (id && bytes_equal(listed, &answered))
            return bytes_set(search->found, id, len) < 0 ? FIDO_ERR_INTERNAL : FIDO_OK;
    }
    if (id || count != 1)
        return FIDO_ERR_RX_INVALID_CBOR;
    return bytes_set(search->found, only->data, only->len) < 0 ? FIDO_ERR_INTERNAL : FIDO_OK;
}

static bool copy(struct bytes *to, const uint8_t *data, size_t len, size_t max)
{
    return data && len > 0 && len <= max && bytes_set(to, data, len) == 0;
}

static int take_proof(const struct search *search, const fido_assert_t *got)
{
    size_t len = 0;
    const uint8_t *data =
        auth_data_unwrap(fido_assert_authdata_ptr(got, 0), fido_assert_authdata_len(got, 0), &len);
    bool whole = copy(&search->proof->auth_data, data, len, FIDO_AUTH_DATA_MAX) &&
                 copy(&search->proof->signature, fido_assert_sig_ptr(got, 0),
                      fido_assert_sig_len(got, 0), FIDO_SIGNATURE_MAX);
    return whole ? FIDO_OK : FIDO_ERR_RX_INVALID_CBOR;
}

static int search_piece(void *context, struct key *key, const char *pin, bool own)
{
    struct search *search = context;
    static const uint8_t nobody_asked[32];
    const uint8_t *hash = search->proof ? search->start->client_data_hash : nobody_asked;
    CLEANUP(fido_assert_free) fido_assert_t *request = fido_assert_new();
    if (!request || fido_assert_set_rp(request, search->rp_id) != FIDO_OK ||
        fido_assert_set_clientdata_hash(request, hash, sizeof nobody_asked) != FIDO_OK ||
        fido_assert_set_up(request, FIDO_OPT_FALSE) != FIDO_OK ||
        (own && fido_assert_set_uv(request, FIDO_OPT_TRUE) != FIDO_OK))
        return FIDO_ERR_INTERNAL;
    for (size_t i = search->from; i < search->to; i++) {
        const struct bytes *id = &search->start->list[i];
        if (takes(key, id) && fido_assert_allow_cred(request, id->data, id->len) != FIDO_OK)
            return FIDO_ERR_INTERNAL;
    }
    int code = fido_dev_get_assert(key->dev, request, pin);
    if (code != FIDO_OK)
        return code;
    if (fido_assert_count(request) == 0)
        return FIDO_ERR_NO_CREDENTIALS;
    code = search->start->list_count == 0 ? FIDO_OK : take_found(key, search, request);
    return code == FIDO_OK && search->proof ? take_proof(search, request) : code;
}

/* A U2F key takes one at a time, and says of the one it has that it wants to be touched for it. */
static int search_u2f(struct key *key, struct search *search)
{
    for (; search->from < search->start->list_count; search->from++) {
        const struct bytes *id = &search->start->list[search->from];
        search->to = search->from + 1;
        if (id->len > UINT8_MAX)
            continue;
        key_begin(key);
        int code = search_piece(search, key, NULL, false);
        if (code == FIDO_ERR_USER_PRESENCE_REQUIRED || code == FIDO_OK)
            return bytes_set(search->found, id->data, id->len) < 0 ? -1 : OUTCOME_OK;
        if (code != FIDO_ERR_NO_CREDENTIALS && code != FIDO_ERR_CREDENTIAL_EXCLUDED)
            return key_outcome(key, code);
    }
    return OUTCOME_KEY_NOT_REGISTERED;
}

static int silently(struct key *key, struct search *search)
{
    key_begin(key);
    int code = search_piece(search, key, NULL, false);
    /* Some keys want to be told who it is before they look; they hold nothing for now. */
    if (code == FIDO_ERR_PIN_REQUIRED || code == FIDO_ERR_UP_REQUIRED)
        code = FIDO_ERR_NO_CREDENTIALS;
    return key_outcome(key, code);
}

static int search_all(struct key *key, struct search *search, const enum verification_need *need)
{
    if (!key->traits.fido2)
        return search_u2f(key, search);
    int r = OUTCOME_KEY_NOT_REGISTERED;
    do {
        cut_piece(key, search);
        bool none = search->start->list_count > 0;
        for (size_t i = search->from; i < search->to; i++)
            none &= !takes(key, &search->start->list[i]);
        if (!none)
            r = need ? verification_call(key, *need, search_piece, search) : silently(key, search);
        search->from = search->to;
    } while (r == OUTCOME_KEY_NOT_REGISTERED && search->from < search->start->list_count);
    return r;
}

int probe(struct candidate *candidate, const struct fido_start *start, const char *appid)
{
    const char *const ids[] = {start->rp_id, appid};
    int r = OUTCOME_KEY_NOT_REGISTERED;
    for (size_t i = 0; i < 2 && r == OUTCOME_KEY_NOT_REGISTERED; i++) {
        struct search search = {.start = start, .rp_id = ids[i], .found = &candidate->found};
        if (!*ids[i] || (i > 0 && start->list_count == 0))
            continue;
        r = search_all(&candidate->key, &search, NULL);
        candidate->with_appid = i > 0 && r == OUTCOME_OK;
    }
    return r;
}

int probe_signed(struct candidate *candidate, const struct fido_start *start,
                 struct fido_done *done)
{
    struct search search = {
        .start = start, .rp_id = start->rp_id, .found = &done->credential_id, .proof = done};
    return search_all(&candidate->key, &search, NULL);
}

int probe_verified(struct candidate *candidate, const struct fido_start *start,
                   enum verification_need need)
{
    struct search search = {.start = start, .rp_id = start->rp_id, .found = &candidate->found};
    return search_all(&candidate->key, &search, &need);
}
