/* SPDX-License-Identifier: MIT */
/*
 * What the keeper's own files share. For them only:
 *
 *     keeper.c            the machine: events in, actions out
 *     keeper_requests.c   what callers ask, and what becomes of it
 *     keeper_report.c     what is said of the session, and the audit
 *     keeper_seats.c      cards and security keys
 *     keeper_desktop.c    the screen and the person before it
 *     keeper_config.c     the configuration
 *     keeper_prompt.c     the prompt, until something is signed
 *     keeper_opening.c    what was signed, until the session is open
 *     keeper_upkeep.c     keep-alive and role
 *     keeper_sealing.c    the session that outlives this process
 */
#pragma once

#include "agent/audit.h"
#include "agent/chooser_client.h"
#include "agent/quiet.h"
#include "agent/refusals.h"
#include "agent/session/asks.h"
#include "agent/session/handover.h"
#include "agent/session/keeper.h"
#include "agent/session/key_seat.h"
#include "agent/session/opener.h"
#include "agent/session/rate.h"
#include "agent/session/seats.h"
#include "agent/session/session.h"

enum { FACTS_MAX = 64 };

/* An event on its way to the machine. Only actions make more than one: a fixed ring will do. */
struct fact {
    struct session_event event;
    uint8_t identity[SESSION_IDENTITY_BYTES];
    struct ask *ask; /* whose request it is; owned */
};

/* Who has shown what, in a prompt or on a page: a card, or a security key. */
struct signer {
    uint8_t identity[SESSION_IDENTITY_BYTES];
    uint64_t card;         /* agent/cards.h; 0: it was a key */
    struct key_holder key; /* which; none: it was a card */
    uint64_t plugged;      /* fido/key_watch.h */
};

/* Evidence (or a page's sid) on its way to the server. */
struct opening {
    struct opening *next; /* among the disowned */
    struct keeper *keeper;
    uint64_t number;
    const struct config_provider *provider;
    char sid[SESSION_ID_MAX + 1]; /* a page's, armed before the server is asked; "": none */
    struct session_key *key;      /* once disowned; before, the key is the keeper's */
    struct cis_call *call;
    struct loop_timer *patience;
};

struct keeper {
    struct keeper_setup setup;
    struct session machine;
    enum session_input cause; /* the machine's, but that an end was settled is no news */
    struct fact facts[FACTS_MAX];
    size_t fact_first, fact_count;
    bool driving;
    bool stopping;
    bool policy_changed; /* for the next session */
    struct loop_timer *timer;

    /* the session, or what is to become one */
    const struct config_provider *provider;
    const struct config_provider *last_provider; /* of the session before, whose end is the cause */
    struct session_key *key;
    struct cis_session *about;
    struct bytes statement;
    bool reachable;

    /* who waits */
    struct asks held;
    struct asks again; /* to be put to the machine once more */
    struct rate *rate;
    struct refusals refusals; /* in the audit */

    /* the prompt that is out */
    struct opener *opener;
    uint64_t ceremony_number;
    bool unasked;         /* nobody's request stands behind it */
    bool caller_chooses;  /* the role, itself */
    struct caller caller; /* a copy: the request may go */
    bool has_caller;
    struct cis_call *authenticating;
    struct signer signer;
    int waiting; /* enum waiting_for; -1: nothing is known yet */
    char waiting_reader[CARD_TEXT_MAX + 1];
    int waiting_tries;

    /* what it signed */
    struct bytes evidence; /* text, NUL-terminated */
    bool is_assertion;
    char adopted[SESSION_ID_MAX + 1];
    struct opening *opening;
    struct opening *disowned;
    struct bytes stray; /* sid of a session that was opened for nobody, during OPENED */

    /* for the audit */
    char uid[CERTIFICATE_UID_MAX + 1];
    char origin[ORIGIN_TEXT_MAX + 1]; /* who asked for the prompt, and stands in it */

    /* pages whose prompts the person takes away again and again have to wait */
    struct quiet quiet;

    struct handovers *handovers;
    struct seats *seats;
    bool service_down; /* the smartcards' */
    bool service_told; /* the machine knows */
    bool asleep;       /* the computer, or about to */
    struct key_seat *key_seat;
    struct key_holder holder; /* the session's key; none: it is a card's, or there is none */
    char key_name[FIDO_TEXT_MAX + 1]; /* for the audit */
    bool verifying;
    struct place
        restored; /* where an earlier agent has left the card; reader "": nothing is known */

    /* upkeep */
    struct loop_timer *upkeep_timer;
    struct cis_call *looking;
    struct cis_call *changing_role;
    struct chooser *chooser;
    struct cis_session *offered;  /* what the chooser shows */
    struct request *role_request; /* who asked for another role; NULL: the sign-in itself */
    bool role_owed;               /* a sign-in is not done before the role is settled */
};

/* ---- keeper.c ---- */

/* Tells the machine; takes the ask. Everything that follows has been done when it returns, unless
 * it is called from within an action: then it comes next. */
void keeper_put(struct keeper *k, const struct session_event *event, struct ask *ask);
/* One that is its type and nothing more. */
void keeper_put_type(struct keeper *k, enum session_event_type type);
/* CLOCK_BOOTTIME in milliseconds, the machine's time. */
uint64_t keeper_now(void);
bool keeper_signed_in(const struct keeper *k);

/* ---- keeper_requests.c ---- */

/* What an ask is to the machine. */
struct session_event keeper_event_of(const struct ask *ask);
/* ALLOW, REFUSE and HOLD of that ask (taken); GIVE_UP of all that are held. */
void keeper_allow(struct keeper *k, struct ask *ask);
void keeper_refuse(struct keeper *k, struct ask *ask, int refusal);
void keeper_hold(struct keeper *k, struct ask *ask);
void keeper_give_up(struct keeper *k, int result);
/* Puts everything that is held again. */
void keeper_retry(struct keeper *k);
void keeper_tell_held(struct keeper *k, enum waiting_for what, const char *reader, int tries_left);

/* ---- keeper_report.c ---- */

/* A page of another provider reads that nobody is signed in, and nothing of whoever was. */
bool keeper_none_of_its_business(const struct keeper *k, const struct request *request);
/* session.status for that request. Releases it. */
void keeper_answer_status(struct keeper *k, struct request **request);
/* The same for an ask; takes it. */
void keeper_give_session(struct keeper *k, struct ask **ask);
/* NOTIFY */
void keeper_notify(struct keeper *k);
void keeper_audit(const struct keeper *k, enum audit_event event, int result, const char *origin);
/* Whether a refusal is written down. */
bool keeper_audits_refusal(struct keeper *k);

/* ---- keeper_seats.c ---- */

/* Begins to look at cards and keys. False on no memory. */
bool keeper_begin_seats(struct keeper *k);
/* The signer's seat, which is the session's from now on; 0: card or key has left. */
uint64_t keeper_take_seat(struct keeper *k);
/* The machine hears of the smartcard service what it does not know yet. */
void keeper_tell_of_service(struct keeper *k);
/* VERIFY */
void keeper_verify(struct keeper *k);
/* INVITE */
void keeper_invite(struct keeper *k);

/* ---- keeper_desktop.c ---- */

/* LOCK_DESKTOP */
void keeper_lock_desktop(struct keeper *k);
/* On the desktop: nobody's page shows why what a card or a key has begun by itself has failed. What
 * the person has done is not said to him. */
void keeper_tell_person(struct keeper *k, int result);

/* ---- keeper_config.c ---- */

bool keeper_has_endpoint(const struct config_provider *provider);
struct session_policy keeper_policy(const struct keeper *k);
/* A session keeps the policy under which it began; the next one gets that of today. */
void keeper_take_policy(struct keeper *k);
/* How many proofs each page gets; owned. NULL on no memory: then nobody gets one. */
struct rate *keeper_new_rate(const struct keeper *k);

/* ---- keeper_prompt.c ---- */

/* PROMPT; ask: whose, NULL: the machine's own wish. */
void keeper_prompt(struct keeper *k, uint64_t number, const struct ask *ask);
/* The person has taken a prompt away, or who asked for it has. */
void keeper_note_cancel(struct keeper *k);
/* DISMISS */
void keeper_dismiss(struct keeper *k);
/* What was signed; its text is borrowed. */
struct cis_evidence keeper_evidence(const struct keeper *k);

/* ---- keeper_opening.c ---- */

/* OPEN */
void opening_open(struct keeper *k);
/* DISOWN */
void opening_disown(struct keeper *k);
/* Wipes and forgets all of it, and of the prompt. */
void opening_forget(struct keeper *k);
void opening_deinit(struct keeper *k);

/* ---- keeper_sealing.c ---- */

/* SEAL: sealed memory gets what is true now. */
void keeper_seal(struct keeper *k);
/* Takes up what an earlier process has sealed there, if anything. */
void keeper_restore(struct keeper *k);

/* ---- keeper_upkeep.c ---- */

/* The session is open (or was taken up again): settles its role, and keeps it alive from now on. */
void upkeep_begin(struct keeper *k);
/* It is over. */
void upkeep_end(struct keeper *k);
/* Within so many milliseconds the server is asked. */
void upkeep_soon(struct keeper *k, uint64_t milliseconds);
/* Whatever asks for a role ends with that result. */
void upkeep_drop_role(struct keeper *k, int result);
/* What the provider says of the session now (taken), and with it by what its key is known. */
void keeper_take_about(struct keeper *k, struct cis_session **about);
/* What the server says now replaces what it said (taken). False, and nothing taken: it speaks of
 * another person. */
bool upkeep_note(struct keeper *k, struct cis_session **about);
