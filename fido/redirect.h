/* SPDX-License-Identifier: MIT */
/*
 * Security keys that are plugged in at the other end of a remote-desktop session.
 *
 * The configuration names a Unix socket. Who implements a remote-desktop
 * client listens on it: SOCK_STREAM, in a folder and with a mode that let only this user in, for as
 * long as a key is plugged in there. The socket file appears when the key does and is removed when
 * it goes; Lanyard watches the folder for that.
 *
 * Lanyard connects when a key is wanted, one connection for each time. On it go CTAPHID reports
 * (CTAP 2.1 §11.2.4), exactly 64 bytes each, both ways, one after the other and with nothing in
 * between: no length, no report number. What Lanyard writes goes to the key's interrupt OUT
 * endpoint as it is, what comes from its interrupt IN endpoint goes to Lanyard as it is. Several
 * connections at once are several programs at one key: each opens a channel of its own by
 * CTAPHID_INIT, so a client gives every report of the key to every connection.
 *
 *   - End of file from the client: the key was pulled out. What was under way ends so.
 *   - End of file from Lanyard: it is done with the key. If an operation was under way Lanyard has
 *     sent CTAPHID_CANCEL before.
 *   - While the key waits for its person it sends a keep-alive ten times a second; these are to be
 *     passed on too. Five seconds of silence in the middle of an operation count as a failed key.
 *
 * Nobody but this user may be able to listen there: Lanyard looks who does (SO_PEERCRED) and talks
 * to nobody else but root. Any thread.
 */
#pragma once

/* Returns a connected descriptor, non-blocking and close-on-exec; -ENOENT or -ECONNREFUSED: no key
 * there; -EACCES: another user listens (logged); -ENAMETOOLONG; -errno. May block as connecting to
 * a Unix socket does when its queue is full; never longer than that: -EAGAIN. */
int redirect_connect(const char *path);
