/* SPDX-License-Identifier: MIT */
/*
 * Why each outcome of ipc/base/outcome.h comes about, and what an administrator does, for
 * lanyard-errors(7): the table there has what the person reads. A test sees that none is missing.
 */
#pragma once

#define OUTCOME_CAUSES(ROW)                                                                        \
    ROW("cancelled", "The person closed the prompt, or the page or program gave its request up.",  \
        "Nothing has to be done. Where nobody has cancelled: a page that was left, or prompts "    \
        "that were taken away three times running, end so, too.")                                  \
    ROW("timed-out", "Nobody typed a PIN, inserted a card or touched a key within pin-timeout.",   \
        "Raise pin-timeout in lanyard.conf(5) where people need longer.")                          \
    ROW("pin-wrong", "The card or key has refused the PIN, and counted it.",                       \
        "The prompt says how many tries are left.")                                                \
    ROW("pin-blocked", "The PIN was wrong as often as the card allows, mostly three times.",       \
        "lanyard pin unblock gives it a new PIN where the PUK is known; else the Registration "    \
        "Authority does.")                                                                         \
    ROW("pin-format", "The PIN is shorter or longer than the card says that PINs are.",            \
        "Nothing: it was not sent to the card.")                                                   \
    ROW("pin-refused", "The new PIN breaks the card's own rules: length, repetition, history.",    \
        "Tell people the rules of the cards' issuer.")                                             \
    ROW("puk-wrong", "The card has refused the PUK, and counted it.",                              \
        "Have the right PUK looked up before the next try.")                                       \
    ROW("puk-blocked", "The PUK was wrong too often.", "The card has to be replaced.")             \
    ROW("no-card", "No reader has a card in it.", "lanyard readers shows what the agent sees.")    \
    ROW("card-removed", "The card left while it was asked.",                                       \
        "Where nobody has pulled it: a loose reader or cable; the kernel's log shows it.")         \
    ROW("card-changed", "Another card was in than the one that was agreed to.",                    \
        "Nothing has to be done.")                                                                 \
    ROW("card-unreadable", "The card does not answer, or its certificates cannot be read.",        \
        "Try the card in another reader, and another card in this one.")                           \
    ROW("card-busy", "Another program holds the card for itself.",                                 \
        "lanyard doctor names the programs that use cards (LY-2404).")                             \
    ROW("card-unable",                                                                             \
        "The card's module does not offer that: it is no function of such a card, "                \
        "or the module's makers left it out.",                                                     \
        "Use the program that came with the card.")                                                \
    ROW("card-ambiguous", "The command is for one card, and several are in.",                      \
        "Name the reader by --reader; lanyard readers lists them.")                                \
    ROW("no-certificate", "The card has no certificate with digitalSignature for clients.",        \
        "lanyard cards shows what it has. Cards of series before 9 may need another module.")      \
    ROW("certificate-expired", "The certificate's last day has passed.",                           \
        "Have it renewed. The agent warns 90 days ahead; lanyard audit shows when.")               \
    ROW("certificate-not-yet-valid",                                                               \
        "The certificate's first day has not come, or the clock is wrong.",                        \
        "Compare the clock with the provider's: lanyard doctor does.")                             \
    ROW("issuer-unknown",                                                                          \
        "No chain leads from the certificate to an authority in the file that issuers names.",     \
        "Add the authority to that file if its cards are to sign in here.")                        \
    ROW("key-unsuitable",                                                                          \
        "Card and site have no algorithm in common, or the key is weaker than RSA-2048.",          \
        "lanyard cards shows the key; the site says what it accepts.")                             \
    ROW("certificate-revoked", "The authority, or the provider, has withdrawn the certificate.",   \
        "It stays so: the person needs another card.")                                             \
    ROW("no-reader", "pcscd sees no reader, or only those that ignore-reader names.",              \
        "lanyard doctor tells whether a driver is missing (LY-2402).")                             \
    ROW("reader-service-down", "pcscd does not run, or does not let this user in.",                \
        "lanyard doctor tells which (LY-2301 to LY-2308).")                                        \
    ROW("card-module-failed",                                                                      \
        "The module crashed, hung or answered what cannot be; its helper was ended.",              \
        "The journal has the helper's words. The agent starts it again by itself.")                \
    ROW("card-module-missing", "The file that module names is not there or cannot be loaded.",     \
        "lanyard doctor tells why (LY-2501, LY-2502).")                                            \
    ROW("remote-session",                                                                          \
        "logind says that the session is remote or has no seat, and the reader service is this "   \
        "computer's own.",                                                                         \
        "Where it has readers that are meant for such sessions: remote-sessions = yes in the "     \
        "section [cards]. Else redirect the person's own reader (LY-2418).")                       \
    ROW("reader-unknown", "A command named a reader that is not connected, or by another name.",   \
        "Copy the name from lanyard readers.")                                                     \
    ROW("prompt-unavailable", "pinentry could not be started, or could not show a window.",        \
        "lanyard doctor tells why (LY-2701, LY-2702).")                                            \
    ROW("busy", "Eight sign-ins wait, or sixteen requests of one connection.",                     \
        "A page that asks again and again: tell its makers.")                                      \
    ROW("interaction-required", "The request was silent, and nobody is signed in.",                \
        "Nothing has to be done: the page then asks in another way.")                              \
    ROW("not-allowed", "The origin is of no provider of the configuration.",                       \
        "Add it to lanyard.conf(5) exactly as the journal shows it, if it is to sign in.")         \
    ROW("invalid-request",                                                                         \
        "The request breaks the protocol; in an audit entry it is the beginning of a page's "      \
        "connection, though its origin may ask.",                                                  \
        "The sentence in the answer says where; PROTOCOL.md has the rules.")                       \
    ROW("agent-unreachable", "No agent of this user runs, or the broker does not reach it.",       \
        "lanyard doctor tells why (LY-2001 to LY-2109).")                                          \
    ROW("agent-too-old", "Page or program speak a newer protocol than the agent.",                 \
        "Upgrade the package; the agent of a session is replaced at the next log-in.")             \
    ROW("no-door", "The agent is not registered with the broker, or there is none.",               \
        "lanyard doctor tells why (LY-2101 to LY-2109).")                                          \
    ROW("permission-needed", "The browser asks people before a page may reach this computer.",     \
        "A managed policy answers for them; lanyard doctor says which is missing (LY-2901).")      \
    ROW("permission-denied", "Somebody has said no, or a policy does (LY-2902).",                  \
        "Take it back in the site's settings, or correct the policy.")                             \
    ROW("provider-unreachable", "The session endpoint did not answer, or not in time.",            \
        "lanyard doctor tells where the way ends (LY-2801 to LY-2805).")                           \
    ROW("provider-refused", "The provider did not accept what the card or key has signed.",        \
        "The provider's own log says why; lanyard audit has the moment.")                          \
    ROW("provider-busy", "The provider answered 429 or 503.", "Wait.")                             \
    ROW("provider-untrusted", "The server's certificate or its name could not be verified.",       \
        "lanyard doctor tells which (LY-2806 to LY-2809).")                                        \
    ROW("clock-wrong", "This computer's clock is more than two minutes off the provider's.",       \
        "Set it by a time server: timedatectl set-ntp true.")                                      \
    ROW("person-unknown", "The provider has no account for this certificate or key.",              \
        "Have the Registration Authority look at the account.")                                    \
    ROW("no-session", "No session, or one that has ended.", "lanyard audit tells why it ended.")   \
    ROW("session-exists", "There is one session at a time.", "Sign out first.")                    \
    ROW("sign-in-expired", "The provider's challenge, or its new session, was too old.",           \
        "Where it happens often: compare the clocks, lanyard doctor does.")                        \
    ROW("role-unknown", "The provider has not given the person that role.",                        \
        "lanyard session lists the roles.")                                                        \
    ROW("no-key", "No security key is plugged in that this user may open.",                        \
        "lanyard doctor tells whether one is kept from the user (LY-2601 to LY-2603).")            \
    ROW("key-removed", "The key left while it was asked.", "Try another USB socket.")              \
    ROW("key-not-registered", "The key has no credential for this site.",                          \
        "Have the person register it there first.")                                                \
    ROW("key-registered", "The site has listed a credential that is on this key.",                 \
        "Nothing has to be done.")                                                                 \
    ROW("key-unable", "The key lacks what the site asks for: a PIN, residence, an extension.",     \
        "lanyard key info shows what it can.")                                                     \
    ROW("key-blocked", "The key's PIN was wrong eight times.",                                     \
        "lanyard key reset erases it; then it is registered anew everywhere.")                     \
    ROW("key-locked", "The key's PIN was wrong three times running.",                              \
        "Pulling it out and plugging it in gives the next tries.")                                 \
    ROW("key-pin-not-set", "The key is new.", "lanyard key pin set")                               \
    ROW("key-pin-refused", "The new PIN breaks the key's own rules.",                              \
        "lanyard key info shows how long it has to be.")                                           \
    ROW("key-pin-set", "The key has a PIN already.", "lanyard key pin change")                     \
    ROW("key-full", "The key keeps as many sign-ins as it can.",                                   \
        "lanyard key credentials delete makes room.")                                              \
    ROW("key-failed", "The key answered with an error, or not as the standard says.",              \
        "The journal has its error's number.")                                                     \
    ROW("key-unverified", "The key's own check (a finger) did not know the person.",               \
        "Enrol the finger with its maker's program, or use the PIN.")                              \
    ROW("key-ambiguous", "The command is for one key, and several are plugged in.",                \
        "Name it by --key; lanyard keys lists them.")                                              \
    ROW("key-reset-late", "The standard allows a reset for ten seconds after plugging in only.",   \
        "Answer the question first, and plug the key in anew only when asked.")                    \
    ROW("credential-unknown", "No credential of that ID is on the key.",                           \
        "lanyard key credentials list shows those that are.")                                      \
    ROW("rp-id-not-allowed", "The site names a domain that is not its own or above it.",           \
        "Tell the site's makers.")                                                                 \
    ROW("keys-off", "The administrator has set [keys] enabled = no.",                              \
        "lanyard config show tells where.")                                                        \
    ROW("algorithm-unknown", "The site lists only algorithms that are not known here.",            \
        "Tell the site's makers.")                                                                 \
    ROW("key-unknown", "A command named a key that is not connected, or not any more.",            \
        "Copy its ID from lanyard keys.")                                                          \
    ROW("internal", "Memory, a system call, or a mistake in Lanyard.",                             \
        "The journal has the cause; lanyard doctor --bundle FILE collects it for its makers.")     \
    ROW("screen-open",                                                                             \
        "logind did not lock the session within two seconds, no screen saver of the desktop did, " \
        "and no configured command.",                                                              \
        "lanyard doctor tells why (LY-2703 to LY-2707); set lock-command "                         \
        "where the desktop has none.")

struct outcome_cause {
    const char *reason, *cause, *cure;
};
/* Static; NULL: the outcome of that reason has none. Any thread. */
const struct outcome_cause *outcome_cause_of(const char *reason);
/* The i-th, NULL behind the last. */
const struct outcome_cause *outcome_cause_at(unsigned i);
