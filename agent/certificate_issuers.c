/* SPDX-License-Identifier: MIT */
/*
 * The authorities whose cards may sign in, with their revocation lists. Chains are checked against
 * them and nothing else: no default trust store, no network, no purpose but the one that
 * certificate.c has decided.
 *
 * Lists are fetched by plain HTTP, and OpenSSL takes one list for each name, whoever has signed it:
 * a forged one would hide the issuer's own, or refuse every card. So the chain is built first, and
 * then looked at again with the lists that an authority in it has signed.
 */
#include "agent/certificate_inside.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

enum {
    SECURITY_LEVEL = 2, /* OpenSSL: 112 bits */
    CHAIN_DEPTH_MAX = CARD_CERTIFICATES_MAX,
};

RELEASE(bio_release, BIO, BIO_free_all)
RELEASE(crl_release, X509_CRL, X509_CRL_free)
RELEASE(store_context_release, X509_STORE_CTX, X509_STORE_CTX_free)
RELEASE(x509_release, X509, X509_free)

static void stack_release(STACK_OF(X509) * *stack)
{
    sk_X509_free(*stack); /* the certificates in it are borrowed */
    *stack = NULL;
}

static void lists_release(STACK_OF(X509_CRL) * *lists)
{
    sk_X509_CRL_free(*lists); /* likewise */
    *lists = NULL;
}

struct issuers {
    X509_STORE *store;          /* NULL: any authority will do */
    STACK_OF(X509_CRL) * lists; /* of revocation, as they were read; NULL: none */
};

struct issuers *issuers_any(void)
{
    return calloc(1, sizeof(struct issuers));
}

void issuers_swap(struct issuers *one, struct issuers *other)
{
    struct issuers kept = *one;
    *one = *other;
    *other = kept;
}

void issuers_free(struct issuers **issuers)
{
    if (*issuers) {
        X509_STORE_free((*issuers)->store);
        sk_X509_CRL_pop_free((*issuers)->lists, X509_CRL_free);
    }
    free(*issuers);
    *issuers = NULL;
}

/* Of a reader of PEM that has read so many: 0 if it has stopped at the end of the text. */
static int pem_ended(size_t count)
{
    bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return !ended ? -EBADMSG : count == 0 ? -ENODATA : 0;
}

int issuers_parse(const void *pem, size_t len, struct issuers **out)
{
    CLEANUP(issuers_free) struct issuers *issuers = calloc(1, sizeof *issuers);
    CLEANUP(bio_release) BIO *bio = BIO_new_mem_buf(pem, len <= INT_MAX ? (int)len : 0);
    if (!issuers || !bio || !(issuers->store = X509_STORE_new()))
        return -ENOMEM;
    size_t count = 0;
    for (;;) {
        CLEANUP(x509_release) X509 *authority = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!authority)
            break;
        if (X509_STORE_add_cert(issuers->store, authority) != 1)
            return -ENOMEM;
        count++;
    }
    int r = pem_ended(count);
    if (r == 0)
        *out = STEAL(issuers);
    return r;
}

int issuers_add_lists(struct issuers *issuers, const void *pem, size_t len, time_t now, size_t *old)
{
    CLEANUP(bio_release) BIO *bio = BIO_new_mem_buf(pem, len <= INT_MAX ? (int)len : 0);
    if (!issuers->lists)
        issuers->lists = sk_X509_CRL_new_null();
    if (!bio || !issuers->store || !issuers->lists)
        return issuers->store ? -ENOMEM : -EINVAL;
    size_t count = 0, outdated = 0;
    for (;;) {
        CLEANUP(crl_release) X509_CRL *list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (!list)
            break;
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
        outdated += next && X509_cmp_time(next, &now) < 0;
        if (sk_X509_CRL_push(issuers->lists, list) <= 0)
            return -ENOMEM;
        list = NULL;
        count++;
    }
    if (old)
        *old = outdated;
    return pem_ended(count);
}

/* What is no reason to say no here: the certificate's own dates, which have outcomes of their own
 * (those of its authorities count), and a list that is missing or old, since the provider looks,
 * too. */
static int ignore_what_others_say(int ok, X509_STORE_CTX *context)
{
    if (ok)
        return ok;
    switch (X509_STORE_CTX_get_error(context)) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return X509_STORE_CTX_get_error_depth(context) == 0;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
        return 1;
    default:
        return 0;
    }
}

/* The authorities on the card. Owned, what is in it borrowed; NULL on no memory. */
static STACK_OF(X509) * authorities_of(const struct certificate_set *set)
{
    CLEANUP(stack_release) STACK_OF(X509) *authorities = sk_X509_new_null();
    for (size_t i = 0; authorities && i < set->count; i++)
        if (set->at[i] && set->at[i]->use == CERTIFICATE_AUTHORITY &&
            sk_X509_push(authorities, set->at[i]->x509) <= 0)
            return NULL;
    return STEAL(authorities);
}

/* The list is by one of the chain, and not only in its name. */
static bool is_of_chain(X509_CRL *list, const STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *authority = sk_X509_value(chain, i);
        if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(authority)) != 0)
            continue;
        bool signed_by_it = X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1;
        ERR_clear_error();
        if (signed_by_it)
            return true;
        log_warning("revocation lists: one is not by the issuer that it names, and does not count");
    }
    return false;
}

/* Owned, what is in it borrowed; NULL on no memory. */
static STACK_OF(X509_CRL) *
    lists_of_chain(const struct issuers *issuers, const STACK_OF(X509) * chain)
{
    CLEANUP(lists_release) STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    for (int i = 0; lists && i < sk_X509_CRL_num(issuers->lists); i++) {
        X509_CRL *list = sk_X509_CRL_value(issuers->lists, i);
        if (is_of_chain(list, chain) && sk_X509_CRL_push(lists, list) <= 0)
            return NULL;
    }
    return STEAL(lists);
}

/* What is passed in is borrowed by the context. False on fault. */
static bool prepare(X509_STORE_CTX *context, const struct issuers *issuers, X509 *certificate,
                    STACK_OF(X509) * authorities, STACK_OF(X509_CRL) * lists, time_t now)
{
    X509_STORE_CTX_cleanup(context);
    if (X509_STORE_CTX_init(context, issuers->store, certificate, authorities) != 1)
        return false;
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(
        rules, X509_V_FLAG_PARTIAL_CHAIN |
                   (lists ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0));
    X509_VERIFY_PARAM_set_depth(rules, CHAIN_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_time(rules, now);
    X509_STORE_CTX_set_verify_cb(context, ignore_what_others_say);
    X509_STORE_CTX_set0_crls(context, lists);
    return true;
}

/* X509_V_OK, or what is wrong with the chain. */
static int verify(X509_STORE_CTX *context)
{
    bool good = X509_verify_cert(context) == 1;
    int error = X509_STORE_CTX_get_error(context);
    ERR_clear_error();
    return good ? X509_V_OK : error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
}

int issuers_judge(const struct issuers *issuers, const struct certificate_set *set,
                  const struct certificate *certificate, time_t now)
{
    if (!issuers || !issuers->store)
        return OUTCOME_OK;
    CLEANUP(stack_release) STACK_OF(X509) *authorities = authorities_of(set);
    CLEANUP(lists_release) STACK_OF(X509_CRL) *lists = NULL;
    CLEANUP(store_context_release) X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (!authorities || !context ||
        !prepare(context, issuers, certificate->x509, authorities, NULL, now) ||
        verify(context) != X509_V_OK)
        return OUTCOME_ISSUER_UNKNOWN;
    if (!issuers->lists)
        return OUTCOME_OK;
    lists = lists_of_chain(issuers, X509_STORE_CTX_get0_chain(context));
    if (!lists || !prepare(context, issuers, certificate->x509, authorities, lists, now))
        return OUTCOME_ISSUER_UNKNOWN;
    switch (verify(context)) {
    case X509_V_OK:
        return OUTCOME_OK;
    case X509_V_ERR_CERT_REVOKED:
        return OUTCOME_CERTIFICATE_REVOKED;
    default:
        return OUTCOME_ISSUER_UNKNOWN;
    }
}
