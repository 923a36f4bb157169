/* SPDX-License-Identifier: MIT */
/*
 * The agent's two doors: the WebSocket for pages and the Unix socket for native programs, with the
 * JSON-RPC both speak (ipc/PROTOCOL.md). Behind them stands one service, which never sees JSON, a
 * socket or a header: it gets typed requests from callers that have been let in.
 *
 * Loop thread only. Nothing blocks. Strings in structs given to the service are borrowed for the
 * call; strings the service gives are borrowed for the call.
 */
#pragma once

#include "ipc/base/bytes.h"
#include "ipc/loop.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
    ORIGIN_TEXT_MAX = 270, /* https:// + a host name of 253 + :65535 */
    CHALLENGE_BYTES_MIN = 32,
    CHALLENGE_BYTES_MAX = 256,
    CHALLENGE_TEXT_MAX = 342,   /* base64url of 256 bytes */
    WEB_EID_CHALLENGE_MIN = 44, /* characters; base64 of 32 bytes with its padding */
    WEB_EID_CHALLENGE_MAX = 128,
    SESSION_ID_MAX = 128,
    ROLE_ID_MAX = 64,
    ROLE_TEXT_MAX = 256,
    ROLES_MAX = 256,
    MAX_AGE_SECONDS_MAX = 86400,
};

/* ---- callers and requests ---- */

enum door_kind { DOOR_WEB, DOOR_NATIVE };

struct caller {
    enum door_kind door;
    char origin[ORIGIN_TEXT_MAX + 1]; /* DOOR_WEB: as checked against the list; else empty */
    pid_t pid;                        /* DOOR_NATIVE: SO_PEERCRED; else 0 */
};

/* One request that awaits its answer. The service owns it from the call on until it answers it
 * with exactly one of the answer_ functions below, which release it. */
struct request;

const struct caller *request_caller(const struct request *request);

enum token_format { TOKEN_JWS, TOKEN_WEB_EID };
enum interaction { INTERACTION_IF_NEEDED, INTERACTION_SILENT, INTERACTION_FORCE };

struct sign_in_params {
    char challenge[CHALLENGE_TEXT_MAX + 1]; /* as the caller wrote it; checked for the format */
    enum token_format format;
    enum interaction interaction;
    unsigned algorithm_count;
    uint8_t algorithms[4]; /* enum card_algorithm (ipc/card_message.h), best first; never empty */
    char origin[ORIGIN_TEXT_MAX + 1]; /* the caller's, or what a native caller named: in the list */
};

struct session_prove_params {
    char challenge[CHALLENGE_TEXT_MAX + 1]; /* base64url, checked */
    enum interaction interaction;
    long max_age;                     /* seconds, at most MAX_AGE_SECONDS_MAX; -1: any */
    char origin[ORIGIN_TEXT_MAX + 1]; /* the caller's, or what a native caller named: in the list */
};

struct session_begin_params {
    char sid[SESSION_ID_MAX + 1];     /* "": the agent opens the session itself */
    char origin[ORIGIN_TEXT_MAX + 1]; /* as above; "" of a native caller: the default provider's */
    bool caller_chooses_role;
};

struct session_role_params {
    char role[ROLE_ID_MAX + 1]; /* "": to be asked for */
};

/* ---- what the service says ---- */

/* A certificate with which the card holder signs documents, and what its key can make. */
struct web_eid_signing_certificate {
    const char *certificate; /* base64 DER */
    uint8_t algorithms;      /* set of enum card_algorithm */
};

/* A web-eid:1.1 token carries intermediates or signing certificates; one with neither is
 * web-eid:1.0. */
struct web_eid_token {
    const char *certificate; /* base64 DER */
    const char *algorithm;   /* "ES256" */
    const char *signature;   /* base64 */
    size_t intermediate_count;
    const char *const *intermediates; /* base64 DER, the holder's issuer first */
    size_t signing_count;             /* counts only without intermediates */
    const struct web_eid_signing_certificate *signing;
};

/* A result of either kind; the other pointer is NULL. */
struct sign_in_result {
    const char *jws;
    const struct web_eid_token *web_eid;
};

enum waiting_for {
    WAITING_TURN,
    WAITING_READER,
    WAITING_CARD,
    WAITING_CHOICE,
    WAITING_PIN,
    WAITING_PIN_PAD,
    WAITING_SIGNATURE,
    WAITING_PROVIDER,
    WAITING_ROLE,
    WAITING_CARD_OR_KEY,  /* insert a card or plug a security key in, whichever is there */
    WAITING_KEY,          /* plug a security key in */
    WAITING_OTHER_KEY,    /* plug another one in */
    WAITING_KEY_CHOICE,   /* touch the one that is meant */
    WAITING_TOUCH,        /* touch the key */
    WAITING_VERIFICATION, /* a finger on the key, or its own PIN pad */
    WAITING_KEY_PIN,      /* type the key's PIN */
    WAITING_ACCOUNT,      /* say which account */
    WAITING_PUK,          /* type the card's PUK */
    WAITING_NEW_PIN,      /* choose a new PIN for the card, and type it twice */
    WAITING_REPLUG,       /* pull the key out and plug it in again */
    WAITING_USE_KEY,      /* all that a page is told of the security key's before it */
};

struct reader_view {
    const char *name;
    const char *state; /* "empty", "card", "unreadable", "unavailable" */
    bool pin_pad;
};

struct certificate_view {
    const char *use;     /* "authentication", "signature", "authority", "other" */
    const char *subject; /* RFC 4514 */
    const char *uid;     /* NULL: none */
    const char *issuer;
    const char *serial;                 /* hexadecimal */
    const char *not_before, *not_after; /* RFC 3339, UTC */
    long days_left;                     /* whole ones until it expires; negative: it has */
    const char *key;                    /* "RSA-2048", "P-256" */
    bool chosen;
    const char *problem; /* an outcome's reason; NULL: none */
};

struct card_view {
    const char *reader, *module, *label, *serial;
    int tries_left;        /* -1: unknown */
    const char *pin_state; /* "ok", "low", "final", "blocked" */
    bool pin_pad;
    size_t certificate_count;
    const struct certificate_view *certificates;
};

struct card_list {
    size_t reader_count;
    const struct reader_view *readers;
    size_t card_count;
    const struct card_view *cards;
};

struct module_view {
    const char *path;
    const char *state;  /* "starting", "ready", "failed" */
    const char *detail; /* NULL: none */
};

/* A card that expires within 90 days, or has. */
struct expiry_view {
    const char *reader;
    const char *uid;       /* NULL: none */
    const char *not_after; /* RFC 3339, UTC */
    long days_left;        /* whole ones; negative: it has expired */
};

struct agent_status {
    const char *configuration;    /* the mark of the one in force (agent/settings.h) */
    const char *reader_service;   /* "up", "down" */
    const char *readers_withheld; /* the reason of an outcome: why there are none; NULL: they count
                                   */
    size_t module_count;
    const struct module_view *modules;
    size_t reader_count, card_count, key_count, operation_count;
    size_t expiring_count;
    const struct expiry_view *expiring;
};

struct role_view {
    const char *id, *name, *organisation;
    const char *code; /* NULL: none */
};

/* PROTOCOL.md 2.11. While `live` is false only state, cause and pending_ends count. At most
 * ROLES_MAX roles of ROLE_TEXT_MAX bytes each text, without control characters: that much fits a
 * message. */
struct session_view {
    const char *state;
    const char *cause; /* NULL: none */
    bool live;
    const char *provider, *sid, *uid;
    const char *name;             /* NULL: not said */
    const struct role_view *role; /* NULL: none chosen */
    size_t role_count;
    const struct role_view *roles;
    const char *acr; /* NULL: not said */
    size_t amr_count;
    const char *const *amr;
    long long auth_time;  /* seconds since the epoch */
    long long expires_in; /* seconds */
    long long idle_in;    /* seconds; -1: no limit */
    bool card, reachable;
    size_t pending_ends;
};

/* One that `lanyard doctor` has made. Texts from a native caller, UTF-8 without control characters.
 */
struct finding_view {
    char code[16], severity[16], meaning[512], cure[512];
    char detail[512]; /* what is so here; "": nothing more */
};

enum { FINDINGS_MAX = 64 };

struct findings {
    bool healthy;
    size_t count;
    struct finding_view at[FINDINGS_MAX];
};

/* Each answers, and releases *request; it is NULL afterwards. If the caller has gone meanwhile the
 * answer is dropped. answer_error takes outcomes and faults alike (outcome_of). */
void answer_sign_in(struct request **request, const struct sign_in_result *result);
void answer_card_list(struct request **request, const struct card_list *list);
void answer_status(struct request **request, const struct agent_status *status);
void answer_proof(struct request **request, const char *jws);
void answer_session(struct request **request, const struct session_view *view);
void answer_done(struct request **request); /* {} */
/* Where a browser finds the page: a URL that is good once (PROTOCOL.md 1.3). */
void answer_status_url(struct request **request);
void answer_error(struct request **request, int result);

/* operation.waiting to the request's caller. reader (or the security key's name) NULL and
 * tries_left -1: not said. Pages are told nothing of security keys but to use one, and once: which
 * are in, and what is on them, is theirs to know when the person has used one (WebAuthn §14.5). */
void request_waiting(struct request *request, enum waiting_for what, const char *reader,
                     int tries_left);

/* ---- the service ---- */

struct card_pin_params; /* ipc/door/card_pin.h */
struct key_params;      /* ipc/door/keys.h */
struct webauthn_params; /* ipc/door/webauthn.h */

/* Every callback is needed. */
struct service {
    void *context;
    void (*sign_in)(void *context, struct request *request, const struct sign_in_params *params);
    void (*session_prove)(void *context, struct request *request,
                          const struct session_prove_params *params);
    void (*session_begin)(void *context, struct request *request,
                          const struct session_begin_params *params);
    void (*session_status)(void *context, struct request *request);
    void (*session_role)(void *context, struct request *request,
                         const struct session_role_params *params);
    void (*session_end)(void *context, struct request *request);
    void (*card_list)(void *context, struct request *request);
    void (*card_pin)(void *context, struct request *request, const struct card_pin_params *params);
    /* Both methods. The service may take what params owns and leave it empty. */
    void (*webauthn)(void *context, struct request *request, struct webauthn_params *params);
    void (*key_list)(void *context, struct request *request);
    void (*key_upkeep)(void *context, struct request *request, const struct key_params *params);
    void (*status)(void *context, struct request *request);
    /* findings: what `lanyard doctor` has found, for the page to show (answer_done); NULL: the
     * page's URL is wanted (answer_status_url). */
    void (*open_status)(void *context, struct request *request, const struct findings *findings);
    /* The page on which a person sees what the agent sees, as HTML whose style has this nonce,
     * appended to *html. False: it cannot be made. */
    bool (*status_page)(void *context, const char *nonce, struct bytes *html);
    /* The caller gave up (operation.cancel) or went away: the service must still answer it,
     * soon, with OUTCOME_CANCELLED. Never called from within an answer_ function. */
    void (*cancel)(void *context, struct request *request);
    /* For the audit trail: a page's handshake or a native sign-in was turned away with that
     * outcome. origin: as it was offered, printable ASCII, cut to ORIGIN_TEXT_MAX; "" when there
     * was none. At most ten a minute; the log says how many more there were. The caller has its
     * refusal by now. */
    void (*refused)(void *context, const struct caller *caller, const char *origin, int result);
};

/* ---- the doors ---- */

struct doors_config {
    const char *native_path; /* the Unix socket to create; its folder is made 0700 if missing */
    int native_fd;           /* that socket, listening already (taken), or 0: it is created */
    /* Both borrowed for the doors' life. */
    const char *broker_path;    /* lanyard-portd's socket; NULL or "": no WebSocket door */
    const char *const *origins; /* the administrator's list, canonical, NULL-terminated */
};

struct doors;

/* Opens both doors. The native socket must open, else NULL (logged); a broker that is not there yet
 * is tried again when its socket appears or it comes back (inotify, no timer while idle). A stale
 * socket is replaced; one on which another agent answers is a fault. */
struct doors *doors_open(struct loop *loop, const struct doors_config *config,
                         const struct service *service);
/* Closes every connection; requests under way are cancelled first. */
void doors_close(struct doors **doors);
/* Another list of origins, borrowed from now on. Pages that are not in it are cut off, what they
 * have asked for is cancelled. */
void doors_set_origins(struct doors *doors, const char *const *origins);
/* Waits and serves until loop_stop: libwebsockets does the waiting. 0 or -errno. */
int doors_run(struct doors *doors);

/* card.changed to subscribed native connections (the whole list), and the two counts to pages with
 * a card.signIn, session.prove or session.begin under way. */
void doors_card_changed(struct doors *doors, const struct card_list *list);

/* session.changed to subscribed native connections and to every page of these origins
 * (NULL-terminated). Written to their sockets before it returns, as far as those take it. A
 * connection that cannot be told is closed. */
void doors_session_changed(struct doors *doors, const struct session_view *view,
                           const char *const *origins);

/* ---- methods ---- */

/* The dispatcher's own table, in its order; PROTOCOL.md's table is held against it. Any thread. */
size_t door_method_count(void);
const char *door_method_name(size_t i); /* static; NULL beyond the last */
bool door_method_native_only(size_t i);

/* ---- origins (RFC 6454, RFC 6455 §10.2) ---- */

/* True if text is an origin in its one canonical spelling: https, lower-case ASCII host name, IPv4
 * or [IPv6], no trailing dot, port only when not the scheme's own, nothing behind. http only with
 * 127.0.0.1, localhost and [::1]: elsewhere its pages are no secure contexts. */
bool origin_canonical(const char *text, size_t len);
