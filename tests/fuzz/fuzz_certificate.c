/* SPDX-License-Identifier: MIT */
/*
 * A hostile card's certificates, from the DER to the choice, its chain and a verified signature.
 * The input is one byte of key algorithms and then fields (a 16-bit length and as many bytes), each
 * a certificate; what is left over are the issuers and the signature.
 */
#include "agent/certificate.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1800000000 };

static void deal(struct reader *r, struct card_token *card)
{
    uint8_t algorithms = read_u8(r) & CARD_ALGORITHMS;
    while (card->certificate_count < CARD_CERTIFICATES_MAX) {
        struct reader ahead = *r;
        size_t len;
        const uint8_t *der = read_field(&ahead, CARD_CERTIFICATE_BYTES_MAX, &len);
        if (ahead.failed)
            return;
        struct card_certificate *to = &card->certificates[card->certificate_count];
        if (bytes_set(&to->der, der, len) < 0)
            return;
        to->algorithms = algorithms;
        card->certificate_count++;
        *r = ahead;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t accepted[] = {CARD_ES256, CARD_ES384, CARD_PS256, CARD_RS256};
    CLEANUP(card_token_deinit) struct card_token card = {0};
    CLEANUP(certificate_set_deinit) struct certificate_set set = {0};
    CLEANUP(issuers_free) struct issuers *issuers = NULL;
    struct reader r = READER(data, size);
    deal(&r, &card);
    if (certificate_set_parse(&card, &set) < 0)
        return 0;
    issuers_parse(r.data, r.left, &issuers);

    struct certificate_choice choice;
    certificate_choose(&set, issuers, NOW, accepted, sizeof accepted, &choice);
    if (choice.result != OUTCOME_OK)
        return 0;
    const struct certificate *chosen = set.at[choice.index];
    if (chosen->use != CERTIFICATE_AUTHENTICATION || choice.problems[choice.index] != OUTCOME_OK)
        abort();
    size_t order[CARD_CERTIFICATES_MAX];
    size_t len = certificate_set_chain(&set, choice.index, order);
    if (len == 0 || order[0] != choice.index)
        abort();
    static const uint8_t digest[CARD_DIGEST_BYTES_MAX];
    certificate_verify(chosen, choice.algorithm, digest,
                       card_algorithm_digest_bytes(choice.algorithm), r.data, r.left);
    return 0;
}
