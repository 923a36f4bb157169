/* SPDX-License-Identifier: MIT */
/*
 * The session: one card sign-in for every application of a desktop session, as a state machine
 * without input, output, clock or memory of its own. It is told what happens and what time it is,
 * and says what is to be done.
 *
 *                       ┌──────────────────────────────────────────────┐
 *                       v                                              │
 *     none ──> authenticating ──> opening ──> ACTIVE <──> locked ──> ended
 *                                             ^    ^                   ^
 *                                             v    v                   │
 *                                      checking    leaving ────────────┘
 *
 *   none            nobody is signed in
 *   authenticating  the person is asked for card and PIN; nothing is signed yet
 *   opening         the card has signed; the server has not answered yet
 *   active          signed in: the only state in which a proof is made
 *   checking        signed in, but the card has been out of sight (sleep, another user in front,
 *                   pcscd gone, the agent restarted): its certificate is read before anything else
 *   leaving         the card is out and the grace period runs
 *   locked          signed in, but the same card and the PIN are owed
 *   ended           over: the key is wiped, the server's message is being put into its queue
 *
 * A question to the person (a ceremony: sign-in, resume or step-up, by the state it is put in) is
 * no state. It has a number, there is one at a time, and an answer with another number is nobody's.
 *
 * Whose session it is, is said by the certificate's hash alone (a security key's: its credential
 * id's), never by ATR, serial or reader. It is set when the card has signed and not changed until
 * the session is over.
 *
 * Times are CLOCK_BOOTTIME in milliseconds: the time a computer sleeps counts, and nobody can set
 * it. Any thread, one at a time; nothing blocks, nothing fails.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    SESSION_IDENTITY_BYTES = 32,             /* SHA-256 */
    SESSION_ABSOLUTE_MAX_MS = 10 * 3600000,  /* ten hours, the longest that CIS grants */
    SESSION_CEREMONY_MAX_MS = 30 * 60000,    /* three PIN tries of ten minutes, the longest that
                                                the configuration allows */
    SESSION_OPENING_MAX_MS = 120000 + 10000, /* a card token lives 120 s, then an answer's time */
    SESSION_CHECK_MAX_MS = 10000,            /* for USB and pcscd to come back after sleep */
};

#define SESSION_NEVER UINT64_MAX   /* a deadline that is not set */
#define SESSION_ANY_AGE UINT64_MAX /* max_age of a use that does not mind */

/* ---- policy ---- */

enum session_mode {
    SESSION_NORMAL,           /* removal ends the session */
    SESSION_ENHANCED_NORMAL,  /* and a locked desktop asks for the PIN again */
    SESSION_LOCK_PERSISTENCE, /* removal locks it: same card and PIN resume it */
    SESSION_MOBILITY,         /* the card may leave: a timer asks for it and the PIN again */
    SESSION_MODES,
};

/* Which mode holds when several are switched on, the Identity Agent's precedence: mobility, lock
 * persistence, enhanced normal, normal. modes: a set of 1 << enum session_mode. */
enum session_mode session_mode_first(unsigned modes);

/* All periods in milliseconds. */
struct session_policy {
    enum session_mode mode;
    uint64_t grace;          /* between removal and its handling; 0: none */
    uint64_t absolute;       /* 0 or more than SESSION_ABSOLUTE_MAX_MS: that */
    uint64_t idle;           /* without use; 0: no limit */
    uint64_t reauthenticate; /* mobility: after this long card and PIN are owed; 0: the absolute
                                limit alone */
    bool lock_desktop;       /* when a card leaves or is exchanged */
    bool sealing;            /* a session can outlive the agent's process */
};

/* ---- states ---- */

#define SESSION_STATE_TABLE(ROW)                                                                   \
    ROW(NONE, "none")                                                                              \
    ROW(AUTHENTICATING, "authenticating")                                                          \
    ROW(OPENING, "opening")                                                                        \
    ROW(ACTIVE, "active")                                                                          \
    ROW(CHECKING, "checking")                                                                      \
    ROW(LEAVING, "leaving")                                                                        \
    ROW(LOCKED, "locked")                                                                          \
    ROW(ENDED, "ended")

#define SESSION_STATE_ENUMERATOR(name, text) SESSION_##name,
enum session_state { SESSION_STATE_TABLE(SESSION_STATE_ENUMERATOR) SESSION_STATES };
#undef SESSION_STATE_ENUMERATOR

/* ---- what happens ---- */

/* clang-format off */
enum session_event_type {
    /* somebody asks */
    SESSION_BEGIN,              /* for a sign-in: a person, or a card's insertion */
    SESSION_USE,                /* for a proof: use. Step-up is a use that wants a fresh PIN */
    /* the ceremony */
    SESSION_SIGNED,             /* the PIN was right, the card has signed: number, identity, card
                                   (0: it has left since) */
    SESSION_FAILED,             /* it ended otherwise: number, outcome */
    SESSION_HELPER_DIED,        /* the process that had the card at work */
    /* the server */
    SESSION_OPENED,             /* it opened the session; once for each OPEN: number, limits */
    SESSION_SERVER_REFUSED,     /* it did not: number, outcome */
    SESSION_SERVER_GONE,        /* it says that the session is over: number */
    SESSION_SERVER_UNREACHABLE, /* at keep-alive: number */
    SESSION_ROLE_CHANGED,       /* number */
    /* cards; security keys are cards */
    SESSION_CARD_IN,            /* one that can sign in: identity, card. VERIFY's answer too */
    SESSION_CARD_OUT,           /* card */
    SESSION_READER_GONE,        /* unplugged, or without power: card, the one that was in it */
    SESSION_CARD_MISSING,       /* VERIFY's other answer */
    SESSION_SERVICE_DOWN,       /* pcscd; in place of CARD_OUT for the cards that it showed */
    SESSION_SERVICE_UP,
    /* the desktop */
    SESSION_DESKTOP_LOCKED,
    SESSION_DESKTOP_UNLOCKED,
    SESSION_SLEEP,              /* about to */
    SESSION_RESUMED,
    SESSION_SWITCHED_AWAY,      /* another user's desktop is in front */
    SESSION_SWITCHED_BACK,
    /* the end, and the agent's own life */
    SESSION_TIMER,              /* the deadline has come */
    SESSION_SIGN_OUT,
    SESSION_STOPPING,           /* the process ends in good order; nothing comes after it */
    SESSION_RESTORED,           /* a new process has found a sealed session: sealed */
    SESSION_SETTLED,            /* what ENDED asked for is done, the server's message queued */
    SESSION_EVENTS,
};
/* clang-format on */

enum session_interaction { SESSION_SILENT, SESSION_IF_NEEDED, SESSION_FORCE };

struct session_use {
    enum session_interaction interaction;
    uint64_t asked;   /* when it was first put, in the clock's milliseconds: a request that was held
                         is put again with the same value */
    uint64_t max_age; /* the PIN must have been typed at most this long before that (OpenID Connect
                         max_age); SESSION_ANY_AGE. SESSION_FORCE stands for 0. */
};

/* What outlives the agent's process, for sealed memory only. Beside it lie the key, the sid and the
 * statement that ends the session. */
struct session_sealed {
    uint8_t identity[SESSION_IDENTITY_BYTES];
    uint64_t number;
    uint64_t authenticated;
    uint64_t absolute, idle_period, idle; /* deadlines; idle_period is a period */
    bool locked;
    bool ended;
};

/* Only the members named at the type count. Borrowed for the call. */
struct session_event {
    enum session_event_type type;
    uint64_t number; /* the ceremony's; after SIGNED in a sign-in, the session's */
    const uint8_t *identity;
    uint64_t card; /* an insertion (agent/cards.h, id), never 0 but where said */
    int outcome;   /* enum outcome */
    struct session_use use;
    uint64_t absolute, idle;             /* the server's limits, in ms from now; 0: none */
    const struct session_sealed *sealed; /* what session_seal gave */
};

/* ---- what is to be done ---- */

/* A set, to be carried out in this order: the key is gone before anybody hears of the end. */
/* clang-format off */
#define SESSION_ACTION_TABLE(ROW)                                                                  \
    ROW(WIPE)         /* the session's key */                                                      \
    ROW(SEAL)         /* session_seal anew; when NONE: destroy what was sealed */                  \
    ROW(DISMISS)      /* take the prompt away: its answer is nobody's any more */                  \
    ROW(DISOWN)       /* the server may yet open what the card has signed. Put its key aside for   \
                         nothing but the end: if it opens, say OPENED; wipe the key when it has    \
                         answered or SESSION_OPENING_MAX_MS have passed. */                        \
    ROW(TELL_SERVER)  /* put the session's end into the queue */                                   \
    ROW(TELL_STRAY)   /* likewise that of the event's session, which is not this one */            \
    ROW(LOCK_DESKTOP) /* and see that it is locked */                                              \
    ROW(NOTIFY)       /* session.changed */                                                        \
    ROW(OPEN)         /* take the signed token to the server */                                    \
    ROW(VERIFY)       /* look for the session's card by its certificate and say CARD_IN, or        \
                         CARD_MISSING; then CARD_IN for the other cards that are in */             \
    ROW(PROMPT)       /* begin ceremony step.ceremony; only the session's card will do, unless the \
                         state is AUTHENTICATING */                                                \
    ROW(GIVE_UP)      /* answer every request that is held with step.given_up */                   \
    ROW(ALLOW)        /* the asker has a session: make the proof */                                \
    ROW(REFUSE)       /* answer the asker with step.refusal */                                     \
    ROW(HOLD)         /* keep the request until RETRY or GIVE_UP */                                \
    ROW(INVITE)       /* a card that is in may BEGIN */                                            \
    ROW(WARN)         /* the server cannot be reached: tell the person */                          \
    ROW(AUDIT_OPENED)                                                                              \
    ROW(AUDIT_USED)                                                                                \
    ROW(AUDIT_STEPPED_UP)                                                                          \
    ROW(AUDIT_ROLE)                                                                                \
    ROW(AUDIT_REFUSED)                                                                             \
    ROW(AUDIT_LOCKED)                                                                              \
    ROW(AUDIT_RESUMED)                                                                             \
    ROW(AUDIT_ENDED)                                                                               \
    ROW(RETRY)        /* put every request that is held again */
/* clang-format on */

#define SESSION_ACTION_BIT(name) SESSION_BIT_##name,
enum session_action_bit { SESSION_ACTION_TABLE(SESSION_ACTION_BIT) SESSION_ACTIONS };
#undef SESSION_ACTION_BIT
#define SESSION_ACTION_ENUMERATOR(name) SESSION_##name = 1 << SESSION_BIT_##name,
enum session_action { SESSION_ACTION_TABLE(SESSION_ACTION_ENUMERATOR) };
#undef SESSION_ACTION_ENUMERATOR

struct session_step {
    uint32_t actions;  /* set of enum session_action */
    uint64_t deadline; /* arm the one timer for it; SESSION_NEVER: none. Always set. */
    uint64_t ceremony; /* with PROMPT */
    int refusal;       /* with REFUSE: enum outcome */
    int given_up;      /* with GIVE_UP: enum outcome */
};

/* ---- the table ---- */

/*
 * An event is first read against the policy and what is known (is it the session's card? is it in?
 * does this mode mind?), which gives an input of the table; some events give none and do nothing.
 * The word in a cell is a move: SESSION_MOVE_TABLE says where it leads and what is to be done.
 *
 * A deadline that has passed by now is an input of its own and comes before the event, so that
 * nothing is proved beyond a limit because a timer was late.
 */
/* clang-format off */
#define SESSION_TABLE(ROW)                                                                         \
    /* --- somebody asks ------ none    authen. opening active  checkin leaving locked  ended */   \
    ROW(BEGIN,                  begin,  hold,   hold,   have,   hold,   hold,   ask,    hold)      \
    ROW(USE_SILENT,             refuse, refuse, refuse, allow,  hold,   refuse, refuse, refuse)    \
    ROW(USE_IF_NEEDED,          begin,  hold,   hold,   allow,  hold,   hold,   ask,    hold)      \
    ROW(USE_FRESH, /* PIN owed*/begin,  hold,   hold,   ask,    hold,   hold,   ask,    hold)      \
    ROW(USE_IN_VAIN,            refuse, refuse, refuse, refuse, refuse, refuse, refuse, refuse)    \
    /* --- the ceremony ------- none    authen. opening active  checkin leaving locked  ended */   \
    ROW(SIGNED,                 pass,   open,   pass,   renew,  pass,   pass,   resume, pass)      \
    ROW(SIGNED_BY_OTHER,        pass,   pass,   pass,   fail,   pass,   pass,   fail,   pass)      \
    ROW(FAILED,                 pass,   drop,   pass,   fail,   pass,   pass,   fail,   pass)      \
    ROW(TIMED_OUT,              pass,   drop,   disown, fail,   pass,   pass,   fail,   pass)      \
    /* --- the server --------- none    authen. opening active  checkin leaving locked  ended */   \
    ROW(OPENED,                 pass,   stray,  enter,  pass,   pass,   pass,   pass,   pass)      \
    ROW(OPENED_FOR_NOBODY,      stray,  stray,  stray,  stray,  stray,  stray,  stray,  stray)     \
    ROW(SERVER_REFUSED,         pass,   pass,   deny,   pass,   pass,   pass,   pass,   pass)      \
    ROW(SERVER_GONE,            pass,   pass,   pass,   gone,   gone,   gone,   gone,   pass)      \
    ROW(SERVER_UNREACHABLE,     pass,   pass,   pass,   warn,   warn,   warn,   warn,   pass)      \
    ROW(ROLE_CHANGED,           pass,   pass,   pass,   role,   role,   role,   role,   pass)      \
    /* --- the card ----------- none    authen. opening active  checkin leaving locked  ended */   \
    ROW(CARD_BACK,              pass,   pass,   pass,   pass,   back,   back,   remind, pass)      \
    ROW(CARD_OTHER,             invite, pass,   disown, end,    pass,   end,    end,    pass)      \
    ROW(REMOVED_ENDS,           pass,   pass,   disown, end,    end,    end,    end,    pass)      \
    ROW(REMOVED_LOCKS,          pass,   pass,   disown, lock,   lock,   lock,   relock, pass)      \
    ROW(REMOVED_WAITS,          pass,   pass,   disown, leave,  leave,  pass,   await,  pass)      \
    ROW(REMOVED_STAYS,          pass,   pass,   pass,   pass,   owe,    owe,    pass,   pass)      \
    /* --- the surroundings --- none    authen. opening active  checkin leaving locked  ended */   \
    ROW(OUT_OF_SIGHT,           pass,   drop,   disown, cover,  cover,  pass,   hush,   pass)      \
    ROW(IN_SIGHT,               invite, pass,   pass,   check,  check,  look,   look,   pass)      \
    ROW(PIN_OWED,               pass,   drop,   disown, owe,    owe,    owe_in, hush,   pass)      \
    ROW(UNLOCKED,               invite, pass,   pass,   pass,   pass,   pass,   offer,  pass)      \
    /* --- the end ------------ none    authen. opening active  checkin leaving locked  ended */   \
    ROW(IDLE,                   pass,   pass,   pass,   close,  close,  close,  close,  pass)      \
    ROW(TOO_OLD,                pass,   pass,   pass,   close,  close,  close,  close,  pass)      \
    ROW(SIGN_OUT,               pass,   drop,   disown, close,  close,  close,  close,  pass)      \
    ROW(STOPPING,               pass,   drop,   disown, close,  close,  end,    close,  pass)      \
    ROW(STOPPING_SEALED,        pass,   drop,   disown, cover,  cover,  end,    hush,   pass)      \
    ROW(RESTORED,               wake,   stray,  stray,  stray,  stray,  stray,  stray,  stray)     \
    ROW(RESTORED_LOCKED,        wake_locked, stray, stray, stray, stray, stray, stray,  stray)     \
    ROW(RESTORED_ENDED,         close,  stray,  stray,  stray,  stray,  stray,  stray,  stray)     \
    ROW(SETTLED,                pass,   pass,   pass,   pass,   pass,   pass,   pass,   settle)

/* A move: its word, the state it leads to (STAY: none other), the deadline of the state's own wait
 * (KEEP it, NO more, or newly set), and what is to be done. Actions are written without SESSION_
 * here. OFFER is a PROMPT if the card is in and nothing hides the window; LOCKING and ENDING are
 * what every lock and every end have in common:
 *     LOCKING  SEAL | DISMISS | NOTIFY | GIVE_UP | AUDIT_LOCKED
 *     ENDING   WIPE | SEAL | DISMISS | NOTIFY | GIVE_UP | AUDIT_ENDED
 * DISMISS counts only while a prompt is out, PROMPT only while none is, LOCK_DESKTOP only where the
 * policy says so, INVITE only where a prompt would be seen. */
#define SESSION_MOVE_TABLE(ROW)                                                                    \
    ROW(pass,        STAY,           KEEP,   0)                                                    \
    /* answers */                                                                                  \
    ROW(allow,       STAY,           KEEP,   ALLOW | AUDIT_USED)                                   \
    ROW(have,        STAY,           KEEP,   ALLOW)                                                \
    ROW(refuse,      STAY,           KEEP,   REFUSE | AUDIT_REFUSED)                               \
    ROW(hold,        STAY,           KEEP,   HOLD)                                                 \
    ROW(ask,         STAY,           KEEP,   HOLD | PROMPT)                                        \
    /* signing in */                                                                               \
    ROW(begin,       AUTHENTICATING, NO,     HOLD | PROMPT | NOTIFY)                               \
    ROW(open,        OPENING,        OPENING, OPEN)                                                \
    ROW(enter,       ACTIVE,         NO,     SEAL | NOTIFY | RETRY | AUDIT_OPENED)                 \
    ROW(deny,        NONE,           NO,     WIPE | NOTIFY | GIVE_UP | AUDIT_REFUSED)              \
    ROW(drop,        NONE,           NO,     WIPE | DISMISS | NOTIFY | GIVE_UP | AUDIT_REFUSED)    \
    ROW(disown,      NONE,           NO,     DISOWN | NOTIFY | GIVE_UP | AUDIT_REFUSED)            \
    /* the ceremony of a session that is open */                                                   \
    ROW(renew,       STAY,           KEEP,   SEAL | RETRY | AUDIT_STEPPED_UP)                      \
    ROW(resume,      ACTIVE,         NO,     SEAL | NOTIFY | RETRY | AUDIT_RESUMED)                \
    ROW(fail,        STAY,           KEEP,   DISMISS | GIVE_UP | AUDIT_REFUSED)                    \
    ROW(hush,        STAY,           KEEP,   DISMISS | GIVE_UP)                                    \
    ROW(offer,       STAY,           KEEP,   OFFER)                                                \
    ROW(remind,      STAY,           NO,     OFFER | NOTIFY)                                       \
    ROW(invite,      STAY,           KEEP,   INVITE)                                               \
    /* away from active and back */                                                                \
    ROW(cover,       CHECKING,       CHECK,  DISMISS | NOTIFY)                                     \
    ROW(check,       CHECKING,       CHECK,  DISMISS | VERIFY | NOTIFY)                            \
    ROW(look,        STAY,           KEEP,   VERIFY)                                               \
    ROW(back,        ACTIVE,         NO,     NOTIFY | RETRY)                                       \
    ROW(leave,       LEAVING,        GRACE,  DISMISS | NOTIFY)                                     \
    ROW(lock,        LOCKED,         NO,     LOCKING | LOCK_DESKTOP)                               \
    ROW(relock,      STAY,           NO,     DISMISS | LOCK_DESKTOP | NOTIFY | GIVE_UP)            \
    ROW(await,       STAY,           GRACE,  DISMISS | NOTIFY | GIVE_UP)                           \
    ROW(owe,         LOCKED,         NO,     LOCKING | OFFER)                                      \
    ROW(owe_in,      LOCKED,         KEEP,   LOCKING)                                              \
    /* what goes on beside it */                                                                   \
    ROW(role,        STAY,           KEEP,   SEAL | NOTIFY | AUDIT_ROLE)                           \
    ROW(warn,        STAY,           KEEP,   WARN)                                                 \
    ROW(stray,       STAY,           KEEP,   TELL_STRAY)                                           \
    /* the end; what the server itself ended it need not be told */                                \
    ROW(end,         ENDED,          NO,     ENDING | TELL_SERVER | LOCK_DESKTOP)                  \
    ROW(close,       ENDED,          NO,     ENDING | TELL_SERVER)                                 \
    ROW(gone,        ENDED,          NO,     ENDING)                                               \
    ROW(settle,      NONE,           NO,     SEAL | NOTIFY | RETRY | INVITE)                       \
    ROW(wake,        CHECKING,       CHECK,  VERIFY | NOTIFY)                                      \
    ROW(wake_locked, LOCKED,         NO,     VERIFY | NOTIFY)
/* clang-format on */

#define SESSION_INPUT_ENUMERATOR(name, ...) SESSION_INPUT_##name,
enum session_input { SESSION_TABLE(SESSION_INPUT_ENUMERATOR) SESSION_INPUTS };
#undef SESSION_INPUT_ENUMERATOR

/* ---- the session ---- */

/* Read freely; changed by session.c only. */
struct session {
    struct session_policy policy;
    enum session_state state;
    enum session_input cause; /* of the last change of state, for the audit and for pages;
                                 SESSION_INPUTS at first */
    uint64_t number;          /* of the sign-in that this session is, or would become */
    uint64_t ceremony;        /* of the prompt that is out; 0: none */
    uint64_t last_number;     /* given to a ceremony */
    uint8_t identity[SESSION_IDENTITY_BYTES]; /* once the card has signed */
    uint64_t card;          /* the insertion that is the session's card now; 0: it is not in */
    uint64_t authenticated; /* when the PIN was typed last */
    uint64_t now;           /* the latest time seen */
    uint64_t idle_period;   /* in force, ms; 0: no limit */
    struct {
        uint64_t ceremony, wait, idle, absolute, reauthenticate;
    } deadline;
    unsigned hidden;     /* private: why the card is out of sight, a set */
    bool desktop_locked; /* as far as is known */
};

void session_init(struct session *session, const struct session_policy *policy);
/* Another policy, while there is no session (SESSION_NONE): one that is under way keeps its own. */
void session_set_policy(struct session *session, const struct session_policy *policy);

/* One event. *step is overwritten. A time earlier than the last counts as the last. */
void session_step(struct session *session, const struct session_event *event, uint64_t now,
                  struct session_step *step);

/* What is to be sealed; the state must not be NONE, AUTHENTICATING or OPENING. */
void session_seal(const struct session *session, struct session_sealed *sealed);

/* "none" and so on, for session.status. Static. */
const char *session_state_name(enum session_state state);
/* "card-removed" and so on: why the state changed last; "" when it has not. Static. */
const char *session_cause_name(enum session_input cause);
