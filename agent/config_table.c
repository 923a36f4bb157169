/* SPDX-License-Identifier: MIT */
/*
 * Every key: where it stands, what it means when it is absent, what it is for, what may be said of
 * it, by whom, and when it is obeyed. Parser, defaults, print-out, manual page and example file
 * have no other source: a new key is a row here, a member of struct config, and its paragraph in
 * packaging/man/lanyard.conf.5.in where one is needed.
 */
#include "agent/config_room.h"

#include "agent/session/session.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

static const struct config_word levels[] = {
    {LOG_LEVEL_ERROR, "error"},
    {LOG_LEVEL_WARNING, "warning"},
    {LOG_LEVEL_INFO, "info"},
    {LOG_LEVEL_DEBUG, "debug"},
    {0, NULL},
};

static const struct config_word switches[] = {{true, "yes"}, {false, "no"}, {0, NULL}};

static const struct config_word modes[] = {
    {SESSION_NORMAL, "normal"},
    {SESSION_ENHANCED_NORMAL, "enhanced-normal"},
    {SESSION_LOCK_PERSISTENCE, "lock-persistence"},
    {SESSION_MOBILITY, "mobility"},
    {0, NULL},
};
_Static_assert(sizeof modes / sizeof *modes == SESSION_MODES + 1, "every mode has its word");
_Static_assert(CONFIG_SESSION_MAX * 1000 == SESSION_ABSOLUTE_MAX_MS, "the longest that is granted");

_Static_assert(sizeof(enum log_level) == sizeof(unsigned) &&
                   sizeof(enum config_environment) == sizeof(unsigned),
               "words are kept as unsigned");

#define IN_CONFIG(member) .offset = offsetof(struct config, member)
#define IN_PROVIDER(member) .offset = offsetof(struct config_provider, member)

/* A row begins with section, name, fallback and meaning. Several fallbacks of a path with ':'
 * between them: the first that exists, else the first. A key that `when` is not said of is obeyed
 * at once; where a meaning has an example, the fallback is none. */
const struct config_row config_rows[] = {
    {{"agent", "log-level", "info",
      "How much is written to the journal: error, warning, info or debug.", .user = true},
     CONFIG_WORD,
     IN_CONFIG(log_level),
     .words = levels},
    {{"door", "broker-socket", "/run/lanyard/portd",
      "The socket on which lanyard-portd passes on the connections of pages.",
      .when = CONFIG_AT_START},
     CONFIG_SOCKET,
     IN_CONFIG(broker_socket)},
    {{"cards", "module",
      "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so:/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so:"
      "/usr/lib64/opensc-pkcs11.so:/usr/lib/opensc-pkcs11.so",
      "A PKCS#11 module through which cards are used.", .repeatable = true,
      .when = CONFIG_AT_START},
     CONFIG_PATHS,
     IN_CONFIG(modules)},
    {{"cards", "ignore-reader", "", "The exact name of a reader whose cards are left alone.",
      .repeatable = true, .user = true, .example = "Example Contactless Reader 00 01"},
     CONFIG_TEXTS,
     IN_CONFIG(ignored_readers)},
    {{"cards", "remote-sessions", "no",
      "Whether a remote session, and one that has no seat, uses this computer's readers and cards: "
      "yes or no.",
      .when = CONFIG_AT_ONCE},
     CONFIG_SWITCH,
     IN_CONFIG(cards_remote),
     .words = switches},
    {{"cards", "issuers", "",
      "A PEM file of the authorities whose cards may sign in; empty: any, the provider decides.",
      .example = "/etc/lanyard/issuers.pem"},
     CONFIG_PATH,
     IN_CONFIG(issuers)},
    {{"cards", "revocation-lists", "",
      "A PEM file of the issuers' revocation lists, whose cards may not sign in; empty: none, the "
      "provider decides.",
      .example = "/etc/lanyard/revoked.pem"},
     CONFIG_PATH,
     IN_CONFIG(revocation_lists)},
    {{"cards", "pin-timeout", "120",
      "After how many seconds (10 to 600) without a PIN a sign-in is given up.", .user = true},
     CONFIG_SECONDS,
     IN_CONFIG(pin_timeout),
     CONFIG_PIN_TIMEOUT_MIN,
     CONFIG_PIN_TIMEOUT_MAX},
    {{"keys", "enabled", "yes", "Whether security keys are used: yes or no.",
      .when = CONFIG_AT_START},
     CONFIG_SWITCH,
     IN_CONFIG(keys_enabled),
     .words = switches},
    {{"keys", "redirect-socket", "",
      "The socket on which a remote-desktop client offers its security key; empty: none.",
      .when = CONFIG_AT_START, .example = "/run/remote-desktop/security-key"},
     CONFIG_SOCKET,
     IN_CONFIG(keys_redirect)},
    {{"prompt", "program", "/usr/bin/pinentry", "The pinentry program that asks for the PIN.",
      .when = CONFIG_AT_ONCE},
     CONFIG_PATH,
     IN_CONFIG(pinentry)},
    {{"session", "mode", "normal",
      "What becomes of a session when its card leaves: normal, enhanced-normal, lock-persistence "
      "or mobility.",
      .repeatable = true, .when = CONFIG_AT_SESSION},
     CONFIG_MODES,
     IN_CONFIG(session_modes),
     .words = modes},
    {{"session", "grace", "0",
      "For how many seconds (0 to 3600) after its card has left a session can still be kept by "
      "putting the card back.",
      .when = CONFIG_AT_SESSION},
     CONFIG_SECONDS,
     IN_CONFIG(session_grace),
     0,
     CONFIG_GRACE_MAX},
    {{"session", "limit", "36000", "After how many seconds (60 to 36000) every session ends.",
      .when = CONFIG_AT_SESSION},
     CONFIG_SECONDS,
     IN_CONFIG(session_limit),
     CONFIG_SESSION_MIN,
     CONFIG_SESSION_MAX},
    {{"session", "idle-limit", "0",
      "After how many seconds (0 to 36000) without use a session ends; 0: no such limit.",
      .when = CONFIG_AT_SESSION},
     CONFIG_SECONDS,
     IN_CONFIG(session_idle),
     0,
     CONFIG_SESSION_MAX},
    {{"session", "reauthenticate", "0",
      "After how many seconds (0 to 36000) mobility asks for card and PIN again; 0: not before the "
      "limit.",
      .when = CONFIG_AT_SESSION},
     CONFIG_SECONDS,
     IN_CONFIG(session_reauthenticate),
     0,
     CONFIG_SESSION_MAX},
    {{"session", "sign-in-at-insertion", "yes",
      "Whether inserting a card starts a sign-in by itself: yes or no.", .user = true},
     CONFIG_SWITCH,
     IN_CONFIG(session_at_insertion),
     .words = switches},
    {{"desktop", "lock", "yes", "Whether the desktop is locked when the card leaves: yes or no.",
      .when = CONFIG_AT_SESSION},
     CONFIG_SWITCH,
     IN_CONFIG(desktop_lock),
     .words = switches},
    {{"desktop", "lock-command", "",
      "A program by its absolute path, and its arguments, that locks the desktop; empty: none.",
      .when = CONFIG_AT_START, .example = "/usr/bin/swaylock -f"},
     CONFIG_COMMAND,
     IN_CONFIG(desktop_lock_command)},
    {{"notices", "sign-in", "yes",
      "Whether a notice on the desktop says that somebody is signed in, or that a sign-in which "
      "began by itself has failed: yes or no.",
      .user = true},
     CONFIG_SWITCH,
     IN_CONFIG(notices_sign_in),
     .words = switches},
    {{"notices", "lock", "yes",
      "Whether a notice says that the session is locked or over: yes or no.", .user = true},
     CONFIG_SWITCH,
     IN_CONFIG(notices_lock),
     .words = switches},
    {{"notices", "expiry", "yes",
      "Whether a notice says that a smartcard expires within 90 days, or has: yes or no.",
      .user = true},
     CONFIG_SWITCH,
     IN_CONFIG(notices_expiry),
     .words = switches},
    {{"notices", "server", "yes",
      "Whether a notice says that the sign-in service cannot be reached, or has ended the session: "
      "yes or no.",
      .user = true},
     CONFIG_SWITCH,
     IN_CONFIG(notices_server),
     .words = switches},
    {{"user", "lock", "",
      "A key that users may not set in files of their own, as section.key, or all of them: all.",
      .repeatable = true, .example = "all"},
     CONFIG_LOCKS,
     IN_CONFIG(locks)},
    {{"provider", "environment", "",
      "Whose people sign in there: live, dep, int, dev, training or sandbox; empty: not said.",
      .example = "live"},
     CONFIG_WORD,
     IN_PROVIDER(environment),
     .words = config_environment_words},
    {{"provider", "origin", "",
      "An origin, such as https://login.example.nhs.uk, whose pages may ask for a sign-in.",
      .repeatable = true, .example = "https://login.example.nhs.uk"},
     CONFIG_ORIGINS,
     IN_PROVIDER(origins)},
    {{"provider", "issuer", "",
      "The provider's OpenID Connect issuer, which lanyard doctor asks; empty: the environment's.",
      .example = "https://login.example.nhs.uk:443/oidc"},
     CONFIG_ISSUER,
     IN_PROVIDER(issuer)},
    {{"provider", "session-endpoint", "",
      "The URL at which the provider opens, keeps and ends sessions; empty: it has none.",
      .example = "https://login.example.nhs.uk/session"},
     CONFIG_ENDPOINT,
     IN_PROVIDER(session_endpoint)},
    {{"provider", "authorities", "",
      "A PEM file of the authorities that vouch for the session endpoint; empty: the system's.",
      .example = "/etc/lanyard/provider.pem"},
     CONFIG_PATH,
     IN_PROVIDER(authorities)},
    {{"provider", "proxy", "",
      "The proxy on the way to the session endpoint; empty: what the environment says.",
      .example = "http://proxy.example.nhs.uk:8080"},
     CONFIG_PROXY,
     IN_PROVIDER(proxy)},
};
const size_t config_row_count = sizeof config_rows / sizeof *config_rows;
_Static_assert(sizeof config_rows / sizeof *config_rows <= CONFIG_KEYS_MAX, "places for every key");

const struct config_key *config_key_at(size_t i)
{
    return i < config_row_count ? &config_rows[i].is : NULL;
}

bool config_key_is_path(const struct config_key *key)
{
    const struct config_row *row = config_row_named(key->section, key->name);
    return row->type == CONFIG_PATH || row->type == CONFIG_SOCKET || row->type == CONFIG_PATHS;
}

bool config_row_of_provider(const struct config_row *row)
{
    return strcmp(row->is.section, "provider") == 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The number of insertions, deletions and replacements from a to b (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[CONFIG_LINE_MAX + 2];
    unsigned width = (unsigned)strnlen(b, CONFIG_LINE_MAX);
    for (unsigned j = 0; j <= width; j++)
        row[j] = j;
    for (unsigned i = 0; a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (unsigned j = 1; j <= width; j++) {
            unsigned replaced = diagonal + (lower(a[i]) != lower(b[j - 1]));
            unsigned skipped = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < skipped ? replaced : skipped;
        }
    }
    return row[width];
}

bool config_is_nearer(const char *word, const char *candidate, unsigned *least)
{
    unsigned third = (unsigned)strlen(word) / 3;
    unsigned changes = distance(word, candidate);
    if (changes >= *least || changes > (third > 0 ? third : 1))
        return false;
    *least = changes;
    return true;
}

const struct config_row *config_row_named(const char *section, const char *name)
{
    for (size_t i = 0; i < config_row_count; i++)
        if (strcmp(config_rows[i].is.section, section) == 0 &&
            strcmp(config_rows[i].is.name, name) == 0)
            return &config_rows[i];
    return NULL;
}

const struct config_row *config_row_nearest(const char *section, const char *word)
{
    const struct config_row *best = NULL;
    unsigned least = UINT_MAX;
    for (size_t i = 0; i < config_row_count; i++) {
        const struct config_key *key = &config_rows[i].is;
        if (section && strcmp(key->section, section) != 0)
            continue;
        if (config_is_nearer(word, section ? key->name : key->section, &least))
            best = &config_rows[i];
    }
    return best;
}
