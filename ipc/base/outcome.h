/* SPDX-License-Identifier: MIT */
/*
 * Every way in which a request can end, in one table: the program's enumerator, the stable number
 * (LY-nnnn in pages, journal and command line; also the JSON-RPC error code), the reason that
 * programs compare, the sentence a person reads, and what that person can do next.
 *
 * Functions of this project return an int: 0 is success; a negative number is a fault (-errno:
 * memory, broken protocol, system call), logged once where it arises and forwarded; a positive
 * number is one of these outcomes, listed in the function's header comment and handled by the
 * caller. Numbers and reasons are never reused or changed. Any thread.
 */
#pragma once

#define OUTCOME_TABLE(ROW)                                                                         \
    /* the person */                                                                               \
    ROW(CANCELLED, 1001, "cancelled", "The sign-in was cancelled.",                                \
        "Start again when you are ready, or choose another way to sign in.")                       \
    ROW(TIMED_OUT, 1002, "timed-out", "Nobody answered in time, so it was given up.",              \
        "Start again when you are ready.")                                                         \
    ROW(PIN_WRONG, 1003, "pin-wrong", "That PIN is wrong.", "Type the PIN again.")                 \
    ROW(PIN_BLOCKED, 1004, "pin-blocked",                                                          \
        "This card is blocked because the PIN was wrong too often.",                               \
        "Ask your Registration Authority to unblock it. Until then, sign in another way.")         \
    ROW(PIN_FORMAT, 1005, "pin-format", "That cannot be the PIN: its length is wrong.",            \
        "Type the PIN again. This has not counted as a try.")                                      \
    ROW(PIN_REFUSED, 1006, "pin-refused", "The card does not accept that as its new PIN.",         \
        "Choose another one. The PIN has not been changed.")                                       \
    ROW(PUK_WRONG, 1007, "puk-wrong", "That PUK is wrong.", "Type the PUK again.")                 \
    ROW(PUK_BLOCKED, 1008, "puk-blocked",                                                          \
        "This card cannot be unblocked any more because the PUK was wrong too often.",             \
        "Ask your Registration Authority for another card. Until then, sign in another way.")      \
    /* the card */                                                                                 \
    ROW(NO_CARD, 1101, "no-card", "There is no smartcard in the reader.",                          \
        "Insert your smartcard and start again.")                                                  \
    ROW(CARD_REMOVED, 1102, "card-removed", "The smartcard was taken out before it had signed.",   \
        "Insert it again, leave it in, and start again.")                                          \
    ROW(CARD_CHANGED, 1103, "card-changed", "The smartcard was exchanged for another one.",        \
        "Nobody was signed in. Leave one card in the reader and start again.")                     \
    ROW(CARD_UNREADABLE, 1104, "card-unreadable", "The smartcard in the reader cannot be read.",   \
        "Take it out, wipe the chip, and insert it with the chip facing the reader's contacts.")   \
    ROW(CARD_BUSY, 1105, "card-busy", "Another program is using the smartcard.",                   \
        "Close that program's card window, or wait a moment, and start again.")                    \
    ROW(CARD_UNABLE, 1106, "card-unable",                                                          \
        "This smartcard, its reader or its software cannot do that here.",                         \
        "Use the program that came with the card, or ask your Registration Authority.")            \
    ROW(CARD_AMBIGUOUS, 1107, "card-ambiguous", "Several smartcards are in.",                      \
        "Leave only one in, or say by --reader which is meant.")                                   \
    /* the certificate */                                                                          \
    ROW(NO_CERTIFICATE, 1201, "no-certificate",                                                    \
        "This smartcard holds no certificate for signing in.",                                     \
        "Ask your Registration Authority to check the card.")                                      \
    ROW(CERTIFICATE_EXPIRED, 1202, "certificate-expired",                                          \
        "The certificate on this smartcard has expired.",                                          \
        "Ask your Registration Authority to renew it. Until then, sign in another way.")           \
    ROW(CERTIFICATE_NOT_YET_VALID, 1203, "certificate-not-yet-valid",                              \
        "The certificate on this smartcard is not valid yet.",                                     \
        "Check that this computer's date and time are right.")                                     \
    ROW(ISSUER_UNKNOWN, 1204, "issuer-unknown",                                                    \
        "The certificate on this smartcard comes from an authority that is not trusted here.",     \
        "Use the smartcard that your NHS organisation issued, or ask your IT service desk.")       \
    ROW(KEY_UNSUITABLE, 1205, "key-unsuitable",                                                    \
        "The key on this smartcard cannot make a signature that this site accepts.",               \
        "Ask your IT service desk: card and site have no signature algorithm in common.")          \
    ROW(CERTIFICATE_REVOKED, 1206, "certificate-revoked", "This smartcard has been withdrawn.",    \
        "Ask your Registration Authority about it. Until then, sign in another way.")              \
    /* the reader */                                                                               \
    ROW(NO_READER, 1301, "no-reader", "No smartcard reader is connected.",                         \
        "Connect a smartcard reader and start again.")                                             \
    ROW(READER_SERVICE_DOWN, 1302, "reader-service-down",                                          \
        "This computer's smartcard service is not running.",                                       \
        "Ask your IT service desk to start the pcscd service.")                                    \
    ROW(CARD_MODULE_FAILED, 1303, "card-module-failed",                                            \
        "The software for this smartcard stopped working.",                                        \
        "Take the card out, insert it again and start again. If it persists, tell IT.")            \
    ROW(CARD_MODULE_MISSING, 1304, "card-module-missing",                                          \
        "The software for smartcards is not installed or cannot be loaded.",                       \
        "Ask your IT service desk to check the card module in Lanyard's configuration.")           \
    ROW(REMOTE_SESSION, 1305, "remote-session",                                                    \
        "This session is a remote one, and the card readers belong to whoever sits at the "        \
        "computer.",                                                                               \
        "Sign in at the computer itself or in another way, or ask your IT service desk.")          \
    ROW(READER_UNKNOWN, 1306, "reader-unknown", "There is no smartcard reader of that name.",      \
        "The command lanyard readers lists those that there are.")                                 \
    /* the desktop and the request */                                                              \
    ROW(PROMPT_UNAVAILABLE, 1401, "prompt-unavailable", "The PIN prompt could not be shown.",      \
        "Ask your IT service desk to check Lanyard's PIN prompt (pinentry) on this desktop.")      \
    ROW(BUSY, 1402, "busy", "Too many sign-ins are waiting already.",                              \
        "Finish or cancel the others and start again.")                                            \
    ROW(INTERACTION_REQUIRED, 1403, "interaction-required",                                        \
        "This needs the person, and the request asked not to disturb anybody.",                    \
        "Ask again without silent, so that the person can be asked.")                              \
    ROW(NOT_ALLOWED, 1404, "not-allowed", "This site may not ask for a sign-in here.",             \
        "An administrator can add it to the providers in Lanyard's configuration.")                \
    ROW(INVALID_REQUEST, 1405, "invalid-request", "The request is not valid.",                     \
        "This is a fault of the page or program that asked. Tell its makers.")                     \
    ROW(AGENT_UNREACHABLE, 1406, "agent-unreachable",                                              \
        "Lanyard, this computer's sign-in program, cannot be reached.",                            \
        "Log in to this computer again, or ask your IT service desk.")                             \
    ROW(AGENT_TOO_OLD, 1407, "agent-too-old", "The Lanyard on this computer is too old.",          \
        "Ask your IT service desk to update it.")                                                  \
    ROW(NO_DOOR, 1408, "no-door", "Browsers cannot reach Lanyard on this computer.",               \
        "Ask your IT service desk: the command lanyard doctor finds the reason.")                  \
    /* the browser; only a page meets these, and lanyard.js reports them */                        \
    ROW(PERMISSION_NEEDED, 1501, "permission-needed",                                              \
        "Your browser has not let this site reach Lanyard yet.",                                   \
        "Start again and choose Allow when your browser asks. If it does not ask, tell your IT "   \
        "service desk.")                                                                           \
    ROW(PERMISSION_DENIED, 1502, "permission-denied",                                              \
        "Your browser does not let this site reach Lanyard.",                                      \
        "Open the site settings beside the address, allow access to this device, and start "       \
        "again.")                                                                                  \
    /* the provider */                                                                             \
    ROW(PROVIDER_UNREACHABLE, 1601, "provider-unreachable",                                        \
        "The sign-in service cannot be reached.",                                                  \
        "Check this computer's network connection and start again.")                               \
    ROW(PROVIDER_REFUSED, 1602, "provider-refused",                                                \
        "The sign-in service refused this smartcard or security key. Nobody was signed in.",       \
        "Start again. If it persists, tell your IT service desk.")                                 \
    ROW(PROVIDER_BUSY, 1603, "provider-busy", "The sign-in service is busy.",                      \
        "Wait a minute and start again.")                                                          \
    ROW(PROVIDER_UNTRUSTED, 1604, "provider-untrusted",                                            \
        "The connection to the sign-in service is not safe, so nothing was sent.",                 \
        "Tell your IT service desk: the server's certificate could not be checked.")               \
    ROW(CLOCK_WRONG, 1605, "clock-wrong", "This computer's clock is wrong.",                       \
        "Correct the date and time, or ask your IT service desk, and start again.")                \
    ROW(PERSON_UNKNOWN, 1606, "person-unknown",                                                    \
        "This smartcard or security key belongs to nobody known to the sign-in service.",          \
        "Ask your Registration Authority to check your account.")                                  \
    /* the session */                                                                              \
    ROW(NO_SESSION, 1701, "no-session", "Nobody is signed in.", "Sign in and start again.")        \
    ROW(SESSION_EXISTS, 1702, "session-exists", "Somebody is signed in already.",                  \
        "Sign out first, then start again.")                                                       \
    ROW(SIGN_IN_EXPIRED, 1703, "sign-in-expired", "That sign-in took too long.",                   \
        "Start again when you are ready.")                                                         \
    ROW(ROLE_UNKNOWN, 1704, "role-unknown", "That is none of your roles.",                         \
        "Choose one of the roles that are listed.")                                                \
    /* the security key */                                                                         \
    ROW(NO_KEY, 1801, "no-key", "No security key is connected.",                                   \
        "Plug your security key in and start again.")                                              \
    ROW(KEY_REMOVED, 1802, "key-removed",                                                          \
        "The security key was pulled out before it had answered.",                                 \
        "Plug it in again, leave it in, and start again.")                                         \
    ROW(KEY_NOT_REGISTERED, 1803, "key-not-registered",                                            \
        "This security key is not registered with this site.",                                     \
        "Use the key that you registered, or sign in another way.")                                \
    ROW(KEY_REGISTERED, 1804, "key-registered",                                                    \
        "This security key is registered with this site already.",                                 \
        "Sign in with it, or register another key.")                                               \
    ROW(KEY_UNABLE, 1805, "key-unable", "This security key cannot do what this site asks for.",    \
        "Use another security key, or ask your IT service desk.")                                  \
    ROW(KEY_BLOCKED, 1806, "key-blocked",                                                          \
        "This security key is blocked because the PIN was wrong too often.",                       \
        "It has to be reset, which erases it. Ask your IT service desk. Until then, sign in "      \
        "another way.")                                                                            \
    ROW(KEY_LOCKED, 1807, "key-locked",                                                            \
        "The PIN was wrong three times, so the security key wants to be plugged in anew.",         \
        "Pull it out, plug it in again, and start again.")                                         \
    ROW(KEY_PIN_NOT_SET, 1808, "key-pin-not-set", "This security key has no PIN yet.",             \
        "Set one by the command lanyard key pin set, or ask your IT service desk.")                \
    ROW(KEY_PIN_REFUSED, 1809, "key-pin-refused",                                                  \
        "The security key does not accept that as its new PIN.",                                   \
        "Choose a longer one that you have not used on this key before.")                          \
    ROW(KEY_PIN_SET, 1810, "key-pin-set", "This security key has a PIN already.",                  \
        "Change it by the command lanyard key pin change.")                                        \
    ROW(KEY_FULL, 1811, "key-full", "There is no room left on this security key.",                 \
        "Delete a sign-in that you no longer need: lanyard key credentials list shows them.")      \
    ROW(KEY_FAILED, 1812, "key-failed", "The security key did not answer properly.",               \
        "Pull it out, plug it in again, and start again. If it persists, use another.")            \
    ROW(KEY_UNVERIFIED, 1813, "key-unverified", "The security key did not recognise you.",         \
        "Start again, or use its PIN.")                                                            \
    ROW(KEY_AMBIGUOUS, 1814, "key-ambiguous", "Several security keys are connected.",              \
        "Leave only one in, or say by --key which is meant.")                                      \
    ROW(KEY_RESET_LATE, 1815, "key-reset-late",                                                    \
        "A security key can be reset only in the first seconds after it was plugged in.",          \
        "Start again, and touch the key as soon as it blinks.")                                    \
    ROW(CREDENTIAL_UNKNOWN, 1816, "credential-unknown",                                            \
        "There is no such sign-in on this security key.",                                          \
        "The command lanyard key credentials list shows those that are.")                          \
    ROW(RP_ID_NOT_ALLOWED, 1817, "rp-id-not-allowed",                                              \
        "This site may not use security keys of that name.",                                       \
        "This is a fault of the page or program that asked. Tell its makers.")                     \
    ROW(ALGORITHM_UNKNOWN, 1818, "algorithm-unknown",                                              \
        "This site asks for a kind of security key that does not exist here.",                     \
        "This is a fault of the page or program that asked. Tell its makers.")                     \
    ROW(KEYS_OFF, 1819, "keys-off", "Security keys are not used on this computer.",                \
        "Sign in another way, or ask your IT service desk.")                                       \
    ROW(KEY_UNKNOWN, 1820, "key-unknown", "No security key of that name or number is connected.",  \
        "The command lanyard keys lists those that are.")                                          \
    ROW(INTERNAL, 1901, "internal", "Something went wrong inside Lanyard. Nobody was signed in.",  \
        "Start again. If it persists, send your IT service desk the code.")                        \
    ROW(SCREEN_OPEN, 1902, "screen-open", "The screen could not be locked.",                       \
        "Lock it yourself before you leave, and tell your IT service desk.")

#define OUTCOME_ENUMERATOR(name, number, reason, sentence, advice) OUTCOME_##name = number,
enum outcome { OUTCOME_OK = 0, OUTCOME_TABLE(OUTCOME_ENUMERATOR) };
#undef OUTCOME_ENUMERATOR

/* Each answers for every int: a fault or an unknown number reads as OUTCOME_INTERNAL, 0 as "ok".
 * The strings are static. */
const char *outcome_reason(int result);
const char *outcome_sentence(int result);
const char *outcome_advice(int result);

/* The outcome a result stands for at a door: outcomes as they are, faults OUTCOME_INTERNAL. */
int outcome_of(int result);

/* The outcome whose reason this is; OUTCOME_INTERNAL when there is none such. */
int outcome_from_reason(const char *reason);
