/* SPDX-License-Identifier: MIT */
/*
 * A few words with pcscd in its own protocol (pcsc-lite's winscard_msg.h, protocol 4.x), without
 * its library: whether it answers, which version it speaks, whether it lets this user in, and which
 * readers it has. No card is connected to. Blocks at most a few seconds. Main thread.
 */
#pragma once

#include "agent/doctor/probe.h"

enum pcscd_end {
    PCSCD_TALKED,
    PCSCD_ABSENT,   /* error says why */
    PCSCD_MUTE,     /* no answer in time */
    PCSCD_HUNG_UP,  /* without an answer */
    PCSCD_STRANGER, /* another protocol */
    PCSCD_DENIED,   /* this user may not */
};

struct pcscd_talk {
    enum pcscd_end end;
    int error; /* of PCSCD_ABSENT */
    int major, minor;
    size_t reader_count;
    struct probe_reader readers[PROBE_READERS_MAX];
};

void pcscd_talk(const char *socket, struct pcscd_talk *talk);
