/* SPDX-License-Identifier: MIT */
/*
 * What the certificates' own files share: certificate.c (what one says), certificate_signature.c
 * (whose a signature is), certificate_set.c (one card's), certificate_issuers.c (the authorities
 * that count), certificate_choice.c (which one signs in). For them only; they are the only files of
 * the agent that know OpenSSL's X.509.
 */
#pragma once

#include "agent/certificate.h"

/* One of OpenSSL's release functions, for CLEANUP. */
#define RELEASE(name, type, function)                                                              \
    static void name(type **p)                                                                     \
    {                                                                                              \
        function(*p);                                                                              \
        *p = NULL;                                                                                 \
    }

/* Whether a chain leads from the certificate over the set's authorities to one of the issuers:
 * OUTCOME_OK, also where any authority will do; ISSUER_UNKNOWN; CERTIFICATE_REVOKED. */
int issuers_judge(const struct issuers *issuers, const struct certificate_set *set,
                  const struct certificate *certificate, time_t now);
