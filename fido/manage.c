/* SPDX-License-Identifier: MIT */
/*
 * Listing is several requests to the key, one for the sites and one for each site; the PIN that was
 * right for the first serves the others. A key that lists something it should not have (an id that
 * is too long) has that left out.
 */
#include "fido/manage.h"

#include "fido/pin.h"
#include "fido/text.h"
#include "fido/verification.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <fido/credman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what it is ---- */

static uint8_t own_tries(struct key *key)
{
    int tries = 0;
    key_begin(key);
    if (!key->traits.verification_set || fido_dev_get_uv_retry_count(key->dev, &tries) != FIDO_OK ||
        tries < 0 || tries >= UINT8_MAX)
        return UINT8_MAX;
    return (uint8_t)tries;
}

int manage_info(struct candidate *candidate, const struct fido_start *start, struct fido_done *done)
{
    (void)start;
    struct key *key = &candidate->key;
    const struct key_traits *traits = &key->traits;
    struct fido_key_info *info = done->info = calloc(1, sizeof *info);
    if (!info)
        return -ENOMEM;
    *info = (struct fido_key_info){
        .firmware = traits->firmware,
        .pin_possible = traits->pin_possible,
        .pin_set = traits->pin_set,
        .pin_change_owed = traits->pin_change_owed,
        .verification_possible = traits->verification_possible,
        .verification_set = traits->verification_set,
        .resident = traits->resident,
        .credential_management = traits->credential_management,
        .large_blobs = traits->large_blobs,
        .hmac_secret = traits->hmac_secret,
        .cred_protect = traits->cred_protect,
        .min_pin = traits->min_pin,
        .pin_tries = traits->pin_set ? verification_tries(key) : UINT8_MAX,
        .verification_tries = own_tries(key),
        .min_pin_length = traits->min_pin_length,
        .credentials_left = traits->resident_left,
    };
    snprintf(info->product, sizeof info->product, "%s", key->product);
    snprintf(info->versions, sizeof info->versions, "%s", traits->versions);
    memcpy(info->aaguid, traits->aaguid, sizeof info->aaguid);
    return key->removed ? OUTCOME_KEY_REMOVED : OUTCOME_OK;
}

/* ---- PIN ---- */

int manage_set_pin(struct candidate *candidate, const struct fido_start *start,
                   struct fido_done *done)
{
    (void)start;
    (void)done;
    struct key *key = &candidate->key;
    if (!key->traits.pin_possible)
        return OUTCOME_KEY_UNABLE;
    return key->traits.pin_set ? OUTCOME_KEY_PIN_SET : pin_set(key);
}

int manage_change_pin(struct candidate *candidate, const struct fido_start *start,
                      struct fido_done *done)
{
    (void)start;
    (void)done;
    struct key *key = &candidate->key;
    if (!key->traits.pin_possible)
        return OUTCOME_KEY_UNABLE;
    if (!key->traits.pin_set)
        return OUTCOME_KEY_PIN_NOT_SET;
    CLEANUP(secret_free) struct secret *pin = pin_new();
    return pin ? pin_change(key, pin) : -ENOMEM;
}

/* ---- credentials ---- */

struct listing {
    fido_credman_rp_t *sites;
    const char *rp_id; /* the one whose credentials are being listed */
    fido_credman_rk_t *credentials;
};

static int list_sites(void *context, struct key *key, const char *pin, bool own)
{
    (void)own;
    struct listing *listing = context;
    fido_credman_rp_free(&listing->sites);
    listing->sites = fido_credman_rp_new();
    return listing->sites ? fido_credman_get_dev_rp(key->dev, listing->sites, pin)
                          : FIDO_ERR_INTERNAL;
}

static int list_site(void *context, struct key *key, const char *pin, bool own)
{
    (void)own;
    struct listing *listing = context;
    fido_credman_rk_free(&listing->credentials);
    listing->credentials = fido_credman_rk_new();
    return listing->credentials
               ? fido_credman_get_dev_rk(key->dev, listing->rp_id, listing->credentials, pin)
               : FIDO_ERR_INTERNAL;
}

static int take_credential(const fido_cred_t *from, const char *rp_id, struct fido_done *done)
{
    size_t id = fido_cred_id_len(from), user = fido_cred_user_id_len(from);
    if (id == 0 || id > FIDO_CREDENTIAL_ID_MAX || user > FIDO_USER_ID_MAX)
        return 0;
    struct fido_credential *to = &done->credentials[done->credential_count++];
    int protection = fido_cred_prot(from);
    bool known = protection > FIDO_PROTECT_NONE && protection <= FIDO_PROTECT_REQUIRED;
    to->protection = known ? (uint8_t)protection : FIDO_PROTECT_NONE;
    text_copy(to->rp_id, sizeof to->rp_id, rp_id);
    text_copy(to->user_name, sizeof to->user_name, fido_cred_user_name(from));
    text_copy(to->user_display_name, sizeof to->user_display_name, fido_cred_display_name(from));
    return bytes_set(&to->id, fido_cred_id_ptr(from), id) < 0 ||
                   bytes_set(&to->user_id, fido_cred_user_id_ptr(from), user) < 0
               ? -ENOMEM
               : 0;
}

static int list_all(struct key *key, struct listing *listing, struct fido_done *done)
{
    int r = verification_call(key, VERIFICATION_MUST, list_sites, listing);
    if (r == OUTCOME_KEY_NOT_REGISTERED) /* none on it */
        return OUTCOME_OK;
    size_t sites = r == OUTCOME_OK ? fido_credman_rp_count(listing->sites) : 0;
    for (size_t i = 0; i < sites && i < FIDO_CREDENTIALS_MAX && r == OUTCOME_OK; i++) {
        listing->rp_id = fido_credman_rp_id(listing->sites, i);
        if (!listing->rp_id)
            continue;
        r = verification_call(key, VERIFICATION_MUST, list_site, listing);
        if (r == OUTCOME_KEY_NOT_REGISTERED) { /* a site's name that was cut by the key */
            r = OUTCOME_OK;
            continue;
        }
        size_t count = r == OUTCOME_OK ? fido_credman_rk_count(listing->credentials) : 0;
        for (size_t k = 0; k < count && r == OUTCOME_OK; k++)
            if (done->credential_count < FIDO_CREDENTIALS_MAX)
                r = take_credential(fido_credman_rk(listing->credentials, k), listing->rp_id, done);
    }
    return r;
}

int manage_list(struct candidate *candidate, const struct fido_start *start, struct fido_done *done)
{
    (void)start;
    if (!candidate->key.traits.credential_management)
        return OUTCOME_KEY_UNABLE;
    done->credentials = calloc(FIDO_CREDENTIALS_MAX, sizeof *done->credentials);
    if (!done->credentials)
        return -ENOMEM;
    struct listing listing = {0};
    int r = list_all(&candidate->key, &listing, done);
    fido_credman_rp_free(&listing.sites);
    fido_credman_rk_free(&listing.credentials);
    return r;
}

struct change {
    const struct bytes *id;
    const struct fido_start *start;
    const struct bytes *user_id;
};

static int delete_it(void *context, struct key *key, const char *pin, bool own)
{
    (void)own;
    const struct change *change = context;
    return fido_credman_del_dev_rk(key->dev, change->id->data, change->id->len, pin);
}

static int unknown_if_absent(int outcome)
{
    return outcome == OUTCOME_KEY_NOT_REGISTERED ? OUTCOME_CREDENTIAL_UNKNOWN : outcome;
}

int manage_delete(struct candidate *candidate, const struct fido_start *start,
                  struct fido_done *done)
{
    (void)done;
    if (!candidate->key.traits.credential_management)
        return OUTCOME_KEY_UNABLE;
    struct change change = {.id = &start->list[0]};
    return unknown_if_absent(
        verification_call(&candidate->key, VERIFICATION_MUST, delete_it, &change));
}

static int rename_it(void *context, struct key *key, const char *pin, bool own)
{
    (void)own;
    const struct change *change = context;
    CLEANUP(fido_cred_free) fido_cred_t *cred = fido_cred_new();
    if (!cred || fido_cred_set_id(cred, change->id->data, change->id->len) != FIDO_OK ||
        fido_cred_set_user(cred, change->user_id->data, change->user_id->len,
                           change->start->user_name, change->start->user_display_name,
                           NULL) != FIDO_OK)
        return FIDO_ERR_INTERNAL;
    return fido_credman_set_dev_rk(key->dev, cred, pin);
}

/* The key wants the user's id again, so the credential is looked for first. */
int manage_rename(struct candidate *candidate, const struct fido_start *start,
                  struct fido_done *done)
{
    CLEANUP(fido_done_deinit) struct fido_done listed = {0};
    (void)done;
    int r = manage_list(candidate, start, &listed);
    for (size_t i = 0; i < listed.credential_count && r == OUTCOME_OK; i++)
        if (bytes_equal(&listed.credentials[i].id, &start->list[0])) {
            struct change change = {&start->list[0], start, &listed.credentials[i].user_id};
            return unknown_if_absent(
                verification_call(&candidate->key, VERIFICATION_MUST, rename_it, &change));
        }
    return r == OUTCOME_OK ? OUTCOME_CREDENTIAL_UNKNOWN : r;
}

/* ---- everything ---- */

int manage_reset(struct candidate *candidate, const struct fido_start *start,
                 struct fido_done *done)
{
    (void)start;
    (void)done;
    struct key *key = &candidate->key;
    if (!key->traits.fido2)
        return OUTCOME_KEY_UNABLE;
    key_begin(key);
    int code = fido_dev_reset(key->dev);
    return code == FIDO_ERR_NOT_ALLOWED && !key->link->cancelled ? OUTCOME_KEY_RESET_LATE
                                                                 : key_outcome(key, code);
}
