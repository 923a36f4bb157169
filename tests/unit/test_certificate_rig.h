/* SPDX-License-Identifier: MIT */
/* Certificates made while a test runs, from a recipe of a few words. */
#pragma once

#include "agent/certificate.h"
#include "ipc/card_message.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <time.h>

/* What is NULL or 0 has the default in brackets. */
struct recipe {
    const char *key;      /* a kind and any name behind it: "RSA-2048", "P-256 root" ["P-256"];
                             the same text is the same key */
    const char *subject;  /* "O=nhs/OU=people/CN=555" ["CN=test"] */
    const char *usage;    /* as OpenSSL's configuration has it; "" leaves it out
                             ["critical,digitalSignature"; of an authority keyCertSign] */
    const char *extended; /* [left out] */
    bool authority;
    bool sha1;       /* signed with it [SHA-256] */
    time_t from, to; /* seconds since the epoch [a year on each side of RIG_NOW] */
};

enum {
    RIG_NOW = 1800000000, /* 2027-01-15T08:00:00Z: no test reads a clock */
    RIG_YEAR = 365 * 86400,
};

struct made {
    X509 *x509;
    EVP_PKEY *key; /* borrowed from the rig */
};

/* Signed by issuer; NULL: by itself. Released by rig_release. */
struct made rig_make(const struct recipe *recipe, const struct made *issuer);
/* Appends it to the card, with the algorithms its key can make (algorithms 0: none beside it). */
void rig_add(struct card_token *card, const struct made *made, uint8_t algorithms);
/* Signs a digest as a card does: EC as r and s of fixed length. The length. */
size_t rig_sign(const struct made *made, enum card_algorithm algorithm, const uint8_t *digest,
                uint8_t signature[CARD_SIGNATURE_BYTES_MAX]);
/* Those who trust that authority alone, as read from a file that holds it; owned. */
struct issuers *rig_issuers(const struct made *authority);
/* Releases every key and certificate made. */
void rig_release(void);
