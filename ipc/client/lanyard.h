/* SPDX-License-Identifier: MIT */
/*
 * liblanyard: sign a person in through the Lanyard agent of this desktop, from a native program.
 *
 *     struct lanyard *agent;
 *     struct lanyard_error error;
 *     if (lanyard_open(NULL, &agent, &error) == LANYARD_OK) {
 *         char *proof;
 *         if (lanyard_session_prove(agent, &(struct lanyard_session_prove){.challenge = nonce,
 *                 .origin = "https://provider.example"}, &proof, &error) == LANYARD_OK) {
 *             ...
 *             lanyard_free(proof);
 *         }
 *         lanyard_close(agent);
 *     }
 *
 * Everything blocks, with a time-out. One connection belongs to one thread at a time; only
 * lanyard_cancel may be called from elsewhere. Strings given are borrowed for the call. Nothing is
 * printed, no signal is sent, and descriptors are close-on-exec.
 */
#ifndef LANYARD_H
#define LANYARD_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a call ended. Compare these; show people the sentence of struct lanyard_error. */
enum lanyard_result {
    LANYARD_OK = 0,
    LANYARD_REFUSED = 1,     /* the agent said no: see reason and code of the error */
    LANYARD_CANCELLED = 2,   /* lanyard_cancel, or the person cancelled */
    LANYARD_TIMED_OUT = 3,   /* nobody answered in time */
    LANYARD_UNREACHABLE = 4, /* no agent answers at the path, or it went away */
    LANYARD_INVALID = 5,     /* the call itself is wrong */
    LANYARD_NO_MEMORY = 6,
};

/* What went wrong, in the words of the agent or of this library; always terminated. */
struct lanyard_error {
    enum lanyard_result result;
    char reason[48];    /* stable, to compare: "pin-blocked" */
    char code[16];      /* stable, to quote: "LY-1004" */
    char sentence[256]; /* for the person; for the developer when the reason is invalid-request */
    char advice[256];   /* what the person can do next */
};

/* A connection to the agent. */
struct lanyard;

/* Connects and says hello. path NULL: $XDG_RUNTIME_DIR/lanyard/agent. *agent is owned: release it
 * with lanyard_close; NULL unless LANYARD_OK. Waits at most five seconds. Any of the results but
 * CANCELLED. error may be NULL, here and below. */
enum lanyard_result lanyard_open(const char *path, struct lanyard **agent,
                                 struct lanyard_error *error);
/* Closes, which cancels what is under way. Takes NULL. */
void lanyard_close(struct lanyard *agent);

/* The agent's version, "0.1.0"; borrowed until lanyard_close. Does not block. */
const char *lanyard_version(const struct lanyard *agent);

/* What a request waits for. what: "turn", "reader", "card", "choice", "pin", "pin-pad",
 * "signature", "provider", "role", and of security keys "key", "other-key", "key-choice", "touch",
 * "verification", "key-pin", "account" or "replug", and while a card's PIN is set "puk" and
 * "new-pin" (or a later agent's word; ipc/PROTOCOL.md 2.3, 2.15). reader, or the security key's
 * name, may be NULL; tries_left is -1 when not known. Borrowed for the call, during which the
 * connection must not be used. */
typedef void lanyard_waiting_fn(void *context, const char *what, const char *reader,
                                int tries_left);

/* Members that are NULL or 0 have the default that is named. */
struct lanyard_sign_in {
    const char *challenge;         /* required: base64url, 32 to 256 bytes when decoded; for
                                      "web-eid:1.1" 44 to 128 printable ASCII characters */
    const char *origin;            /* required: the provider's, in the administrator's list */
    const char *format;            /* "jws" */
    const char *const *algorithms; /* NULL-terminated, best first: all */
    const char *interaction;       /* "if-needed" */
    int timeout_ms;                /* 120,000 */
    lanyard_waiting_fn *waiting;   /* none */
    void *context;                 /* of waiting */
};

/* The person signs the challenge with the card. *token is owned: for "jws" the token itself, for
 * "web-eid:1.1" its JSON text; release it with lanyard_free. NULL unless LANYARD_OK. Any of the
 * results; the connection stays usable after each but UNREACHABLE. */
enum lanyard_result lanyard_sign_in(struct lanyard *agent, const struct lanyard_sign_in *request,
                                    char **token, struct lanyard_error *error);

/* ---- the session: signed in once, for every program and page of this desktop ---- */

struct lanyard_session_prove {
    const char *challenge;       /* required: base64url, 32 to 256 bytes when decoded */
    const char *origin;          /* required: the provider's, in the administrator's list */
    const char *interaction;     /* "if-needed"; "silent" never asks the person, "force" always */
    const int *max_age;          /* the PIN was typed at most so many seconds ago, 0 to 86,400
                                    (OpenID Connect max_age). NULL: any time in the session */
    int timeout_ms;              /* 120,000 */
    lanyard_waiting_fn *waiting; /* none */
    void *context;               /* of waiting */
};

/* A proof that somebody is signed in at that provider, for the provider to verify (ipc/PROTOCOL.md
 * 3.3). The person signs in first where that is needed and interaction allows it. *proof is owned:
 * release it with lanyard_free; NULL unless LANYARD_OK. Any of the results, as lanyard_sign_in; the
 * error's reason is "no-session" where the session is another provider's, or where the provider
 * leaves opening it to its page. */
enum lanyard_result lanyard_session_prove(struct lanyard *agent,
                                          const struct lanyard_session_prove *request, char **proof,
                                          struct lanyard_error *error);

struct lanyard_session_begin {
    const char *origin;          /* of the provider; the first that has a session endpoint */
    const char *role;            /* "window": of several roles the agent lets the person choose;
                                    "caller": this program does, with lanyard_session_role */
    int timeout_ms;              /* 120,000 */
    lanyard_waiting_fn *waiting; /* none */
    void *context;               /* of waiting */
};

/* Signs the person in. *json is the session, the result of session.status (ipc/PROTOCOL.md 2.11):
 * owned, to be released with lanyard_free; NULL unless LANYARD_OK. Any of the results. Where
 * somebody is signed in at that provider already, it is that session (one that is locked asks for
 * card and PIN first); reason "session-exists" where the session is another provider's. */
enum lanyard_result lanyard_session_begin(struct lanyard *agent,
                                          const struct lanyard_session_begin *request, char **json,
                                          struct lanyard_error *error);

/* Who is signed in, in which role, until when; *json as above. "state" is "none" when nobody is.
 * At most five seconds. */
enum lanyard_result lanyard_session_status(struct lanyard *agent, char **json,
                                           struct lanyard_error *error);

struct lanyard_session_role {
    const char *role;            /* the id of one of the session's; the agent asks the person */
    int timeout_ms;              /* 120,000 */
    lanyard_waiting_fn *waiting; /* none */
    void *context;               /* of waiting */
};

/* Works in another role from now on; *json as above. Any of the results; reason "no-session" or
 * "role-unknown". */
enum lanyard_result lanyard_session_role(struct lanyard *agent,
                                         const struct lanyard_session_role *request, char **json,
                                         struct lanyard_error *error);

/* Signs out. LANYARD_OK also when nobody was signed in. At most five seconds. */
enum lanyard_result lanyard_session_end(struct lanyard *agent, struct lanyard_error *error);

/* ---- the card's PIN ---- */

struct lanyard_card_pin {
    const char *what;            /* required: "changePin", or by the PUK "unblockPin" */
    const char *reader;          /* the card in this one; the only card that is in */
    int timeout_ms;              /* 300,000 */
    lanyard_waiting_fn *waiting; /* none */
    void *context;               /* of waiting */
};

/* Gives a card another PIN (ipc/PROTOCOL.md 2.17); PIN and PUK are typed into the agent's window,
 * or on the reader's keys. Any of the results. */
enum lanyard_result lanyard_card_pin(struct lanyard *agent, const struct lanyard_card_pin *request,
                                     struct lanyard_error *error);

/* ---- security keys ---- */

/* Those that are in: the result of key.list (ipc/PROTOCOL.md 2.16) as JSON text, owned, to be
 * released with lanyard_free. No key is disturbed. At most five seconds. */
enum lanyard_result lanyard_key_list(struct lanyard *agent, char **json,
                                     struct lanyard_error *error);

struct lanyard_key {
    const char *what;            /* required: "info", "setPin", "changePin", "credentials",
                                    "deleteCredential", "renameCredential" or "reset" */
    const char *key;             /* its id; the only one that is in */
    const char *credential;      /* required to delete and to rename one: its id */
    const char *user_name;       /* required to rename one */
    const char *display_name;    /* required to rename one; may be "" */
    int timeout_ms;              /* 120,000 */
    lanyard_waiting_fn *waiting; /* none */
    void *context;               /* of waiting */
};

/* Does the upkeep of a security key (ipc/PROTOCOL.md 2.16); PINs are typed into the agent's window,
 * and a reset is asked about there. *json is the method's result, owned as above. Any of the
 * results. */
enum lanyard_result lanyard_key(struct lanyard *agent, const struct lanyard_key *request,
                                char **json, struct lanyard_error *error);

/* ---- the agent ---- */

/* Readers and cards, and the state of the agent: the results of card.list and agent.status as JSON
 * text (ipc/PROTOCOL.md), owned, to be released with lanyard_free. At most five seconds. */
enum lanyard_result lanyard_card_list(struct lanyard *agent, char **json,
                                      struct lanyard_error *error);
enum lanyard_result lanyard_status(struct lanyard *agent, char **json, struct lanyard_error *error);

/* Where a browser shows what the agent sees (ipc/PROTOCOL.md 1.3): *url is good once and for a
 * minute; owned, to be released with lanyard_free. At most five seconds. */
enum lanyard_result lanyard_open_status(struct lanyard *agent, char **url,
                                        struct lanyard_error *error);
/* What `lanyard doctor --json` has written, for that page to show. INVALID: it is no JSON.
 * REFUSED: it is no such text. At most five seconds. */
enum lanyard_result lanyard_note_doctor(struct lanyard *agent, const char *json,
                                        struct lanyard_error *error);

/* From now on the agent sends every notification to this connection. At most five seconds. */
enum lanyard_result lanyard_subscribe(struct lanyard *agent, struct lanyard_error *error);
/* The next notification, {"method", "params"} as JSON text, owned. Use a connection that asks
 * nothing else. timeout_ms -1: none. Results: OK, CANCELLED, TIMED_OUT, UNREACHABLE, NO_MEMORY. */
enum lanyard_result lanyard_next_event(struct lanyard *agent, int timeout_ms, char **json,
                                       struct lanyard_error *error);

/* Makes the call that blocks now, or the next one that would, return LANYARD_CANCELLED. Any thread,
 * and signal handlers; not after lanyard_close. Does not block. */
void lanyard_cancel(struct lanyard *agent);

/* Wipes and releases a string that a call has returned. Takes NULL. */
void lanyard_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
