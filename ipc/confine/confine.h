/* SPDX-License-Identifier: MIT */
/*
 * What a program of ours gives up for good, once it has what it needs: system calls (seccomp) and
 * places (Landlock). Both hold for what it starts as well, and neither can be taken back; they need
 * the no-new-privileges bit of harden_process. Another operating system replaces this folder.
 *
 * A call that a program has no business with ends it (SIGSYS, the whole process); the agent says
 * which helper it was and goes on. One that libraries try and can do without is refused. One that
 * was unknown when this was built is answered as by a kernel that does not know it, so that a newer
 * C library goes on, too. Places are refused with EACCES, as by anybody's file rights.
 *
 * lanyardd calls what ordinary programs call: pinentry and what locks the screen may be started by
 * it, inherit all this, and are not ours. Nothing ends it; mounts, namespaces, other processes'
 * memory, io_uring and the like are refused. Places it keeps: Landlock would also keep it from
 * asking which program a caller is (/proc/PID/exe), and what locks the screen writes where it
 * wants. They are left to AppArmor (packaging/apparmor).
 *
 * lanyard-card calls the same, since a vendor's module may be any ordinary program: it forks, has
 * threads, keeps locks and shared memory, and a list of the calls of the modules we know would
 * break the next one. So it is told what is dangerous. It is ended when it reaches for other
 * processes' memory, the kernel, or namespaces. Refused are programs, sockets that are neither Unix
 * streams nor the kernel's own (udev), other processes' limits, signals to them (by Landlock, from
 * its version 6), typing into a terminal or taking one over, writing anywhere but where everybody
 * may, and all devices but those on USB (pkcs11/places.c): no terminal, no camera, no disk. Of what
 * other programs of the person's keep in /tmp, /var/tmp, /dev/shm and /run/lock it reads and writes
 * what the person may, since modules keep locks and semaphores there. Nor does it change whose a
 * file is, who may use it and when it was changed, even one that it has made, or make one with
 * which others act as the person: that takes no right to a place. Nor does it empty one that it has
 * not opened for writing, share memory, semaphores or messages with others by a number, or change
 * how much of the machine others get. It reads what the person may read.
 *
 * Whatever it connects, and to whatever address, is connected with pcscd or refused
 * (confine_connections). It could otherwise have others act for it, once it has been taken over:
 * the session's manager, X11, the agent itself, which cannot tell it from a program of the
 * person's, since whoever forks and ends is nobody's child. So a module that needs a service of its
 * vendor's, the session bus or a window does not work, and one that looks a user up is told what
 * the machine's files say. No key lets more in: who connects in its stead would have to read the
 * address, and it could be another by then.
 *
 * lanyard-fido reads what udev and the system's settings say, makes no file, has no socket but the
 * agent's, and is ended by all else. It opens no device: a process of its own that never meets a
 * key opens keys for it, also those of later (fido/opener.h). Only where a redirected key is
 * configured does it make Unix sockets and connect them; which ones is then AppArmor's to say.
 *
 * lanyard-prompt, once pinentry is there, talks to it and to the agent, and is ended by all else.
 *
 * lanyard-chooser is treated as lanyard-card for GTK's sake, but it may reach X11's abstract
 * socket, share memory with X11 (and all others) by a number, the caches of fonts and of graphics,
 * graphics' devices in the place of USB's, and TCP where the display is another machine's.
 *
 * lanyard-portd, once it serves, takes connections and passes them on, reads no file, writes those
 * that wake agents, and is ended by all else.
 *
 * lanyard-fido, lanyard-prompt and lanyard-portd signal nobody, on any kernel: abort ends them all
 * the same.
 *
 * Built with sanitisers or for coverage (LANYARD_INSTRUMENTED) nothing is given up: their runtimes
 * open, map, trace and write what no product does.
 *
 * Before other threads are started, unless said otherwise; nothing blocks.
 */
#pragma once

#include <stddef.h>

enum confine_calls {
    CONFINE_AGENT,
    CONFINE_CARD,       /* connects nothing but by confine_connections */
    CONFINE_CARD_ALONE, /* connects what it likes */
    CONFINE_CHOOSER,
    CONFINE_CHOOSER_AFAR, /* its display is on another machine */
    CONFINE_FIDO,
    CONFINE_FIDO_AFAR, /* there is a redirected key's socket */
    CONFINE_PROMPT,
    CONFINE_BROKER,
    CONFINE_CONNECTOR, /* what connects for lanyard-card (connections.c) */
    CONFINE_CALLS
};

/* All threads of the process are confined, also those that run already. 0 or -errno (logged): a
 * kernel without seccomp's filters is one on which nothing of ours runs. */
int confine_calls(enum confine_calls calls);

/* confine_calls(CONFINE_CARD), and a process that connects in its stead (connections.c), named
 * lanyard-connect: from then on connect() of any socket, to any address, leaves the descriptor
 * connected with the Unix stream socket at this path instead, or fails as connecting with that
 * does; it is refused (ECONNREFUSED) where the address is not as long as that path. The path is
 * borrowed for the call. On a kernel that cannot (before Linux 5.9), or within a
 * container whose manager answers system calls, it is confine_calls(CONFINE_CARD_ALONE), which is
 * logged.
 *
 * While there is one thread. 0 or -errno (logged). */
int confine_connections(const char *path);

enum confine_right {
    CONFINE_READ = 1 << 0,    /* files and folders */
    CONFINE_WRITE = 1 << 1,   /* make, change and remove them as well */
    CONFINE_DEVICES = 1 << 2, /* read, write and control what is there, make nothing */
    CONFINE_REMOVE = 1 << 3,  /* remove files, no more */
    CONFINE_LIST = 1 << 4,    /* see what is in folders, no more */
};

/* A path stands for all that is below, too; one that cannot be opened is passed over. One that ends
 * in "*" stands for all whose names begin so and that are there by now, and are no links. Of those,
 * "/" and a star leaves /dev out: there each device is named. */
struct confine_place {
    const char *path;
    unsigned rights;
};

/* What every guest has, as entries of such places: it reads what the person may read, and writes
 * where everybody may, since locks are kept there, and what all of a session share. The devices are
 * those that are none. No terminal is among them. */
#define CONFINE_GUEST_PLACES                                                                       \
    {"/", CONFINE_LIST}, {"/*", CONFINE_READ}, {"/tmp", CONFINE_WRITE},                            \
        {"/var/tmp", CONFINE_WRITE}, {"/dev/shm", CONFINE_WRITE}, {"/run/lock", CONFINE_WRITE},    \
        {"/dev/null", CONFINE_DEVICES}, {"/dev/zero", CONFINE_DEVICES},                            \
        {"/dev/full", CONFINE_DEVICES}, {"/dev/random", CONFINE_DEVICES},                          \
    {                                                                                              \
        "/dev/urandom", CONFINE_DEVICES                                                            \
    }

/* What else is left. Nobody listens on TCP from then on, or signals a process that is not its own.
 *
 * An older Landlock leaves open, of what the calls leave: before version 6 (Linux 6.12) signals of
 * lanyard-card and lanyard-chooser to any process of the person's, and Unix sockets without a path;
 * before version 5 (6.10) all ways to control a device that may be read; before version 4 (6.7)
 * lanyard-chooser's TCP, where its display is afar, and lanyard-portd's. That version 3 (6.2)
 * brought truncation makes no difference. */
enum confine_reach {
    CONFINE_TCP = 1 << 0,      /* connecting by TCP */
    CONFINE_ABSTRACT = 1 << 1, /* Unix sockets without a path, of others */
};

/* Of the calling thread and those that it starts. Borrows the places. 0, also where the kernel has
 * no Landlock, or an older one that can do part of it (said at debug level); else -errno (logged).
 */
int confine_reach(const struct confine_place *places, size_t count, unsigned reach);
