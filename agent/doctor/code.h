/* SPDX-License-Identifier: MIT */
/*
 * Everything that `lanyard doctor` can find, in one table: the program's enumerator, the stable
 * number (LY-nnnn beside those of ipc/base/outcome.h), a name that programs compare, how bad it is,
 * what it means, what causes it, and the cure. The manual page lanyard-errors(7) is written from
 * it.
 *
 * How bad: an ERROR keeps people from signing in or leaves a screen open, a WARNING will or may, a
 * NOTICE is worth knowing. A check may be milder than the table, never harsher. Numbers and names
 * are never reused or changed.
 */
#pragma once

/* Cures are run as they are written. Both sockets start the broker; one that systemd has given up
 * starts again only after reset-failed; and agents look for the broker anew when its socket does.
 */
#define BROKER_SOCKETS "lanyard-portd.socket lanyard-portd-agents.socket"
#define BROKER_AGAIN "systemctl reset-failed \"lanyard-portd*\"; systemctl restart " BROKER_SOCKETS

#define DOCTOR_TABLE(ROW)                                                                          \
    /* the agent */                                                                                \
    ROW(AGENT_NO_RUNTIME, 2001, ERROR, "agent-no-runtime",                                         \
        "There is no runtime folder, so that the agent has no place to be found at.",              \
        "XDG_RUNTIME_DIR is not set: this is no session of a desktop's log-in (su, sudo, cron).",  \
        "Log in through the desktop, or run this as the person whose desktop it is.")              \
    ROW(AGENT_MASKED, 2002, ERROR, "agent-masked", "The agent is switched off.",                   \
        "Its unit was masked, for this user or for all.",                                          \
        "Where it was masked for all users, run as root: systemctl --global unmask "               \
        "lanyardd.service lanyardd.socket. Then run: systemctl --user unmask lanyardd.service "    \
        "lanyardd.socket && systemctl --user restart lanyardd.socket")                             \
    ROW(AGENT_NOT_RUNNING, 2003, ERROR, "agent-not-running", "The agent is not running.",          \
        "It was not started at log-in, or has ended.",                                             \
        "Log in again, or run: systemctl --user start lanyardd.service. If it ends again, "        \
        "journalctl --user -u lanyardd says why.")                                                 \
    ROW(AGENT_DIED, 2004, ERROR, "agent-died", "The agent has died.",                              \
        "Its socket is there, and nobody listens to it any more.",                                 \
        "Run: systemctl --user restart lanyardd.service. journalctl --user -u lanyardd says why.") \
    ROW(AGENT_FORBIDDEN, 2005, ERROR, "agent-forbidden",                                           \
        "This user may not reach the agent's socket.",                                             \
        "The socket or its folder belongs to somebody else: mostly it was created by root.",       \
        "Remove the folder lanyard in the runtime folder as root, and log in again.")              \
    ROW(AGENT_FOREIGN, 2006, ERROR, "agent-foreign",                                               \
        "The agent's socket is served by another user.",                                           \
        "XDG_RUNTIME_DIR is that of somebody else (su, sudo), or another program is at it.",       \
        "Log in through the desktop. If the runtime folder is right, tell whoever looks after "    \
        "this computer's security.")                                                               \
    ROW(AGENT_SILENT, 2007, ERROR, "agent-silent", "The agent does not answer.",                   \
        "It hangs, is stopped, or cannot start: something accepts connections and says nothing.",  \
        "Run: systemctl --user restart lanyardd.service, and send the journal to its makers.")     \
    ROW(AGENT_VERSION, 2008, WARNING, "agent-version",                                             \
        "The agent that runs is of another version than this command.",                            \
        "Lanyard was upgraded, and the agent of this session is still the one before.",            \
        "Nothing has to be done at once: it is replaced at the next log-in.")                      \
    ROW(RUNTIME_UNSAFE, 2009, WARNING, "runtime-unsafe", "The runtime folder is open to others.",  \
        "XDG_RUNTIME_DIR does not belong to this user, or others may enter or write it.",          \
        "Have systemd-logind make it (pam_systemd), or set its mode to 0700.")                     \
    ROW(PROGRAM_MISSING, 2010, ERROR, "program-missing", "A program of Lanyard's is missing.",     \
        "The package is not installed completely, or a file was removed.",                         \
        "Install the package lanyard again.")                                                      \
    ROW(PROGRAM_UNSAFE, 2011, WARNING, "program-unsafe",                                           \
        "A program of Lanyard's can be changed by others.",                                        \
        "It does not belong to root, or others may write it.",                                     \
        "Install the package lanyard again, and find out who changed the file.")                   \
    /* the door for pages */                                                                       \
    ROW(BROKER_MASKED, 2101, ERROR, "broker-masked", "The broker is switched off.",                \
        "The unit of lanyard-portd was masked.",                                                   \
        "Run as root: systemctl unmask " BROKER_SOCKETS " lanyard-portd.service; " BROKER_AGAIN)   \
    ROW(BROKER_NOT_RUNNING, 2102, ERROR, "broker-not-running",                                     \
        "The broker is not running, so that no page reaches the agent.",                           \
        "lanyard-portd was not started, or the configuration names another socket than its own.",  \
        "Correct broker-socket in the configuration where it names another socket than the "       \
        "broker's; else run as root: systemctl enable " BROKER_SOCKETS "; " BROKER_AGAIN)          \
    ROW(BROKER_DIED, 2103, ERROR, "broker-died", "The broker has died.",                           \
        "Its socket is there, and nobody listens to it any more.", "Run as root: " BROKER_AGAIN)   \
    ROW(PORT_TAKEN, 2104, ERROR, "port-taken",                                                     \
        "Another program has taken the port on which pages look for Lanyard.",                     \
        "It was started before lanyard-portd and listens on the same port.",                       \
        "End that program or give it another port, then run as root: " BROKER_AGAIN)               \
    ROW(PORT_CLOSED, 2105, ERROR, "port-closed",                                                   \
        "Nobody listens on the port on which pages look for Lanyard.",                             \
        "The broker has lost its port, or runs in another network namespace.",                     \
        "Run as root: " BROKER_AGAIN)                                                              \
    ROW(AGENT_TWICE, 2106, ERROR, "agent-twice", "Pages reach another agent of this user.",        \
        "Two agents run, and the broker passes pages on to the one that came first.",              \
        "End the other one: log out of the other session of this user.")                           \
    ROW(BROKER_UNTRUSTED, 2107, ERROR, "broker-untrusted",                                         \
        "The agent does not trust the broker's socket.",                                           \
        "Its folder, or one above, can be written by others, so that anybody could have put the "  \
        "socket there.",                                                                           \
        "Have the folder made by systemd (RuntimeDirectory=lanyard), or take the right to write "  \
        "from everybody but its owner.")                                                           \
    ROW(BROKER_APART, 2108, ERROR, "broker-apart",                                                 \
        "The broker runs, and the agent is not registered with it.",                               \
        "The agent was refused, or refuses the broker: its journal says why.",                     \
        "Run: systemctl --user restart lanyardd.service, and read journalctl --user -u lanyardd")  \
    ROW(PEER_UID, 2109, ERROR, "peer-uid",                                                         \
        "The kernel does not tell whose a connection is, so that no page is let in.",              \
        "sock_diag is not there: the kernel modules inet_diag and tcp_diag are missing or are "    \
        "not allowed to be loaded, or a sandbox keeps netlink away.",                              \
        "Run as root: modprobe -a inet_diag tcp_diag, and name both in /etc/modules-load.d")       \
    /* the configuration */                                                                        \
    ROW(CONFIG_INVALID, 2201, ERROR, "config-invalid",                                             \
        "The configuration has mistakes: no agent starts with it.",                                \
        "A line is not understood, or a value cannot be used.",                                    \
        "Correct the line that is named; lanyard config check tells whether all is right. An "     \
        "agent that runs keeps what it has read before.")                                          \
    ROW(CONFIG_UNSAFE, 2202, ERROR, "config-unsafe",                                               \
        "The configuration can be written by others: no agent starts with it.",                    \
        "A file or folder does not belong to root, others may write it, or it is a link.",         \
        "Put a file in the place of a link, and run as root: chown -R root: /etc/lanyard && "      \
        "chmod -R go-w /etc/lanyard")                                                              \
    ROW(CONFIG_NO_PROVIDER, 2203, ERROR, "config-no-provider",                                     \
        "No provider is configured, so that no site may ask for a sign-in.",                       \
        "There is no file in /etc/lanyard with a section [provider NAME] yet.",                    \
        "Write a section [provider NAME] with the origin of your sign-in service into "            \
        "/etc/lanyard/conf.d/10-provider.conf, as lanyard.conf(5) shows. environment = live or "   \
        "int lists Care Identity's own pages, which do not call Lanyard yet (README.md).")         \
    ROW(CONFIG_ISSUERS, 2204, ERROR, "config-issuers",                                             \
        "The file of the cards' authorities cannot be used.",                                      \
        "It is missing, can be written by others, or is no PEM file of certificates.",             \
        "Put the authorities' certificates into the file that issuers names.")                     \
    ROW(CONFIG_STALE, 2205, WARNING, "config-stale",                                               \
        "The agent works with an older configuration than the files say.",                         \
        "The files were changed, and the agent was not told; or what was changed is obeyed by "    \
        "the next agent only (lanyard.conf(5)).",                                                  \
        "Run: systemctl --user reload lanyardd.service. If it stays so, log out and in again, or " \
        "run: systemctl --user restart lanyardd.service")                                          \
    ROW(CONFIG_USER, 2206, WARNING, "config-user", "Lines of this user's own file are left out.",  \
        "They are misspelt, or set what only the administrator may.",                              \
        "Remove or correct the line that is named.")                                               \
    ROW(DEVELOPMENT, 2207, NOTICE, "development",                                                  \
        "Sites that are not for real patients' data may ask for a sign-in.",                       \
        "A provider of an environment for development, tests or training is configured.",          \
        "Remove it where people work with patients.")                                              \
    ROW(CONFIG_LISTS, 2208, ERROR, "config-lists", "The file of revocation lists cannot be used.", \
        "It is missing, can be written by others, or is no PEM file of revocation lists.",         \
        "Put the authorities' revocation lists into the file that revocation-lists names.")        \
    ROW(CONFIG_UNREADABLE, 2209, ERROR, "config-unreadable",                                       \
        "This user may not read the configuration: no agent of theirs starts.",                    \
        "The agent is the user's program and reads the files itself: one that root alone may "     \
        "read, in a folder that root alone may enter, is of no use to it.",                        \
        "Let everybody read what the configuration names elsewhere, and run as root: chmod -R "    \
        "a+rX /etc/lanyard")                                                                       \
    /* the smartcard service */                                                                    \
    ROW(PCSCD_NOT_INSTALLED, 2301, ERROR, "pcscd-not-installed",                                   \
        "The smartcard service is not installed.", "The package pcscd is missing.",                \
        "Install the package pcscd.")                                                              \
    ROW(PCSCD_MASKED, 2302, ERROR, "pcscd-masked", "The smartcard service is switched off.",       \
        "pcscd.socket or pcscd.service was masked.",                                               \
        "Run as root: systemctl unmask pcscd.socket pcscd.service && systemctl enable --now "      \
        "pcscd.socket")                                                                            \
    ROW(PCSCD_NO_SOCKET, 2303, ERROR, "pcscd-no-socket",                                           \
        "The smartcard service is not there to be started.",                                       \
        "pcscd.socket is not active, and nobody has started pcscd.",                               \
        "Run as root: systemctl enable --now pcscd.socket")                                        \
    ROW(PCSCD_DIED, 2304, ERROR, "pcscd-died", "The smartcard service has died.",                  \
        "Its socket is there, and nobody listens to it any more.",                                 \
        "Run as root: systemctl restart pcscd.socket pcscd.service")                               \
    ROW(PCSCD_FORBIDDEN, 2305, ERROR, "pcscd-forbidden",                                           \
        "This user may not use the smartcard service.",                                            \
        "The socket's mode, or polkit, keeps this user away: a remote session has less rights.",   \
        "Allow the actions org.debian.pcsc-lite.access_pcsc and access_card in polkit for "        \
        "these people, or correct the socket's mode.")                                             \
    ROW(PCSCD_SILENT, 2306, ERROR, "pcscd-silent", "The smartcard service does not answer.",       \
        "It hangs, mostly in a reader's driver.",                                                  \
        "Pull the reader out, run as root: systemctl restart pcscd.service, and plug it in.")      \
    ROW(PCSCD_PROTOCOL, 2307, ERROR, "pcscd-protocol",                                             \
        "The smartcard service speaks another protocol than its library.",                         \
        "pcscd and libpcsclite are of different versions: one comes from elsewhere, or was "       \
        "upgraded alone.",                                                                         \
        "Install both from the same source, then run as root: systemctl restart pcscd.service")    \
    ROW(PCSCD_NOT_SEEN, 2308, ERROR, "pcscd-not-seen",                                             \
        "The smartcard service works, and the agent cannot use it.",                               \
        "The agent runs in a confinement that keeps it away, or with another library.",            \
        "Run: systemctl --user restart lanyardd.service. If it stays so, look for denials in the " \
        "journal.")                                                                                \
    /* readers and cards */                                                                        \
    ROW(READER_NONE, 2401, ERROR, "reader-none", "No smartcard reader is connected.",              \
        "The computer sees none.", "Connect a reader, or try another socket or cable.")            \
    ROW(READER_NO_DRIVER, 2402, ERROR, "reader-no-driver",                                         \
        "A smartcard reader is connected, and its driver is missing.",                             \
        "The computer sees it, and pcscd does not: libccid or the maker's driver is missing.",     \
        "Install libccid or the driver of the reader's maker, then run as root: systemctl "        \
        "restart pcscd.service")                                                                   \
    ROW(READER_IGNORED, 2403, ERROR, "reader-ignored",                                             \
        "Every reader is among those that the configuration leaves alone.",                        \
        "ignore-reader in the section [cards] names it.",                                          \
        "Remove that line, or connect another reader.")                                            \
    ROW(READER_HELD, 2404, ERROR, "reader-held", "Another program holds the reader for itself.",   \
        "It has opened the card exclusively; mostly that is gpg's scdaemon.",                      \
        "End that program. For scdaemon write pcsc-shared and disable-ccid into "                  \
        "~/.gnupg/scdaemon.conf, then run: gpgconf --kill scdaemon")                               \
    ROW(CARD_NONE, 2405, NOTICE, "card-none", "There is no card in a reader.",                     \
        "Nobody has put one in, or not far enough.",                                               \
        "Insert the card, and run lanyard doctor again to have it checked.")                       \
    ROW(CARD_MUTE, 2406, ERROR, "card-mute", "The card in the reader does not answer.",            \
        "It is upside down, dirty or broken.",                                                     \
        "Take it out, wipe the chip, and insert it with the chip facing the reader's contacts.")   \
    ROW(CARD_UNRECOGNISED, 2407, ERROR, "card-unrecognised", "No card module knows this card.",    \
        "It is of a kind that the configured PKCS#11 modules do not read.",                        \
        "Install the module of the card's maker and name it by module in the section [cards].")    \
    ROW(CARD_UNREADABLE, 2408, ERROR, "card-unreadable",                                           \
        "A card module knows this card, and cannot read it.",                                      \
        "The card is damaged, not filled yet, or another program holds it.",                       \
        "Take it out and insert it again; else ask the Registration Authority to check it.")       \
    ROW(CARD_NO_CERTIFICATE, 2409, ERROR, "card-no-certificate",                                   \
        "The card holds no certificate for signing in.",                                           \
        "It has none with digitalSignature whose key is on the card.",                             \
        "Ask the Registration Authority to check the card.")                                       \
    ROW(CARD_EXPIRED, 2410, ERROR, "card-expired",                                                 \
        "The card's certificate for signing in has expired.", "It was not renewed in time.",       \
        "Ask the Registration Authority to renew it.")                                             \
    ROW(CARD_EXPIRES, 2411, WARNING, "card-expires",                                               \
        "The card's certificate for signing in expires soon.",                                     \
        "Less than 90 days are left of it.",                                                       \
        "Ask the Registration Authority to renew it before that day.")                             \
    ROW(CARD_NOT_YET_VALID, 2412, ERROR, "card-not-yet-valid",                                     \
        "The card's certificate for signing in is not valid yet.",                                 \
        "This computer's clock is wrong, or the card was issued for later.",                       \
        "Check this computer's date and time.")                                                    \
    ROW(CARD_ISSUER, 2413, ERROR, "card-issuer",                                                   \
        "The card comes from an authority that is not trusted here.",                              \
        "The file that issuers names does not have the authority, or the card is of elsewhere.",   \
        "Add the authority's certificate to that file, or use a card that it has issued.")         \
    ROW(CARD_KEY, 2414, ERROR, "card-key",                                                         \
        "The card's key cannot make a signature that is accepted.",                                \
        "It is too weak (RSA under 2,048 bits), of another kind, or missing on the card.",         \
        "Ask the Registration Authority for a new card.")                                          \
    ROW(CARD_BLOCKED, 2415, ERROR, "card-blocked", "The card's PIN is blocked.",                   \
        "It was typed wrong too often.",                                                           \
        "Run lanyard pin unblock if the PUK is known; else ask the Registration Authority.")       \
    ROW(CARD_LAST_TRY, 2416, WARNING, "card-last-try", "One try of the card's PIN is left.",       \
        "It was typed wrong before.",                                                              \
        "Type it right, or ask the Registration Authority first: one more wrong PIN blocks it.")   \
    ROW(CARD_REVOKED, 2417, ERROR, "card-revoked", "The card has been withdrawn.",                 \
        "A revocation list of its authority's has its certificate.",                               \
        "Ask the Registration Authority for a new card.")                                          \
    ROW(READERS_REMOTE, 2418, ERROR, "readers-remote",                                             \
        "The session is a remote one, so that this computer's readers are left alone.",            \
        "logind says that it is remote or has no seat: the readers belong to whoever sits at "     \
        "the computer.",                                                                           \
        "Log in at the computer itself. To use its readers in remote sessions set "                \
        "remote-sessions = yes in the section [cards], reload the agent, and allow pcscd in "      \
        "polkit (LY-2305). The socket of a redirected reader has to be in the environment of the " \
        "agent's service, as PCSCLITE_CSOCK_NAME.")                                                \
    ROW(READERS_OTHERS, 2419, ERROR, "readers-others",                                             \
        "None of the readers that are connected is this session's.",                               \
        "They are of another seat of this computer, or another user's desktop is in front.",       \
        "loginctl seat-status SEAT shows what a seat has; loginctl attach gives it a reader, or "  \
        "the hub that it is at. Else run this at the desktop that is in front.")                   \
    /* card modules */                                                                             \
    ROW(MODULE_MISSING, 2501, ERROR, "module-missing", "A card module is not installed.",          \
        "There is no file of that name.",                                                          \
        "Install the module (for OpenSC the package opensc-pkcs11), or correct module in the "     \
        "section [cards].")                                                                        \
    ROW(MODULE_UNLOADABLE, 2502, ERROR, "module-unloadable", "A card module cannot be loaded.",    \
        "It is no PKCS#11 module, is made for another processor, or a library that it needs is "   \
        "missing.",                                                                                \
        "Install the module that fits this computer; ldd FILE shows what is missing.")             \
    ROW(MODULE_CRASHES, 2503, ERROR, "module-crashes", "A card module crashes.",                   \
        "It ended its helper process while it listed the cards. The agent goes on.",               \
        "Install another version of the module, and tell its makers.")                             \
    ROW(MODULE_HANGS, 2504, ERROR, "module-hangs", "A card module does not answer.",               \
        "It hangs while it lists the cards.",                                                      \
        "Take cards out, insert them again; else install another version of the module.")          \
    ROW(MODULE_UNSAFE, 2505, WARNING, "module-unsafe", "A card module can be changed by others.",  \
        "Its file does not belong to root, or others may write it: whoever can sees every PIN.",   \
        "Install the module again from its package, and find out who changed the file.")           \
    ROW(MODULE_FAILS, 2506, ERROR, "module-fails", "A card module fails.",                         \
        "It answers with an error when it is asked for cards.",                                    \
        "Look into the journal for its words; update or replace the module.")                      \
    /* security keys */                                                                            \
    ROW(KEY_NO_NODE, 2601, ERROR, "key-no-node",                                                   \
        "A security key is plugged in, and has no device file.",                                   \
        "udev is not running, or the computer gives the key to a virtual machine.",                \
        "Run as root: systemctl start systemd-udevd && udevadm trigger")                           \
    ROW(KEY_FORBIDDEN, 2602, ERROR, "key-forbidden",                                               \
        "A security key is plugged in, and this user may not open it.",                            \
        "It belongs to whoever sits at the computer: a session over ssh does not count, nor one "  \
        "of another seat.",                                                                        \
        "Log in at the computer itself, or run as root: udevadm trigger")                          \
    ROW(KEY_NO_RULE, 2603, WARNING, "key-no-rule",                                                 \
        "No rule of udev gives security keys to people.",                                          \
        "60-fido-id.rules of systemd's, or 70-u2f.rules, is missing.",                             \
        "Install the package udev or libu2f-udev, then run as root: udevadm control --reload "     \
        "&& udevadm trigger")                                                                      \
    ROW(KEY_REDIRECT, 2604, WARNING, "key-redirect",                                               \
        "No remote-desktop client can offer its security key.",                                    \
        "The folder of the socket that redirect-socket names is not there.",                       \
        "Install that client's part for this computer, or correct redirect-socket.")               \
    /* the desktop */                                                                              \
    ROW(PROMPT_MISSING, 2701, ERROR, "prompt-missing", "The PIN prompt is not installed.",         \
        "The program of the section [prompt] is not there or cannot be run.",                      \
        "Install the package pinentry-gnome3, pinentry-gtk2 or pinentry-qt, or correct program.")  \
    ROW(PROMPT_TERMINAL, 2702, ERROR, "prompt-terminal", "The PIN prompt cannot show a window.",   \
        "The program is a pinentry for terminals only.",                                           \
        "Install the package pinentry-gnome3, pinentry-gtk2 or pinentry-qt.")                      \
    ROW(LOCK_NONE, 2703, ERROR, "lock-none", "Nothing can lock the screen when the card leaves.",  \
        "There is neither a session of logind's, nor a screen saver on the session's bus, nor a "  \
        "lock command.",                                                                           \
        "Set lock-command in the section [desktop], or install a screen locker.")                  \
    ROW(LOGIND_MISSING, 2704, WARNING, "logind-missing", "systemd-logind cannot be reached.",      \
        "The system's bus or logind is not running: sleep, log-out and other users in front are "  \
        "not noticed.",                                                                            \
        "Run as root: systemctl start dbus systemd-logind")                                        \
    ROW(LOGIND_SESSION, 2705, WARNING, "logind-session",                                           \
        "logind knows no desktop session of this user.",                                           \
        "The session was opened without pam_systemd, or this is a service without a desktop.",     \
        "Have the log-in's PAM file call pam_systemd.so.")                                         \
    ROW(LOCK_COMMAND, 2706, ERROR, "lock-command", "The lock command cannot be run.",              \
        "The program that lock-command names is not there or may not be run.",                     \
        "Install it, or correct lock-command in the section [desktop].")                           \
    ROW(LOCK_UNSEEN, 2707, NOTICE, "lock-unseen",                                                  \
        "Whether a screen locker listens to logind cannot be told.",                               \
        "There is no screen saver on the session's bus and no lock command to fall back on.",      \
        "Try it: loginctl lock-session must lock the screen. Else set lock-command.")              \
    /* the provider */                                                                             \
    ROW(DNS, 2801, ERROR, "dns", "The provider's name cannot be resolved.",                        \
        "There is no network, the name server does not answer, or the name is misspelt.",          \
        "Check the network and the name servers; getent hosts NAME must give an address.")         \
    ROW(PROXY_UNKNOWN, 2802, ERROR, "proxy-unknown", "The proxy's name cannot be resolved.",       \
        "proxy of the provider, or https_proxy in the environment, names it.",                     \
        "Correct the proxy's name.")                                                               \
    ROW(PROXY_DOWN, 2803, ERROR, "proxy-down", "The proxy cannot be reached.",                     \
        "Nobody answers at its address, or a firewall is between.",                                \
        "Correct the proxy's address, or ask those who look after it.")                            \
    ROW(PROXY_REFUSES, 2804, ERROR, "proxy-refuses", "The proxy lets nobody through.",             \
        "It wants a password, or does not allow the provider.",                                    \
        "Have it allow the provider's host and port without a password.")                          \
    ROW(PROVIDER_UNREACHABLE, 2805, ERROR, "provider-unreachable",                                 \
        "The provider cannot be reached.",                                                         \
        "Nobody answers at its address within the time: a firewall, a missing route or proxy, or " \
        "the service is down.",                                                                    \
        "Let this computer reach the provider's host and port, or configure the proxy.")           \
    ROW(TLS_UNTRUSTED, 2806, ERROR, "tls-untrusted",                                               \
        "The provider's certificate comes from an authority that is not trusted here.",            \
        "A proxy that opens TLS stands between, or the provider's authority is missing.",          \
        "Name the authority's PEM file by authorities of the provider, or exempt the provider "    \
        "from inspection.")                                                                        \
    ROW(TLS_NAME, 2807, ERROR, "tls-name", "The provider's certificate is for another name.",      \
        "Another server answers at that address, or the URL is wrong.",                            \
        "Correct the URL, or the name server's entry.")                                            \
    ROW(TLS_EXPIRED, 2808, ERROR, "tls-expired",                                                   \
        "The provider's certificate is not valid at this time.",                                   \
        "It has expired or is not valid yet, or this computer's clock is wrong.",                  \
        "Check this computer's date and time; else tell the provider.")                            \
    ROW(TLS_FAILS, 2809, ERROR, "tls-fails", "No safe connection to the provider comes about.",    \
        "The server offers nothing newer than TLS 1.1, or does not speak TLS at all.",             \
        "Check host and port of the URL; else tell the provider.")                                 \
    ROW(CLOCK_WRONG, 2810, ERROR, "clock-wrong", "This computer's clock is wrong.",                \
        "It is more than two minutes off the provider's: tokens count as expired.",                \
        "Run as root: timedatectl set-ntp true, and let the time server be reached.")              \
    ROW(CLOCK_DRIFTS, 2811, WARNING, "clock-drifts", "This computer's clock is off.",              \
        "It is more than 30 seconds off the provider's.",                                          \
        "Run as root: timedatectl set-ntp true, and let the time server be reached.")              \
    ROW(ENDPOINT_WRONG, 2812, ERROR, "endpoint-wrong", "There is no session endpoint at the URL.", \
        "session-endpoint of the provider is misspelt, or the provider has none.",                 \
        "Correct or remove session-endpoint.")                                                     \
    ROW(ENDPOINT_FAILS, 2813, ERROR, "endpoint-fails",                                             \
        "The provider's session endpoint answers with an error.",                                  \
        "The service is overloaded or broken.", "Wait; if it persists, tell the provider.")        \
    ROW(DISCOVERY_MISSING, 2814, WARNING, "discovery-missing",                                     \
        "The provider does not describe itself at the issuer's address.",                          \
        "issuer of the provider is misspelt, or its /.well-known/openid-configuration is gone.",   \
        "Correct issuer.")                                                                         \
    ROW(DISCOVERY_ISSUER, 2815, WARNING, "discovery-issuer",                                       \
        "The provider calls itself by another name than the configuration.",                       \
        "issuer differs from the one in /.well-known/openid-configuration.",                       \
        "Write issuer exactly as the provider does.")                                              \
    ROW(ENDPOINT_NONE, 2816, NOTICE, "endpoint-none", "No provider has a session endpoint.",       \
        "The configuration names none, or its providers offer none.",                              \
        "Name it by session-endpoint of the provider, if there is one. Else nothing is to be "     \
        "done: its page asks for the card.")                                                       \
    /* the browsers */                                                                             \
    ROW(POLICY_MISSING, 2901, WARNING, "policy-missing",                                           \
        "A browser asks people before a provider's page may reach Lanyard.",                       \
        "None of its managed policies lets that origin reach programs on this computer.",          \
        "Install the policy of /usr/share/lanyard/browser-policies where its README.md says, "     \
        "with the origin in its list.")                                                            \
    ROW(POLICY_BLOCKS, 2902, ERROR, "policy-blocks",                                               \
        "A browser keeps a provider's page from Lanyard.", "A managed policy blocks that origin.", \
        "Take the origin out of the list that is named.")                                          \
    ROW(POLICY_MALFORMED, 2903, ERROR, "policy-malformed",                                         \
        "A browser's policy file is no JSON, and is not obeyed.", "There is a typing mistake.",    \
        "Correct the file; python3 -m json.tool FILE says where.")                                 \
    ROW(POLICY_UNREADABLE, 2904, WARNING, "policy-unreadable",                                     \
        "A browser's policy file cannot be read by this user.",                                    \
        "Its mode, or its folder's, keeps people away, and so it keeps their browser away.",       \
        "Run as root: chmod a+r FILE")                                                             \
    /* hardening */                                                                                \
    ROW(HARDENING_PRIVILEGES, 2951, WARNING, "hardening-privileges",                               \
        "A process of Lanyard's may gain privileges.",                                             \
        "no_new_privs is not set: it is no program of this package's.",                            \
        "Install the package lanyard again and log in again.")                                     \
    ROW(HARDENING_SECCOMP, 2952, WARNING, "hardening-seccomp",                                     \
        "A process of Lanyard's is not confined by seccomp.",                                      \
        "The kernel has no seccomp filters, or it is no program of this package's.",               \
        "Use a kernel with CONFIG_SECCOMP_FILTER, and install the package lanyard again.")         \
    ROW(HARDENING_APPARMOR, 2953, WARNING, "hardening-apparmor",                                   \
        "The AppArmor profile is installed and not in force.",                                     \
        "It was not loaded, is in complain mode, or the agent was started before.",                \
        "Run as root: apparmor_parser -r /etc/apparmor.d/lanyard*, then log in again.")            \
    ROW(CHECK_FAILED, 2999, NOTICE, "check-failed", "A check could not be made.",                  \
        "What it asks is not there, or did not answer in time.", "See the sentence beside it.")

#define DOCTOR_ENUMERATOR(name, number, severity, reason, meaning, cause, cure)                    \
    DOCTOR_##name = number,
enum doctor_code { DOCTOR_TABLE(DOCTOR_ENUMERATOR) };
#undef DOCTOR_ENUMERATOR

enum severity { SEVERITY_NOTICE, SEVERITY_WARNING, SEVERITY_ERROR };

struct doctor_row {
    enum doctor_code code;
    enum severity severity;
    const char *reason, *meaning, *cause, *cure;
};

/* The i-th row, NULL behind the last. Static. Any thread. */
const struct doctor_row *doctor_row_at(unsigned i);
/* That of a code, which is one of the table's. */
const struct doctor_row *doctor_row_of(enum doctor_code code);
/* "notice", "warning", "error". */
const char *severity_name(enum severity severity);
