/* SPDX-License-Identifier: MIT */
/*
 * Security keys that are plugged in at the other end of a remote-desktop session: what passes on
 * their socket, and who may offer it, says ipc/PROTOCOL.md, section 7. Any thread.
 */
#pragma once

/* Returns a connected descriptor, non-blocking and close-on-exec; -ENOENT or -ECONNREFUSED: no key
 * there; -EACCES: another user listens (logged); -ENAMETOOLONG; -errno. May block as connecting to
 * a Unix socket does when its queue is full; never longer than that: -EAGAIN. */
int redirect_connect(const char *path);
