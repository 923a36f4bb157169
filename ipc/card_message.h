/* SPDX-License-Identifier: MIT */
/*
 * The messages between the agent and lanyard-card, for both ends.
 *
 * Each is one frame (ipc/frame.h): version, type, a 32-bit request number, fields. The helper
 * answers each request with one reply of the same number, in order. A reply is hostile input: the
 * decoders accept only what is within the bounds below, and no trailing byte. Encoders write into
 * the caller's space; a request that carries a PIN is encoded into a secret. Any thread; nothing
 * blocks. All functions return 0, -EPROTO (malformed), -ENOSPC (does not fit) or -ENOMEM.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/base/secret.h"

enum {
    CARD_MESSAGE_VERSION = 2,
    CARD_TOKENS_MAX = 8,               /* readers with a card in; a desktop has one or two */
    CARD_CERTIFICATES_MAX = 8,         /* PIV cards hold four and perhaps two of the authorities */
    CARD_CERTIFICATE_BYTES_MAX = 4096, /* RSA-4096 with a long subject is about 2,000 */
    CARD_ID_BYTES_MAX = 64,            /* CKA_ID: 1 byte on PIV, 20 where it is a key's hash */
    CARD_TEXT_MAX = 128,               /* reader name (MAX_READERNAME is 128), label, serial */
    CARD_SIGNATURE_BYTES_MAX = 512,    /* RSA-4096 */
    CARD_DIGEST_BYTES_MAX = 48,        /* SHA-384 */
    CARD_PIN_BYTES_MAX = 64,
    CARD_REQUEST_BYTES_MAX = 512, /* the largest request, PIN included */
};

/* What the card's key can sign with; values are bits of a set, and one bit names one algorithm
 * (RFC 7518 §3.1). */
enum card_algorithm {
    CARD_ES256 = 1,
    CARD_ES384 = 2,
    CARD_PS256 = 4,
    CARD_RS256 = 8,
    CARD_ALGORITHMS = 15,
};

/* "ES256" and so on; NULL for anything but one single bit. */
const char *card_algorithm_name(enum card_algorithm algorithm);
/* The bit of that name; 0 when unknown. */
unsigned card_algorithm_named(const char *name);
/* 32 or 48: the digest's length for that algorithm. */
size_t card_algorithm_digest_bytes(enum card_algorithm algorithm);

enum card_token_flag {
    CARD_PIN_PAD = 1,       /* CKF_PROTECTED_AUTHENTICATION_PATH: the PIN is typed at the reader */
    CARD_PIN_COUNT_LOW = 2, /* CKF_USER_PIN_COUNT_LOW */
    CARD_PIN_FINAL_TRY = 4, /* CKF_USER_PIN_FINAL_TRY */
    CARD_PIN_LOCKED = 8,    /* CKF_USER_PIN_LOCKED */
    CARD_LOGIN_REQUIRED = 16, /* CKF_LOGIN_REQUIRED */
    CARD_UNREADABLE = 32,     /* a card is there, but its certificates cannot be read */
    CARD_HELD = 64,           /* beside it: because another program holds the card for itself */
    CARD_TOKEN_FLAGS = 127,
};

enum { CARD_TRIES_UNKNOWN = 255 };

/* pcscd's count has 16 bits. */
enum { CARD_EVENTS_MAX = 0xffff, CARD_EVENTS_UNKNOWN = 0x10000 };

struct card_certificate {
    struct bytes id;          /* CKA_ID, the name under which card_sign_request finds it again */
    struct bytes der;         /* X.509, as the card holds it */
    uint8_t algorithms;       /* set of enum card_algorithm; 0: no private key beside it */
    uint8_t pin_for_each_use; /* CKA_ALWAYS_AUTHENTICATE (0 or 1) */
};

struct card_token {
    uint64_t slot;                  /* CK_SLOT_ID, meaningful to this helper process only */
    char reader[CARD_TEXT_MAX + 1]; /* the slot's description: the PC/SC reader name */
    char label[CARD_TEXT_MAX + 1];
    char serial[CARD_TEXT_MAX + 1];
    uint32_t events; /* insertions and removals in the reader when this card was in, as pcscd counts
                        them; CARD_EVENTS_UNKNOWN where the slot is no PC/SC reader */
    uint8_t flags;   /* set of enum card_token_flag */
    uint8_t tries_left;       /* CARD_TRIES_UNKNOWN where the card does not say */
    uint8_t pin_min, pin_max; /* length in bytes; max 0: unknown */
    uint8_t certificate_count;
    struct card_certificate certificates[CARD_CERTIFICATES_MAX];
};

enum card_request_type {
    CARD_REQUEST_LIST = 1,        /* which cards are in, with their certificates */
    CARD_REQUEST_SIGN = 2,        /* PIN, signature, log out */
    CARD_REQUEST_PIN_CHANGE = 3,  /* the PIN, and the one that takes its place */
    CARD_REQUEST_PIN_UNBLOCK = 4, /* the PUK, and a new PIN */
};

struct card_sign_request {
    uint64_t slot;
    struct bytes id;              /* which certificate's key */
    uint8_t certificate_hash[32]; /* SHA-256 of the certificate the person consented to: the helper
                                     reads it again and refuses another (a swapped card) */
    uint8_t algorithm;            /* one enum card_algorithm */
    uint8_t digest_len;
    uint8_t digest[CARD_DIGEST_BYTES_MAX];
    uint8_t pin_len;    /* 0: the PIN is typed at the reader's pad */
    const uint8_t *pin; /* borrowed: when decoded, from the frame's secret */
};

struct card_pin_request {
    uint64_t slot;
    struct bytes
        id; /* a certificate of the card that the person consented to; empty: it has none */
    uint8_t certificate_hash[32]; /* of that one, as of struct card_sign_request */
    /* Both 0: everything is typed at the reader's pad. Borrowed: when decoded, from the frame's
     * secret. */
    uint8_t secret_len, new_pin_len;
    const uint8_t *secret; /* the PIN that there is; to unblock: the PUK */
    const uint8_t *new_pin;
};

struct card_request {
    uint8_t type;
    uint32_t number;
    struct card_sign_request sign; /* of CARD_REQUEST_SIGN */
    struct card_pin_request pin;   /* of CARD_REQUEST_PIN_CHANGE and CARD_REQUEST_PIN_UNBLOCK */
};

struct card_reply {
    uint8_t type; /* the request's */
    uint32_t number;
    uint32_t result;      /* enum outcome: OK; LIST: CARD_MODULE_FAILED, CARD_MODULE_MISSING,
                             CARD_CHANGED (ask a new helper: this one's module has missed that a
                             card was exchanged); SIGN:
                             PIN_WRONG, PIN_BLOCKED, PIN_FORMAT, CANCELLED and TIMED_OUT (PIN pad),
                             CARD_REMOVED, CARD_CHANGED, CARD_UNREADABLE, CARD_BUSY, NO_CERTIFICATE,
                             KEY_UNSUITABLE, CARD_MODULE_FAILED; PIN_CHANGE and PIN_UNBLOCK: those
                             of SIGN that are not about keys, PIN_REFUSED (the new one),
                             CARD_UNABLE, and PUK_WRONG, PUK_BLOCKED in the place of the PIN's */
    uint64_t module_code; /* the CK_RV behind it, for the log; 0 for none */
    /* LIST */
    uint8_t token_count;
    struct card_token *tokens; /* owned; token_count of them */
    /* SIGN, PIN_CHANGE, PIN_UNBLOCK: flags and tries as read again after the login */
    uint8_t flags;
    uint8_t tries_left;
    uint8_t puk_tries_left; /* PIN_UNBLOCK: CARD_TRIES_UNKNOWN where nobody has said */
    uint16_t signature_len;
    uint8_t signature[CARD_SIGNATURE_BYTES_MAX]; /* RSA: as is; EC: r and s, fixed length (RFC 7518
                                                    §3.4) */
};

void card_request_deinit(struct card_request *request);
void card_reply_deinit(struct card_reply *reply);
void card_token_deinit(struct card_token *token);

/* Appends to *out, whose capacity is at least CARD_REQUEST_BYTES_MAX. */
int card_request_encode(const struct card_request *request, struct secret *out);
/* *request is initialised (zero); its PIN borrows from body. */
int card_request_decode(const uint8_t *body, size_t len, struct card_request *request);
/* Replaces *out. -EMSGSIZE when it would be longer than FRAME_MAX_HELPER. */
int card_reply_encode(const struct card_reply *reply, struct bytes *out);
int card_reply_decode(const uint8_t *body, size_t len, struct card_reply *reply);
