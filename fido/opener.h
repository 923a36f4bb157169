/* SPDX-License-Identifier: MIT */
/*
 * Opens a key's device for a program that may open none. Where devices are allowed at all, so are
 * those of later, which are not there when a key is waited for, and all others: terminals, cameras.
 * So a second process, which never meets a key, opens them, and nothing but hidraw devices. One
 * thread.
 */
#pragma once

/* Starts it. It closes the agent's socket, gives up what it does not need (give_up: 0, or it ends)
 * and ends with us. Before we give up ours. 0 or -errno (logged). */
int opener_start(int agent, int (*give_up)(void));

/* Of /dev/hidraw and a number, to be read and written, never waiting. May block as open does.
 * A descriptor; -EACCES: not such a path; -EPIPE: there is no opener (logged); -errno. */
int opener_open(const char *path);
