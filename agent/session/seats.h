/* SPDX-License-Identifier: MIT */
/*
 * The cards that a session could hang on, as events: which one came, which one left.
 *
 * A seat is one card's stay in its reader. It begins when a module has read a certificate that may
 * sign in, and ends when PC/SC says that the card has left; so a module that crashes or is asked
 * anew in between changes nothing. Loop thread only; nothing blocks.
 */
#pragma once

#include "agent/cards.h"
#include "agent/certificate.h"
#include "agent/session/session.h"

struct seats;

/* type: SESSION_CARD_IN, SESSION_CARD_OUT, SESSION_READER_GONE, SESSION_SERVICE_DOWN or
 * SESSION_SERVICE_UP. seat: never used again; 0 of the last two. identity: of CARD_IN, borrowed. */
typedef void seats_fn(void *context, enum session_event_type type, uint64_t seat,
                      const uint8_t *identity);

/* cards and issuers are borrowed for its life. NULL on no memory. */
struct seats *seats_new(struct cards *cards, const struct issuers *issuers, seats_fn *fn,
                        void *context);
void seats_free(struct seats **seats);

/* To be called when the cards have changed; fn comes from within, those that left first. */
void seats_look(struct seats *seats);

/* The seat in which this card (agent/cards.h) is, or 0. */
uint64_t seats_of_card(const struct seats *seats, uint64_t card);
/* The seat of the card with that identity, or 0. */
uint64_t seats_of_identity(const struct seats *seats,
                           const uint8_t identity[SESSION_IDENTITY_BYTES]);
/* The card in that seat as agent/cards.h knows it now; 0: none, or it is being read again. */
uint64_t seats_card(const struct seats *seats, uint64_t seat);

/* A seat is invited to sign in once; somebody's sign-in with its card counts. */
void seats_set_invited(struct seats *seats, uint64_t seat);
/* The first that was not; 0: none. */
uint64_t seats_uninvited(const struct seats *seats);

/* Where a seat is, comparable between two agents as long as the smartcard service runs. */
struct place {
    char reader[CARD_TEXT_MAX + 1]; /* "": no PC/SC reader */
    uint16_t events;                /* PC/SC's own count of what has happened in it */
};
/* reader "" when there is no such seat. */
struct place seats_place(const struct seats *seats, uint64_t seat);

/* ---- looking for one card (SESSION_VERIFY) ---- */

enum seats_found {
    SEATS_HERE,    /* read again since seats_ask, and in */
    SEATS_MISSING, /* every reader has been looked at, and it is in none */
    SEATS_UNKNOWN, /* still being read: look again when the cards have changed */
};

/* Has every card read again. */
void seats_ask(struct seats *seats);
enum seats_found seats_find(const struct seats *seats,
                            const uint8_t identity[SESSION_IDENTITY_BYTES]);
/* Every seat again as CARD_IN, that of the identity left out. */
void seats_repeat(struct seats *seats, const uint8_t identity[SESSION_IDENTITY_BYTES]);
