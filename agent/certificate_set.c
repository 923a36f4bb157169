/* SPDX-License-Identifier: MIT */
/*
 * One card's certificates beside each other: whose the card is, which of them has issued which, and
 * which others the same holder has. Nothing here depends on what an administrator trusts.
 */
#include "agent/certificate_inside.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

int certificate_set_parse(const struct card_token *card, struct certificate_set *set)
{
    certificate_set_deinit(set);
    for (size_t i = 0; i < card->certificate_count && i < CARD_CERTIFICATES_MAX; i++) {
        const struct card_certificate *from = &card->certificates[i];
        int r = certificate_parse(from->der.data, from->der.len, &set->at[i]);
        if (r == -ENOMEM) {
            certificate_set_deinit(set);
            return r;
        }
        set->key_algorithms[i] = from->algorithms;
        set->count = i + 1;
    }
    return 0;
}

void certificate_set_deinit(struct certificate_set *set)
{
    for (size_t i = 0; i < CARD_CERTIFICATES_MAX; i++)
        certificate_free(&set->at[i]);
    *set = (struct certificate_set){0};
}

static bool issued(const struct certificate *authority, const struct certificate *subject)
{
    EVP_PKEY *key = X509_get0_pubkey(authority->x509);
    return authority->use == CERTIFICATE_AUTHORITY && key &&
           X509_check_issued(authority->x509, subject->x509) == X509_V_OK &&
           X509_verify(subject->x509, key) == 1;
}

const struct certificate *certificate_set_holder(const struct certificate_set *set)
{
    const struct certificate *holder = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const struct certificate *c = set->at[i];
        bool signs_in = c && c->use == CERTIFICATE_AUTHENTICATION;
        bool better = !holder || (signs_in && (holder->use != CERTIFICATE_AUTHENTICATION ||
                                               c->not_after > holder->not_after));
        if (c && better)
            holder = c;
    }
    return holder;
}

size_t certificate_set_chain(const struct certificate_set *set, size_t index,
                             size_t order[CARD_CERTIFICATES_MAX])
{
    size_t len = 0;
    bool used[CARD_CERTIFICATES_MAX] = {false};
    for (size_t at = index, next; at < set->count && set->at[at]; at = next) {
        order[len++] = at;
        used[at] = true;
        for (next = 0; next < set->count; next++)
            if (!used[next] && set->at[next] && issued(set->at[next], set->at[at]))
                break;
    }
    ERR_clear_error();
    return len;
}

size_t certificate_set_intermediates(const struct certificate_set *set, size_t index,
                                     size_t order[CARD_CERTIFICATES_MAX])
{
    size_t chain[CARD_CERTIFICATES_MAX];
    size_t chain_len = certificate_set_chain(set, index, chain), len = 0;
    for (size_t i = 1; i < chain_len; i++)
        if (!(X509_get_extension_flags(set->at[chain[i]]->x509) & EXFLAG_SI))
            order[len++] = chain[i];
    return len;
}

static bool same_holder_and_issuer(const struct certificate *a, const struct certificate *b)
{
    const ASN1_OCTET_STRING *a_issuer = X509_get0_authority_key_id(a->x509);
    const ASN1_OCTET_STRING *b_issuer = X509_get0_authority_key_id(b->x509);
    return a_issuer && b_issuer && ASN1_OCTET_STRING_cmp(a_issuer, b_issuer) == 0 &&
           X509_NAME_cmp(X509_get_issuer_name(a->x509), X509_get_issuer_name(b->x509)) == 0 &&
           X509_NAME_cmp(X509_get_subject_name(a->x509), X509_get_subject_name(b->x509)) == 0;
}

size_t certificate_set_signatures(const struct certificate_set *set, size_t index, time_t now,
                                  size_t order[CARD_CERTIFICATES_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct certificate *c = set->at[i];
        if (c && c->use == CERTIFICATE_SIGNATURE && (c->algorithms & set->key_algorithms[i]) &&
            now >= c->not_before && now <= c->not_after &&
            same_holder_and_issuer(c, set->at[index]))
            order[len++] = i;
    }
    return len;
}
