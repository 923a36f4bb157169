/* SPDX-License-Identifier: MIT */
/*
 * The one file of the agent that knows OpenSSL's X.509.
 *
 * A certificate is read once, into plain texts and numbers, when its card comes in; whoever shows
 * or compares it later needs no ASN.1. Only a whole, strict parse counts: OpenSSL must accept every
 * extension (EXFLAG_INVALID), both dates must be dates, and no byte may follow.
 *
 * What a key can do follows from the key alone, so an algorithm that the card's module claims for a
 * key of another kind, or for one that is too weak, is never chosen.
 *
 * Chains are checked against the administrator's issuers and nothing else: no default trust store,
 * no network, no purpose but the one decided in use_of().
 */
#include "agent/certificate.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECURITY_LEVEL = 2, /* OpenSSL: 112 bits */
    CHAIN_DEPTH_MAX = CARD_CERTIFICATES_MAX,
    TEXT_BYTES_MAX = 8 * CARD_CERTIFICATE_BYTES_MAX, /* a subject, every byte escaped, and more */
};

/* OpenSSL's release functions, for CLEANUP. */
#define RELEASE(name, type, function)                                                              \
    static void name(type **p)                                                                     \
    {                                                                                              \
        function(*p);                                                                              \
        *p = NULL;                                                                                 \
    }
RELEASE(bio_release, BIO, BIO_free_all)
RELEASE(crl_release, X509_CRL, X509_CRL_free)
RELEASE(pkey_context_release, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
RELEASE(signature_release, ECDSA_SIG, ECDSA_SIG_free)
RELEASE(store_context_release, X509_STORE_CTX, X509_STORE_CTX_free)
RELEASE(x509_release, X509, X509_free)
#undef RELEASE

static void stack_release(STACK_OF(X509) * *stack)
{
    sk_X509_free(*stack); /* the certificates in it are borrowed */
    *stack = NULL;
}

/* OPENSSL_free is a macro with arguments of its own. */
static void openssl_release(unsigned char **p)
{
    OPENSSL_free(*p);
    *p = NULL;
}

const char *certificate_use_name(enum certificate_use use)
{
    switch (use) {
    case CERTIFICATE_AUTHENTICATION:
        return "authentication";
    case CERTIFICATE_SIGNATURE:
        return "signature";
    case CERTIFICATE_AUTHORITY:
        return "authority";
    case CERTIFICATE_OTHER:
        break;
    }
    return "other";
}

/* ---- texts ---- */

/* How many bytes at s (well-formed UTF-8, not at its end) are one character that must not reach a
 * screen: a control character, one that changes the direction of the text around it (U+061C,
 * U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), or one that shows nothing (U+200B to U+200D,
 * U+2028, U+2029, U+2060 to U+2064, U+FEFF). 0: none. */
static size_t unfit(const unsigned char *s)
{
    if (s[0] < 0x20 || s[0] == 0x7f)
        return 1;
    if (s[0] == 0xc2 && s[1] < 0xa0)
        return 2;
    if (s[0] == 0xd8 && s[1] == 0x9c)
        return 2;
    if (s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf)
        return 3;
    if (s[0] != 0xe2)
        return 0;
    bool marks = s[1] == 0x80 && ((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae));
    bool joiners = s[1] == 0x81 && s[2] >= 0xa0 && s[2] <= 0xa9;
    return marks || joiners ? 3 : 0;
}

/* An owned copy that is fit to be shown; NULL: no UTF-8, a NUL inside, or no memory. */
static char *shown_text(const unsigned char *text, size_t len)
{
    if (len > TEXT_BYTES_MAX || memchr(text, '\0', len) || !utf8_valid(text, len))
        return NULL;
    char *copy = calloc(1, len + 1);
    size_t used = 0;
    for (size_t i = 0; copy && i < len;) {
        size_t skip = unfit(text + i);
        copy[used++] = skip ? '?' : (char)text[i];
        i += skip ? skip : 1;
    }
    return copy;
}

/* RFC 4514, without escaping what is not ASCII. */
static char *name_text(const X509_NAME *name)
{
    CLEANUP(bio_release) BIO *bio = BIO_new(BIO_s_mem());
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    if (!bio || X509_NAME_print_ex(bio, name, 0, flags) < 0)
        return NULL;
    char *text;
    long len = BIO_get_mem_data(bio, &text);
    return len < 0 ? NULL : shown_text((unsigned char *)text, (size_t)len);
}

/* The only attribute of that kind; NULL when there is none, or more than one. */
static char *attribute(const X509_NAME *name, int nid)
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0)
        return NULL;
    const ASN1_STRING *value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    CLEANUP(openssl_release) unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, value);
    return len <= 0 ? NULL : shown_text(utf8, (size_t)len);
}

/* Everything of the subject but its RFC 4514 form. 0 or -ENOMEM. */
static int read_holder(struct certificate *c, const X509_NAME *subject)
{
    CLEANUP(free_text) char *common = attribute(subject, NID_commonName);
    CLEANUP(free_text) char *organisation = attribute(subject, NID_organizationName);
    CLEANUP(free_text) char *given = attribute(subject, NID_givenName);
    CLEANUP(free_text) char *surname = attribute(subject, NID_surname);

    bool nhs = organisation && strcasecmp(organisation, "nhs") == 0;
    if (nhs && common && strlen(common) == CERTIFICATE_UID_MAX &&
        strspn(common, "0123456789") == CERTIFICATE_UID_MAX)
        memcpy(c->uid, common, CERTIFICATE_UID_MAX);

    if (given && surname) {
        if (asprintf(&c->name, "%s %s", given, surname) < 0)
            c->name = NULL;
    } else {
        c->name = strdup(common ? common : c->subject);
    }
    return c->name ? 0 : -ENOMEM;
}

static bool read_time(const ASN1_TIME *from, time_t *time, char text[CERTIFICATE_TIME_MAX + 1])
{
    struct tm tm;
    if (!from || ASN1_TIME_to_tm(from, &tm) != 1)
        return false;
    *time = timegm(&tm);
    return strftime(text, CERTIFICATE_TIME_MAX + 1, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0;
}

/* ---- what a certificate is for ---- */

static enum certificate_use use_of(X509 *x509)
{
    uint32_t flags = X509_get_extension_flags(x509);
    if (flags & EXFLAG_CA)
        return CERTIFICATE_AUTHORITY;
    if (!(flags & EXFLAG_KUSAGE)) /* the provider wants to see digitalSignature */
        return CERTIFICATE_OTHER;
    uint32_t usage = X509_get_key_usage(x509);
    if (usage & KU_NON_REPUDIATION)
        return CERTIFICATE_SIGNATURE;
    /* Without the extension OpenSSL answers with all bits set. */
    bool for_clients = !(flags & EXFLAG_XKUSAGE) ||
                       (X509_get_extended_key_usage(x509) & (XKU_SSL_CLIENT | XKU_ANYEKU));
    EXTENDED_KEY_USAGE *extended = X509_get_ext_d2i(x509, NID_ext_key_usage, NULL, NULL);
    for (int i = 0; i < sk_ASN1_OBJECT_num(extended); i++)
        if (OBJ_obj2nid(sk_ASN1_OBJECT_value(extended, i)) == NID_ms_smartcard_login)
            for_clients = true;
    EXTENDED_KEY_USAGE_free(extended);
    return (usage & KU_DIGITAL_SIGNATURE) && for_clients ? CERTIFICATE_AUTHENTICATION
                                                         : CERTIFICATE_OTHER;
}

static const struct {
    const char *group; /* as OpenSSL calls it */
    const char *name;
    unsigned algorithms;
} curves[] = {
    {"prime256v1", "P-256", CARD_ES256},
    {"secp384r1", "P-384", CARD_ES384},
    {"secp521r1", "P-521", 0},
};

static void read_key(struct certificate *c, const EVP_PKEY *key)
{
    snprintf(c->key, sizeof c->key, "other");
    char group[32];
    if (!key)
        return;
    if (EVP_PKEY_is_a(key, "RSA")) {
        int bits = EVP_PKEY_get_bits(key);
        snprintf(c->key, sizeof c->key, "RSA-%d", bits);
        if (bits >= CERTIFICATE_RSA_BITS_MIN && bits <= CARD_SIGNATURE_BYTES_MAX * 8)
            c->algorithms = CARD_RS256 | CARD_PS256;
    } else if (EVP_PKEY_is_a(key, "EC") &&
               EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1) {
        for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
            if (strcmp(curves[i].group, group) == 0) {
                snprintf(c->key, sizeof c->key, "%s", curves[i].name);
                c->algorithms = curves[i].algorithms;
            }
    }
}

enum { SECONDS_A_DAY = 86400 };

/* ---- one certificate ---- */

/* As tools show it: hexadecimal, whole bytes. */
static void read_serial(struct certificate *c, const X509 *x509)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
    const uint8_t *bytes = ASN1_STRING_get0_data(serial);
    int len = ASN1_STRING_length(serial);
    if (len > CERTIFICATE_SERIAL_MAX / 2 || ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
        return;
    for (int i = 0; i < len; i++)
        snprintf(c->serial + 2 * i, 3, "%02x", bytes[i]);
}

/* 0, -EBADMSG, -ENOMEM. */
static int read_certificate(struct certificate *c, X509 *x509)
{
    /* Fills the extension cache; an extension that cannot be parsed, or appears twice, shows. */
    if (X509_check_purpose(x509, -1, 0) != 1 ||
        (X509_get_extension_flags(x509) & (EXFLAG_INVALID | EXFLAG_INVALID_POLICY)))
        return -EBADMSG;
    if (!read_time(X509_get0_notBefore(x509), &c->not_before, c->not_before_text) ||
        !read_time(X509_get0_notAfter(x509), &c->not_after, c->not_after_text))
        return -EBADMSG;
    c->subject = name_text(X509_get_subject_name(x509));
    c->issuer = name_text(X509_get_issuer_name(x509));
    if (!c->subject || !c->issuer)
        return -EBADMSG;
    read_serial(c, x509);
    c->use = use_of(x509);
    read_key(c, X509_get0_pubkey(x509));
    return read_holder(c, X509_get_subject_name(x509));
}

int certificate_parse(const uint8_t *der, size_t len, struct certificate **out)
{
    if (len == 0 || len > CARD_CERTIFICATE_BYTES_MAX)
        return -EBADMSG;
    CLEANUP(certificate_free) struct certificate *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    const uint8_t *at = der;
    c->x509 = d2i_X509(NULL, &at, (long)len);
    int result = c->x509 && at == der + len ? read_certificate(c, c->x509) : -EBADMSG;
    ERR_clear_error();
    if (result == 0)
        result = bytes_set(&c->der, der, len);
    if (result < 0)
        return result;
    SHA256(der, len, c->hash);
    *out = STEAL(c);
    return 0;
}

long certificate_days_left(const struct certificate *certificate, time_t now)
{
    long long left = (long long)certificate->not_after - now;
    return (long)(left >= 0 ? left / SECONDS_A_DAY : -1 - (-left - 1) / SECONDS_A_DAY);
}

void certificate_free(struct certificate **certificate)
{
    struct certificate *c = *certificate;
    *certificate = NULL;
    if (!c)
        return;
    X509_free(c->x509);
    bytes_deinit(&c->der);
    free(c->subject);
    free(c->issuer);
    free(c->name);
    free(c);
}

/* ---- signatures ---- */

/* r and s as the ASN.1 that OpenSSL verifies (RFC 3279 §2.2.3). The length, 0 on failure. */
static size_t ec_signature_der(const uint8_t *signature, size_t len, unsigned char **der)
{
    CLEANUP(signature_release) ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, (int)(len / 2), NULL);
    BIGNUM *s = BN_bin2bn(signature + len / 2, (int)(len / 2), NULL);
    if (!pair || !r || !s || ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        return 0;
    }
    int der_len = i2d_ECDSA_SIG(pair, der);
    return der_len > 0 ? (size_t)der_len : 0;
}

static bool verify(EVP_PKEY *key, const EVP_MD *hash, bool pss, const uint8_t *digest,
                   size_t digest_len, const uint8_t *signature, size_t signature_len)
{
    CLEANUP(pkey_context_release) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    if (!context || EVP_PKEY_verify_init(context) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context, hash) != 1)
        return false;
    if (pss && (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) != 1 ||
                EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) != 1 ||
                EVP_PKEY_CTX_set_rsa_mgf1_md(context, hash) != 1))
        return false;
    return EVP_PKEY_verify(context, signature, signature_len, digest, digest_len) == 1;
}

bool certificate_verify(const struct certificate *certificate, enum card_algorithm algorithm,
                        const uint8_t *digest, size_t digest_len, const uint8_t *signature,
                        size_t signature_len)
{
    EVP_PKEY *key = X509_get0_pubkey(certificate->x509);
    if (!key || !(certificate->algorithms & algorithm) || !card_algorithm_name(algorithm) ||
        digest_len != card_algorithm_digest_bytes(algorithm) || signature_len == 0)
        return false;

    bool ec = algorithm == CARD_ES256 || algorithm == CARD_ES384;
    CLEANUP(openssl_release) unsigned char *der = NULL;
    if (ec) {
        if (signature_len != 2 * digest_len) /* P-256 and P-384: as long as their hash */
            return false;
        signature_len = ec_signature_der(signature, signature_len, &der);
        signature = der;
        if (signature_len == 0)
            return false;
    }
    const EVP_MD *hash = algorithm == CARD_ES384 ? EVP_sha384() : EVP_sha256();
    bool good =
        verify(key, hash, algorithm == CARD_PS256, digest, digest_len, signature, signature_len);
    ERR_clear_error();
    return good;
}

/* ---- one card's certificates ---- */

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

/* ---- issuers ---- */

struct issuers {
    X509_STORE *store; /* NULL: any authority will do */
    bool has_lists;    /* of revocation */
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
    if (*issuers)
        X509_STORE_free((*issuers)->store);
    free(*issuers);
    *issuers = NULL;
}

/* That a reader of PEM has stopped at the end of the text, and at nothing else. */
static bool pem_ended(void)
{
    bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return ended;
}

int issuers_parse(const void *pem, size_t len, struct issuers **out)
{
    CLEANUP(issuers_free) struct issuers *issuers = calloc(1, sizeof *issuers);
    CLEANUP(bio_release) BIO *bio = BIO_new_mem_buf(pem, len <= INT_MAX ? (int)len : 0);
    if (!issuers || !bio || !(issuers->store = X509_STORE_new()))
        return log_fault(ENOMEM, "issuers");
    size_t count = 0;
    for (;;) {
        CLEANUP(x509_release) X509 *authority = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!authority)
            break;
        if (X509_STORE_add_cert(issuers->store, authority) != 1)
            return log_fault(ENOMEM, "issuers");
        count++;
    }
    bool at_end = pem_ended();
    if (count == 0 || !at_end)
        return log_fault(EBADMSG, count ? "issuers: a certificate cannot be parsed"
                                        : "issuers: no certificate in the file");
    *out = STEAL(issuers);
    return 0;
}

int issuers_add_lists(struct issuers *issuers, const void *pem, size_t len, time_t now, size_t *old)
{
    CLEANUP(bio_release) BIO *bio = BIO_new_mem_buf(pem, len <= INT_MAX ? (int)len : 0);
    if (!bio || !issuers->store)
        return log_fault(bio ? EINVAL : ENOMEM, "revocation lists");
    size_t count = 0, outdated = 0;
    for (;;) {
        CLEANUP(crl_release) X509_CRL *list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (!list)
            break;
        const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
        outdated += next && X509_cmp_time(next, &now) < 0;
        if (X509_STORE_add_crl(issuers->store, list) != 1)
            return log_fault(ENOMEM, "revocation lists");
        count++;
    }
    bool at_end = pem_ended();
    if (count == 0 || !at_end)
        return log_fault(EBADMSG, count ? "revocation lists: one cannot be parsed"
                                        : "revocation lists: none in the file");
    issuers->has_lists = true;
    if (old)
        *old = outdated;
    return 0;
}

/* What is no reason to say no here: the certificate's own dates, which have outcomes of their own
 * (those of its authorities count), and a list that is missing or old, since the provider looks,
 * too. */
static int ignore_what_others_say(int ok, X509_STORE_CTX *context)
{
    if (ok || X509_STORE_CTX_get_error_depth(context) != 0)
        return ok;
    switch (X509_STORE_CTX_get_error(context)) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
        return 1;
    default:
        return 0;
    }
}

/* OUTCOME_OK, ISSUER_UNKNOWN or CERTIFICATE_REVOKED. */
static int judge_chain(const struct certificate_set *set, const struct certificate *certificate,
                       const struct issuers *issuers, time_t now)
{
    CLEANUP(stack_release) STACK_OF(X509) *authorities = sk_X509_new_null();
    CLEANUP(store_context_release) X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (!authorities || !context)
        return OUTCOME_ISSUER_UNKNOWN;
    for (size_t i = 0; i < set->count; i++)
        if (set->at[i] && set->at[i]->use == CERTIFICATE_AUTHORITY &&
            sk_X509_push(authorities, set->at[i]->x509) <= 0)
            return OUTCOME_ISSUER_UNKNOWN;
    if (X509_STORE_CTX_init(context, issuers->store, certificate->x509, authorities) != 1)
        return OUTCOME_ISSUER_UNKNOWN;
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN |
                                           (issuers->has_lists ? X509_V_FLAG_CRL_CHECK : 0));
    X509_VERIFY_PARAM_set_depth(rules, CHAIN_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_time(rules, now);
    X509_STORE_CTX_set_verify_cb(context, ignore_what_others_say);
    bool good = X509_verify_cert(context) == 1;
    int error = X509_STORE_CTX_get_error(context);
    ERR_clear_error();
    return good                               ? OUTCOME_OK
           : error == X509_V_ERR_CERT_REVOKED ? OUTCOME_CERTIFICATE_REVOKED
                                              : OUTCOME_ISSUER_UNKNOWN;
}

/* ---- the choice ---- */

/* How good the algorithm is that certificate i would sign with: its place among the accepted ones;
 * accepted_count: none. */
static size_t preference(const struct certificate_set *set, size_t i, const uint8_t *accepted,
                         size_t accepted_count)
{
    unsigned able = set->at[i]->algorithms & set->key_algorithms[i];
    size_t place = 0;
    while (place < accepted_count && !(able & accepted[place]))
        place++;
    return place;
}

/* The order in which problem_of looks; a later one came nearer to signing in. */
static int nearness(int problem)
{
    static const int order[] = {OUTCOME_NO_CERTIFICATE,
                                OUTCOME_KEY_UNSUITABLE,
                                OUTCOME_ISSUER_UNKNOWN,
                                OUTCOME_CERTIFICATE_REVOKED,
                                OUTCOME_CERTIFICATE_NOT_YET_VALID,
                                OUTCOME_CERTIFICATE_EXPIRED};
    int place = 0;
    while (place < (int)(sizeof order / sizeof *order) && order[place] != problem)
        place++;
    return place;
}

static int problem_of(const struct certificate_set *set, size_t i, const struct issuers *issuers,
                      time_t now, size_t place, size_t accepted_count)
{
    const struct certificate *c = set->at[i];
    if (c->use != CERTIFICATE_AUTHENTICATION)
        return OUTCOME_NO_CERTIFICATE;
    if (place == accepted_count)
        return OUTCOME_KEY_UNSUITABLE;
    int chain = issuers && issuers->store ? judge_chain(set, c, issuers, now) : OUTCOME_OK;
    if (chain != OUTCOME_OK)
        return chain;
    if (now < c->not_before)
        return OUTCOME_CERTIFICATE_NOT_YET_VALID;
    if (now > c->not_after)
        return OUTCOME_CERTIFICATE_EXPIRED;
    return OUTCOME_OK;
}

/* Of two that qualify, whether a comes before b, which stands earlier on the card. */
static bool better(const struct certificate *a, size_t a_place, const struct certificate *b,
                   size_t b_place)
{
    if (a->not_before != b->not_before)
        return a->not_before > b->not_before;
    if (a->not_after != b->not_after)
        return a->not_after > b->not_after;
    return a_place < b_place;
}

void certificate_choose(const struct certificate_set *set, const struct issuers *issuers,
                        time_t now, const uint8_t *accepted, size_t accepted_count,
                        struct certificate_choice *choice)
{
    *choice = (struct certificate_choice){.result = OUTCOME_NO_CERTIFICATE};
    size_t best_place = 0;
    for (size_t i = 0; i < set->count; i++) {
        choice->problems[i] = OUTCOME_NO_CERTIFICATE;
        if (!set->at[i])
            continue;
        size_t place = preference(set, i, accepted, accepted_count);
        int problem = problem_of(set, i, issuers, now, place, accepted_count);
        choice->problems[i] = problem;
        if (problem == OUTCOME_OK &&
            (choice->result != OUTCOME_OK ||
             better(set->at[i], place, set->at[choice->index], best_place))) {
            choice->result = OUTCOME_OK;
            choice->index = i;
            choice->algorithm = accepted[place];
            best_place = place;
        } else if (problem != OUTCOME_OK && choice->result != OUTCOME_OK &&
                   nearness(problem) > nearness(choice->result)) {
            choice->result = problem;
        }
    }
}
