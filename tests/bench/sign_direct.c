/* SPDX-License-Identifier: MIT */
/*
 * sign_direct MODULE PIN COUNT [READER]: signs COUNT times through a PKCS#11 module without the
 * agent, and prints the microseconds of each on a line of its own: what the agent's path is to be
 * measured against. READER is the beginning of a slot's description; without it the first slot with
 * a certificate is used.
 *
 * It takes the steps that lanyard-card takes for a request, because it calls the same function;
 * only the processes and messages between page and card are missing.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/card_message.h"
#include "pkcs11/certificate.h"
#include "pkcs11/module.h"
#include "pkcs11/sign.h"
#include "pkcs11/slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The first certificate that can sign, in a reader of that name. */
static const struct card_certificate *choose(const struct card_reply *list, const char *reader,
                                             const struct card_token **token)
{
    for (size_t i = 0; i < list->token_count; i++) {
        *token = &list->tokens[i];
        if (strncmp((*token)->reader, reader, strlen(reader)) != 0)
            continue;
        for (size_t k = 0; k < (*token)->certificate_count; k++)
            if ((*token)->certificates[k].algorithms)
                return &(*token)->certificates[k];
    }
    return NULL;
}

/* The first algorithm of the set: a digest of zeros is as good as any other. */
static void fill(struct card_sign_request *request, const struct card_token *token,
                 const struct card_certificate *certificate, const char *pin)
{
    request->slot = token->slot;
    request->id = certificate->id; /* borrowed */
    request->algorithm = certificate->algorithms & (uint8_t)-certificate->algorithms;
    request->digest_len = (uint8_t)card_algorithm_digest_bytes(request->algorithm);
    request->pin = (const uint8_t *)pin;
    request->pin_len = (uint8_t)strlen(pin);
    certificate_hash(certificate->der.data, certificate->der.len, request->certificate_hash);
}

static int measure(struct module *module, const struct card_sign_request *request, long count)
{
    for (long i = 0; i < count; i++) {
        struct card_reply reply = {0};
        double begin = now_us();
        sign(module, request, &reply);
        double end = now_us();
        if (reply.result != OUTCOME_OK) {
            fprintf(stderr, "not signed: %s\n", outcome_reason((int)reply.result));
            return EXIT_FAILURE;
        }
        printf("%.0f\n", end - begin);
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc < 4 || strlen(argv[2]) > CARD_PIN_BYTES_MAX) {
        fprintf(stderr, "usage: sign_direct MODULE PIN COUNT [READER]\n");
        return 2;
    }
    struct module module;
    CLEANUP(card_reply_deinit) struct card_reply list = {0};
    module_load(&module, argv[1]);
    const struct card_token *token;
    const struct card_certificate *certificate = NULL;
    if (module.state == OUTCOME_OK && slots_list(&module, &list) == 0)
        certificate = choose(&list, argc > 4 ? argv[4] : "", &token);
    int status = EXIT_FAILURE;
    if (certificate) {
        struct card_sign_request request = {0};
        fill(&request, token, certificate, argv[2]);
        status = measure(&module, &request, strtol(argv[3], NULL, 10));
    } else {
        fprintf(stderr, "no card that can sign\n");
    }
    module_unload(&module);
    return status;
}
