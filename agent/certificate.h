/* SPDX-License-Identifier: MIT */
/*
 * X.509 certificates as a card holds them (RFC 5280): what they say, which of a card's certificates
 * signs its holder in, and whether a signature is that certificate's.
 *
 * DER from a card is hostile: what cannot be parsed strictly, to its last byte, is no certificate.
 * The choice made here spares people a useless PIN prompt; it admits nobody. The provider verifies
 * the chain, and revocation above all. Any thread, one at a time; nothing blocks.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/card_message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    CERTIFICATE_HASH_BYTES = 32,
    CERTIFICATE_TIME_MAX = 20,       /* "2026-11-22T15:14:37Z" */
    CERTIFICATE_KEY_MAX = 15,        /* "RSA-2048" */
    CERTIFICATE_SERIAL_MAX = 40,     /* twenty octets in hexadecimal (RFC 5280 §4.1.2.2) */
    CERTIFICATE_UID_MAX = 12,        /* an NHS user's identifier: twelve digits */
    CERTIFICATE_RSA_BITS_MIN = 2048, /* NIST SP 800-131A: less is not acceptable */
};

enum certificate_use {
    CERTIFICATE_AUTHENTICATION, /* digitalSignature without contentCommitment, and no extended usage
                                   or one for clients (clientAuth, smartcardLogon, any) */
    CERTIFICATE_SIGNATURE,      /* contentCommitment: signs documents, never a sign-in */
    CERTIFICATE_AUTHORITY,      /* basicConstraints cA */
    CERTIFICATE_OTHER,
};

/* "authentication" and so on, as in card.list. Static. */
const char *certificate_use_name(enum certificate_use use);

/* Owned; made by certificate_parse. Texts are UTF-8 without control or direction-changing
 * characters ('?' in their place), ready to be shown. */
struct certificate {
    enum certificate_use use;
    char *subject, *issuer; /* RFC 4514 */
    char *name;             /* whom to greet: given name and surname, else CN, else the
                               subject */
    char
        uid[CERTIFICATE_UID_MAX + 1]; /* the CN of an NHS subject (O=nhs, twelve digits); else "" */
    char serial[CERTIFICATE_SERIAL_MAX + 1]; /* hexadecimal; "" where it is longer */
    time_t not_before, not_after;
    char not_before_text[CERTIFICATE_TIME_MAX + 1]; /* RFC 3339, UTC */
    char not_after_text[CERTIFICATE_TIME_MAX + 1];
    char key[CERTIFICATE_KEY_MAX + 1];    /* "RSA-2048", "P-256", "P-384"; "other" */
    unsigned algorithms;                  /* set of enum card_algorithm that such a key can make; 0:
                                             none, or too weak */
    uint8_t hash[CERTIFICATE_HASH_BYTES]; /* SHA-256 of the DER */
    struct bytes der;
    void *x509; /* private to certificate*.c */
};

/* Parses into *out, owned. 0; -EBADMSG: not a certificate, or with bytes behind it (not logged: a
 * card may hold anything); -ENOMEM. */
int certificate_parse(const uint8_t *der, size_t len, struct certificate **out);
/* Whole days from now until it expires; negative once it has. */
long certificate_days_left(const struct certificate *certificate, time_t now);
/* Takes NULL. */
void certificate_free(struct certificate **certificate);

/* True only if signature is this certificate's key's over the digest, under that algorithm: PS256
 * with a salt of 32 bytes, EC as r and s of fixed length (RFC 7518 §3.4, §3.5). Everything else, an
 * algorithm that the key cannot make included, is false. */
bool certificate_verify(const struct certificate *certificate, enum card_algorithm algorithm,
                        const uint8_t *digest, size_t digest_len, const uint8_t *signature,
                        size_t signature_len);

/* ---- one card's certificates ---- */

/* Parsed once, when the card comes in; index i is that of the card's own list. Owned. */
struct certificate_set {
    size_t count;
    struct certificate *at[CARD_CERTIFICATES_MAX]; /* NULL: could not be parsed */
    uint8_t key_algorithms[CARD_CERTIFICATES_MAX]; /* what the card says its key can make */
};

/* Replaces *set (initialised, zero). What cannot be parsed is NULL in its place. 0 or -ENOMEM. */
int certificate_set_parse(const struct card_token *card, struct certificate_set *set);
void certificate_set_deinit(struct certificate_set *set);

/* ---- the authorities whose cards may sign in ---- */

struct issuers;

/* Reads a PEM file's text: one or more certificates, comments between them. An authority listed
 * here is a trust anchor, self-signed or not. 0; -ENODATA: none; -EBADMSG: one that cannot be
 * parsed; -ENOMEM. */
int issuers_parse(const void *pem, size_t len, struct issuers **out);
/* Adds a PEM file's revocation lists (RFC 5280 §5): whose certificate an issuer's own list names
 * does not sign in, nor does who has one from an authority that is named so. A list that the issuer
 * has not signed does not count (logged). One that has grown old still counts for whom it names;
 * *old (may be NULL) is how many have, at that time. 0; -ENODATA: none; -EBADMSG: one that cannot
 * be parsed; -EINVAL: no issuers; -ENOMEM. */
int issuers_add_lists(struct issuers *issuers, const void *pem, size_t len, time_t now,
                      size_t *old);
/* One that lists nobody yet: any authority will do. NULL on no memory. */
struct issuers *issuers_any(void);
/* Exchanges what two of them list, for whoever holds on to one. */
void issuers_swap(struct issuers *one, struct issuers *other);
void issuers_free(struct issuers **issuers);

/* ---- the choice ---- */

struct certificate_choice {
    int result;   /* OUTCOME_OK, or why there is none: the problem of the one that came nearest,
                     in the order of the list below */
    size_t index; /* of the chosen one, when OK */
    uint8_t algorithm; /* enum card_algorithm: the first accepted one that its key can make */
    /* For every certificate what keeps it from signing in: 0, or, first that applies,
     * NO_CERTIFICATE (not for authentication, or cannot be parsed), KEY_UNSUITABLE (no private key
     * on the card, RSA under 2,048 bits, no accepted algorithm), ISSUER_UNKNOWN,
     * CERTIFICATE_REVOKED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED. */
    int problems[CARD_CERTIFICATES_MAX];
};

/* Chooses the certificate that signs in. issuers NULL, or issuers_any: any. accepted: the
 * provider's algorithms (enum card_algorithm), best first. now: seconds since the epoch; not_before
 * <= now <= not_after (RFC 5280 §4.1.2.5).
 *
 * A chain to the issuers is built from the card's own authorities; their signatures and validity
 * count, at OpenSSL's security level 2: no SHA-1, no RSA under 2,048 bits. With revocation lists
 * the certificate and its authorities are looked for in their issuers'; where an issuer has none,
 * that is no obstacle.
 *
 * Of several that qualify: the latest not_before, then the latest not_after, then the one whose
 * algorithm the provider prefers, then the first on the card. */
void certificate_choose(const struct certificate_set *set, const struct issuers *issuers,
                        time_t now, const uint8_t *accepted, size_t accepted_count,
                        struct certificate_choice *choice);

/* Whose the card is, by the certificate for signing in that lasts longest; without one by the first
 * that there is. NULL: none can be parsed. */
const struct certificate *certificate_set_holder(const struct certificate_set *set);

/* The chain of one certificate, as far as the card holds it: order[0] is index, then its issuer's
 * and so on. Returns how many. */
size_t certificate_set_chain(const struct certificate_set *set, size_t index,
                             size_t order[CARD_CERTIFICATES_MAX]);

/* The same chain without its first, and without a root, which issued itself: what helps a provider
 * to find its own trust anchor. Returns how many. */
size_t certificate_set_intermediates(const struct certificate_set *set, size_t index,
                                     size_t order[CARD_CERTIFICATES_MAX]);

/* The certificates with which the holder of that one signs documents: for signature, valid now, of
 * the same subject and issuer (name and key identifier, RFC 5280 §4.2.1.1), their key on the card
 * and strong enough. Returns how many. */
size_t certificate_set_signatures(const struct certificate_set *set, size_t index, time_t now,
                                  size_t order[CARD_CERTIFICATES_MAX]);
