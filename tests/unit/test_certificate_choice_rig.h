/* SPDX-License-Identifier: MIT */
/* Authorities, and the choice between the certificates that a card holds by them. */
#pragma once

#include "agent/certificate.h"
#include "tests/unit/test_certificate_rig.h"

/* Two roots; of the first one an authority whose time is over, and one that lives. */
extern struct made trusted, stranger, expired, sub;

/* For a group of tests, as its setup and teardown. */
int make_authorities(void **state);
int release_authorities(void **state);

/* The choice at RIG_NOW, by a provider that accepts these algorithms, best first. */
struct certificate_choice choose_by(const struct card_token *card, const struct issuers *issuers,
                                    const uint8_t *accepted, size_t count);
/* By one that accepts all: ES256, ES384, PS256, RS256. */
struct certificate_choice choose(const struct card_token *card, const struct issuers *issuers);
