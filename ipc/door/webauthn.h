/* SPDX-License-Identifier: MIT */
/*
 * webauthn.get and webauthn.create between the door, which knows JSON, and the service, which does
 * not: options as they were parsed and checked, and what the answer is made of (PROTOCOL.md 2.15,
 * Web Authentication Level 3 §5.4, §5.5, §5.1.7, §5.1.8).
 *
 * Any thread; nothing blocks. What is parsed is owned by the structure; _deinit wipes it and takes
 * one that was zeroed.
 */
#pragma once

#include "ipc/door/door.h"
#include "ipc/fido_message.h"

enum {
    WEBAUTHN_CHALLENGE_MIN = 16,
    WEBAUTHN_CHALLENGE_MAX = 1024,
    WEBAUTHN_TIMEOUT_MIN_MS = 30000,
    WEBAUTHN_TIMEOUT_MAX_MS = 600000,
};

/* prf's inputs for one credential, not hashed yet; credential empty: for any other. */
struct webauthn_prf {
    struct bytes credential, first, second; /* second empty and has_second false: there is none */
    bool has_second;
};

/* Both methods. Texts are UTF-8 without control characters. */
struct webauthn_params {
    bool create;
    char origin[ORIGIN_TEXT_MAX + 1]; /* the caller's, or what a native caller named: in the list */
    char *challenge;                  /* base64url, as it was given */
    char rp_id[FIDO_RP_ID_MAX + 1];   /* "": not said */
    uint32_t timeout_ms;              /* in bounds; 0: not said */
    uint8_t verification;             /* enum fido_verification */
    uint8_t list_count;               /* allowCredentials or excludeCredentials */
    struct bytes list[FIDO_LIST_MAX];
    bool list_useless; /* there was one, but of other types only: no key has any of it */
    size_t prf_count;  /* get: each credential of the list at most once, and one for any other */
    struct webauthn_prf *prf;
    bool prf_wanted; /* the extension is there, with or without inputs */
    /* get */
    bool session;
    char appid[FIDO_RP_ID_MAX + 1]; /* "": not said. create: appidExclude */
    uint8_t blob;                   /* enum fido_blob */
    bool blob_asked;                /* get: the extension is there, with or without a wish */
    struct bytes blob_data;
    /* create */
    char rp_name[FIDO_TEXT_MAX + 1];
    struct bytes user_id;
    char user_name[FIDO_TEXT_MAX + 1], user_display_name[FIDO_TEXT_MAX + 1];
    uint8_t algorithm_count; /* those that keys can have; 0: none of what the site named */
    int32_t algorithms[FIDO_ALGORITHMS_MAX]; /* each once, best first */
    uint8_t resident; /* enum fido_resident; requireResidentKey is taken in */
    bool platform;    /* authenticatorAttachment "platform" */
    bool attestation; /* direct or enterprise */
    uint8_t protection;
    bool protection_enforced;
    bool cred_props, min_pin_length;
};

void webauthn_params_deinit(struct webauthn_params *params);

/* What the service answers with. Borrowed for the call. */
struct webauthn_result {
    bool create;
    struct bytes client_data; /* clientDataJSON, the bytes that were hashed */
    struct bytes credential_id;
    struct bytes auth_data; /* create: inside attestation_object too */
    /* get */
    struct bytes signature, user_id; /* user_id empty: there is none */
    /* create */
    struct bytes attestation_object;
    struct bytes public_key; /* SubjectPublicKeyInfo; empty: not of a kind that browsers give */
    int32_t algorithm;
    /* extensions: what was asked for, and what became of it */
    bool has_appid, appid; /* create: appidExclude */
    bool has_cred_props, resident;
    bool has_prf, prf_enabled;          /* prf_enabled: create only */
    struct bytes prf_first, prf_second; /* get; empty: none */
    bool has_blob;
    bool blob_supported;                    /* create */
    bool blob_read;                         /* blob is what was there */
    bool blob_wanted_written, blob_written; /* it was to be written; it was */
    struct bytes blob;
};

/* The name of the DOMException with which navigator.credentials would reject (static). Any int, as
 * outcome_reason takes it. */
const char *webauthn_error_name(int result);

/* Releases *request. */
void answer_webauthn(struct request **request, const struct webauthn_result *result);
