/* SPDX-License-Identifier: MIT */
/*
 * Each message is a head (length of what follows, command) and a structure of fixed size in the
 * machine's own byte order; the answer is the structure, filled in. What pcscd says is hostile: its
 * lengths are ours, its texts are cut.
 */
#include "agent/doctor/pcscd_talk.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    ANSWER_MS = 5000,
    COMMAND_ESTABLISH_CONTEXT = 0x01,
    COMMAND_VERSION = 0x11,
    COMMAND_READERS_STATE = 0x12,
    PROTOCOL_MAJOR = 4,
    PROTOCOL_MINOR = 4, /* since 1.9; later ones take it too */
    STATE_PRESENT = 0x0004,
    STATE_POWERED = 0x0010,
    SHARING_EXCLUSIVE = -1,
    ATR_BYTES = 33,
};

struct head {
    uint32_t size, command;
};
struct version {
    int32_t major, minor;
    uint32_t result;
};
struct establish {
    uint32_t scope;
    int32_t context;
    uint32_t result;
};
struct state {
    char name[128];
    uint32_t events, state;
    int32_t sharing;
    uint8_t atr[ATR_BYTES];
    uint32_t atr_len, protocol;
};
_Static_assert(sizeof(struct state) == 184, "as pcscd has it");

static bool receive(int fd, void *space, size_t size, struct pcscd_talk *talk)
{
    int64_t until = clock_ms() + ANSWER_MS;
    for (size_t have = 0; have < size;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = until - clock_ms();
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            talk->end = PCSCD_MUTE;
            return false;
        }
        ssize_t n = recv(fd, (char *)space + have, size - have, 0);
        if (n <= 0) {
            talk->end = PCSCD_HUNG_UP;
            return false;
        }
        have += (size_t)n;
    }
    return true;
}

static bool send_all(int fd, uint32_t command, const void *data, size_t size,
                     struct pcscd_talk *talk)
{
    struct head head = {.size = (uint32_t)size, .command = command};
    if (send(fd, &head, sizeof head, MSG_NOSIGNAL) == (ssize_t)sizeof head &&
        (size == 0 || send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size))
        return true;
    talk->end = PCSCD_HUNG_UP;
    return false;
}

static bool ask_version(int fd, struct pcscd_talk *talk)
{
    struct version version = {.major = PROTOCOL_MAJOR, .minor = PROTOCOL_MINOR};
    if (!send_all(fd, COMMAND_VERSION, &version, sizeof version, talk) ||
        !receive(fd, &version, sizeof version, talk))
        return false;
    talk->major = version.major;
    talk->minor = version.minor;
    if (version.major == PROTOCOL_MAJOR && version.result == 0)
        return true;
    talk->end = PCSCD_STRANGER;
    return false;
}

static bool ask_in(int fd, struct pcscd_talk *talk)
{
    struct establish establish = {0};
    if (!send_all(fd, COMMAND_ESTABLISH_CONTEXT, &establish, sizeof establish, talk) ||
        !receive(fd, &establish, sizeof establish, talk))
        return false;
    if (establish.result == 0)
        return true;
    talk->end = PCSCD_DENIED;
    return false;
}

static bool ask_readers(int fd, struct pcscd_talk *talk)
{
    struct state states[PROBE_READERS_MAX];
    if (!send_all(fd, COMMAND_READERS_STATE, NULL, 0, talk) ||
        !receive(fd, states, sizeof states, talk))
        return false;
    for (size_t i = 0; i < PROBE_READERS_MAX; i++) {
        const struct state *state = &states[i];
        if (state->name[0] == '\0')
            continue;
        struct probe_reader *reader = &talk->readers[talk->reader_count++];
        memcpy(reader->name, state->name, sizeof reader->name);
        reader->name[sizeof reader->name - 1] = '\0';
        reader->card = state->state & STATE_PRESENT;
        reader->mute = reader->card && !(state->state & STATE_POWERED) && state->atr_len == 0;
        reader->held = state->sharing == SHARING_EXCLUSIVE;
    }
    return true;
}

void pcscd_talk(const char *path, struct pcscd_talk *talk)
{
    *talk = (struct pcscd_talk){0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        *talk = (struct pcscd_talk){.end = PCSCD_ABSENT, .error = ENAMETOOLONG};
        return;
    }
    memcpy(address.sun_path, path, strlen(path));
    /* Without a wait: a queue that is full is a service that hangs. */
    CLEANUP(close_fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        bool full = errno == EAGAIN;
        *talk = (struct pcscd_talk){.end = full ? PCSCD_MUTE : PCSCD_ABSENT, .error = errno};
        return;
    }
    if (ask_version(fd, talk) && ask_in(fd, talk) && ask_readers(fd, talk))
        talk->end = PCSCD_TALKED;
}
