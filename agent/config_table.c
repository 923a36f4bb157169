/* SPDX-License-Identifier: MIT */
/*
 * Every key: where it stands, what it means when it is absent, what it is for, and what may be said
 * of it. Parser, defaults, print-out and manual page have no other source.
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

#define IN_CONFIG(member) .offset = offsetof(struct config, member)
#define IN_PROVIDER(member) .offset = offsetof(struct config_provider, member)

/* Several fallbacks of a path with ':' between them: the first that exists, else the first. */
const struct config_row config_rows[CONFIG_KEYS] = {
    {{"agent", "log-level", "info",
      "How much is written to the journal: error, warning, info or debug.", false},
     CONFIG_LEVEL,
     IN_CONFIG(log_level),
     .words = levels},
    {{"door", "broker-socket", "/run/lanyard/portd",
      "The socket on which lanyard-portd passes on the connections of pages.", false},
     CONFIG_SOCKET,
     IN_CONFIG(broker_socket)},
    {{"cards", "module",
      "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so:/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so:"
      "/usr/lib64/opensc-pkcs11.so:/usr/lib/opensc-pkcs11.so",
      "A PKCS#11 module through which cards are used.", true},
     CONFIG_PATHS,
     IN_CONFIG(modules)},
    {{"cards", "ignore-reader", "", "The exact name of a reader whose cards are left alone.", true},
     CONFIG_READERS,
     IN_CONFIG(ignored_readers)},
    {{"cards", "issuers", "",
      "A PEM file of the authorities whose cards may sign in; empty: any, the provider decides.",
      false},
     CONFIG_PATH,
     IN_CONFIG(issuers)},
    {{"cards", "pin-timeout", "120",
      "After how many seconds (10 to 600) without a PIN a sign-in is given up.", false},
     CONFIG_SECONDS,
     IN_CONFIG(pin_timeout),
     CONFIG_PIN_TIMEOUT_MIN,
     CONFIG_PIN_TIMEOUT_MAX},
    {{"keys", "enabled", "yes", "Whether security keys are used: yes or no.", false},
     CONFIG_SWITCH,
     IN_CONFIG(keys_enabled),
     .words = switches},
    {{"keys", "redirect-socket", "",
      "The socket on which a remote-desktop client offers its security key; empty: none.", false},
     CONFIG_SOCKET,
     IN_CONFIG(keys_redirect)},
    {{"prompt", "program", "/usr/bin/pinentry", "The pinentry program that asks for the PIN.",
      false},
     CONFIG_PATH,
     IN_CONFIG(pinentry)},
    {{"session", "mode", "normal",
      "What becomes of a session when its card leaves: normal, enhanced-normal, lock-persistence "
      "or mobility.",
      true},
     CONFIG_MODES,
     IN_CONFIG(session_modes),
     .words = modes},
    {{"session", "grace", "0",
      "For how many seconds (0 to 3600) after its card has left a session can still be kept by "
      "putting the card back.",
      false},
     CONFIG_SECONDS,
     IN_CONFIG(session_grace),
     0,
     CONFIG_GRACE_MAX},
    {{"session", "limit", "36000", "After how many seconds (60 to 36000) every session ends.",
      false},
     CONFIG_SECONDS,
     IN_CONFIG(session_limit),
     CONFIG_SESSION_MIN,
     CONFIG_SESSION_MAX},
    {{"session", "idle-limit", "0",
      "After how many seconds (0 to 36000) without use a session ends; 0: no such limit.", false},
     CONFIG_SECONDS,
     IN_CONFIG(session_idle),
     0,
     CONFIG_SESSION_MAX},
    {{"session", "reauthenticate", "0",
      "After how many seconds (0 to 36000) mobility asks for card and PIN again; 0: not before the "
      "limit.",
      false},
     CONFIG_SECONDS,
     IN_CONFIG(session_reauthenticate),
     0,
     CONFIG_SESSION_MAX},
    {{"session", "sign-in-at-insertion", "yes",
      "Whether inserting a card starts a sign-in by itself: yes or no.", false},
     CONFIG_SWITCH,
     IN_CONFIG(session_at_insertion),
     .words = switches},
    {{"desktop", "lock", "yes", "Whether the desktop is locked when the card leaves: yes or no.",
      false},
     CONFIG_SWITCH,
     IN_CONFIG(desktop_lock),
     .words = switches},
    {{"desktop", "lock-command", "",
      "A program by its absolute path, and its arguments, that locks the desktop; empty: none.",
      false},
     CONFIG_COMMAND,
     IN_CONFIG(desktop_lock_command)},
    {{"provider", "origin", "",
      "An origin, such as https://login.example.nhs.uk, whose pages may ask for a sign-in.", true},
     CONFIG_ORIGINS,
     IN_PROVIDER(origins)},
    {{"provider", "session-endpoint", "",
      "The URL at which the provider opens, keeps and ends sessions; empty: it has none.", false},
     CONFIG_ENDPOINT,
     IN_PROVIDER(session_endpoint)},
    {{"provider", "authorities", "",
      "A PEM file of the authorities that vouch for the session endpoint; empty: the system's.",
      false},
     CONFIG_PATH,
     IN_PROVIDER(authorities)},
    {{"provider", "proxy", "",
      "The proxy on the way to the session endpoint; empty: what the environment says.", false},
     CONFIG_PROXY,
     IN_PROVIDER(proxy)},
};

const struct config_key *config_key_at(size_t i)
{
    return i < CONFIG_KEYS ? &config_rows[i].is : NULL;
}

bool config_row_of_provider(const struct config_row *row)
{
    return strcmp(row->is.section, "provider") == 0;
}

/* The number of insertions, deletions and replacements from a to b (Levenshtein); both at most
 * CONFIG_LINE_MAX long. */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[CONFIG_LINE_MAX + 2];
    unsigned width = (unsigned)strnlen(b, CONFIG_LINE_MAX);
    for (unsigned j = 0; j <= width; j++)
        row[j] = j;
    for (unsigned i = 0; a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (unsigned j = 1; j <= width; j++) {
            unsigned replaced = diagonal + (a[i] != b[j - 1]);
            unsigned skipped = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < skipped ? replaced : skipped;
        }
    }
    return row[width];
}

const struct config_row *config_row_nearest(const char *section, const char *word)
{
    const struct config_row *best = NULL;
    unsigned least = UINT_MAX;
    for (size_t i = 0; i < CONFIG_KEYS; i++) {
        const struct config_key *key = &config_rows[i].is;
        if (section && strcmp(key->section, section) != 0)
            continue;
        unsigned distance = edit_distance(word, section ? key->name : key->section);
        if (distance < least) {
            least = distance;
            best = &config_rows[i];
        }
    }
    return best;
}
