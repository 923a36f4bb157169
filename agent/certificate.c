/* SPDX-License-Identifier: MIT */
/*
 * What one certificate says. It is read once, into plain texts and numbers, when its card comes in;
 * whoever shows or compares it later needs no ASN.1. Only a whole, strict parse counts: OpenSSL
 * must accept every extension (EXFLAG_INVALID), both dates must be dates, and no byte may follow.
 *
 * What a key can do follows from the key alone, so an algorithm that the card's module claims for a
 * key of another kind, or for one that is too weak, is never chosen.
 */
#include "agent/certificate_inside.h"

#include "ipc/base/cleanup.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_BYTES_MAX = 8 * CARD_CERTIFICATE_BYTES_MAX, /* a subject, every byte escaped, and more */
    SECONDS_A_DAY = 86400,
};

RELEASE(bio_release, BIO, BIO_free_all)
RELEASE(text_release, unsigned char, OPENSSL_free)

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
    CLEANUP(text_release) unsigned char *utf8 = NULL;
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
