/* SPDX-License-Identifier: MIT */
/*
 * One thread, one PC/SC context, one loop of three states: the service is away and its socket's
 * folder is watched; the list of readers is read afresh; the readers on it are waited for.
 *
 * Waiting. SCardGetStatusChange takes the readers and the name that stands for the list. A reader
 * that arrives between our look at the list and the wait is not reported by pcsc-lite before 2.3,
 * so the first wait after any event is short and only a quiet one is followed by the long one; and
 * even that ends now and then, as a net. Idle, that is one wake-up in ten minutes. (pcsc-lite's own
 * INFINITE wakes once a minute.)
 *
 * The count of insertions and removals in a reader's state tells of an exchange that was over
 * before we looked again. A count of 0 is the exception: pcsc-lite takes it for "not counted", so
 * such an exchange of a card that lay there when pcscd started shows only at the next event or net.
 * No hand is that quick; and lanyard-card compares the count itself before it sends a PIN.
 *
 * The service away. Its socket is created anew when it starts, so an inotify watch on the folder
 * tells; a moment may pass before it also listens, so after each attempt the next one comes sooner
 * or later: 50 ms, doubling to 30 s, and from the beginning whenever something happens in the
 * folder. With systemd's socket activation the first attempt starts the service.
 *
 * Places. Whoever asks for them raises the question's number and interrupts the wait; the readers
 * are asked between two waits, each once, and again after an event while it could not say.
 *
 * Stopping. SCardCancel is lost when the wait has not begun (pcsc-lite 1.9.9), so a flag is set
 * first and the cancel repeated until the thread has ended.
 *
 * The thread owns everything in the struct but what stands under the mutex, the flag, and the
 * context's number, which the stopping thread needs for SCardCancel.
 */
#include "pkcs11/reader_watch.h"

#include "ipc/base/bytes.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>
#include <winscard.h>

#include <reader.h>

enum {
    SETTLE_MS = 1000,
    NET_MS = 10 * 60 * 1000,
    RETRY_MIN_MS = 50,
    RETRY_MAX_MS = 30 * 1000,
    CANCEL_EVERY_MS = 5,
    CHANNEL_USB = 0x0020,
};

static const char reader_list_name[] = "\\\\?PnP?\\Notification";

struct reader_watch {
    void (*changed)(void *context);
    void *context;
    pthread_t thread;
    atomic_bool stop;
    atomic_long pcsc; /* SCARDCONTEXT; 0: none */
    int stop_fd;      /* eventfd: readable once the thread is to end */
    int folder_fd;    /* inotify on the service's socket's folder; -1: there is none */
    unsigned retry_ms;
    atomic_uint places_wanted; /* the number of the last question; 0: nobody asks */
    unsigned places_asked;
    uint16_t appearances; /* counts readers that came, so that one that came back differs */

    pthread_mutex_t mutex;
    bool published;                  /* the first look counts, whatever it shows */
    struct reader_snapshot snapshot; /* under mutex */
};

/* What the thread knows of the readers between two waits; the last place is the list itself. */
struct readers {
    size_t count;
    char names[READERS_MAX][READER_NAME_MAX + 1];
    uint16_t appearance[READERS_MAX];
    struct place {
        enum reader_place is;
        uint8_t usb_bus, usb_device;
    } places[READERS_MAX];
    SCARD_READERSTATE states[READERS_MAX + 1];
};

/* ---- the snapshot ---- */

void reader_watch_snapshot(struct reader_watch *watch, struct reader_snapshot *out)
{
    pthread_mutex_lock(&watch->mutex);
    *out = watch->snapshot;
    pthread_mutex_unlock(&watch->mutex);
}

/* Snapshots are compared as bytes: every one is built from zeros. */
static void publish(struct reader_watch *watch, const struct reader_snapshot *now)
{
    pthread_mutex_lock(&watch->mutex);
    bool same = watch->published && memcmp(&watch->snapshot, now, sizeof *now) == 0;
    watch->published = true;
    if (!same)
        memcpy(&watch->snapshot, now, sizeof *now);
    pthread_mutex_unlock(&watch->mutex);
    if (!same)
        watch->changed(watch->context);
}

static void publish_service_down(struct reader_watch *watch)
{
    struct reader_snapshot now;
    memset(&now, 0, sizeof now);
    publish(watch, &now);
}

static enum reader_state state_of(DWORD event)
{
    if (event & SCARD_STATE_MUTE)
        return READER_UNREADABLE;
    if (event & SCARD_STATE_PRESENT)
        return READER_CARD;
    if (event & SCARD_STATE_EMPTY)
        return READER_EMPTY;
    return READER_UNAVAILABLE;
}

static void publish_readers(struct reader_watch *watch, const struct readers *readers)
{
    struct reader_snapshot now;
    memset(&now, 0, sizeof now);
    now.service_up = true;
    now.count = (uint8_t)readers->count;
    now.places_asked = watch->places_asked;
    for (size_t i = 0; i < readers->count; i++) {
        DWORD event = readers->states[i].dwEventState;
        struct reader_info *info = &now.readers[i];
        memcpy(info->name, readers->names[i], sizeof info->name);
        info->state = state_of(event);
        info->changes = (uint64_t)readers->appearance[i] << 16 | (event >> 16 & 0xffff);
        info->place = readers->places[i].is;
        info->usb_bus = readers->places[i].usb_bus;
        info->usb_device = readers->places[i].usb_device;
    }
    publish(watch, &now);
}

/* ---- the list of readers ---- */

/* A name becomes part of JSON and of the log, and is handed back to PC/SC: it must be harmless as
 * it is, or the reader is not shown. */
static bool name_usable(const char *name, size_t len)
{
    if (len == 0 || len > READER_NAME_MAX || !utf8_valid(name, len))
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return true;
}

/* A reader that was known keeps what was known of it. */
static void add_reader(struct reader_watch *watch, struct readers *now,
                       const struct readers *before, const char *name)
{
    size_t i = now->count++;
    memcpy(now->names[i], name, strlen(name)); /* name_usable: it fits, in zeros */
    for (size_t k = 0; k < before->count; k++)
        if (strcmp(before->names[k], name) == 0) {
            now->appearance[i] = before->appearance[k];
            now->places[i] = before->places[k];
            now->states[i] = before->states[k];
            return;
        }
    now->appearance[i] = ++watch->appearances;
}

/* Reads the list afresh into *readers. */
static LONG list_readers(struct reader_watch *watch, struct readers *readers)
{
    char list[(READERS_MAX + 1) * MAX_READERNAME + 1] = "";
    DWORD size = sizeof list;
    LONG rv = SCardListReaders(atomic_load(&watch->pcsc), NULL, list, &size);
    if (rv == SCARD_E_NO_READERS_AVAILABLE)
        list[0] = '\0';
    else if (rv != SCARD_S_SUCCESS)
        return rv;
    struct readers now;
    memset(&now, 0, sizeof now);
    for (const char *name = list; *name; name += strlen(name) + 1) {
        if (now.count == READERS_MAX || !name_usable(name, strlen(name)))
            log_warning("reader \"%s\" is left out: too many, or no proper name", name);
        else
            add_reader(watch, &now, readers, name);
    }
    now.states[now.count] = readers->states[readers->count];
    *readers = now;
    for (size_t i = 0; i < readers->count; i++)
        readers->states[i].szReader = readers->names[i];
    readers->states[readers->count].szReader = reader_list_name;
    return SCARD_S_SUCCESS;
}

/* ---- their places ---- */

/* 0xDDDDCCCC: the kind of channel, 0x0020 being USB, and its number, there bus and device. */
static struct place place_of(DWORD channel)
{
    if (channel >> 16 != CHANNEL_USB)
        return (struct place){.is = READER_PLACE_ELSEWHERE};
    return (struct place){
        .is = READER_PLACE_USB, .usb_bus = (uint8_t)(channel >> 8), .usb_device = (uint8_t)channel};
}

/* Without its card: a connection to the reader itself, which keeps nobody out. */
static struct place ask_place(const struct reader_watch *watch, const char *name)
{
    SCARDHANDLE reader;
    DWORD protocol;
    if (SCardConnect(atomic_load(&watch->pcsc), name, SCARD_SHARE_DIRECT, 0, &reader, &protocol) !=
        SCARD_S_SUCCESS)
        return (struct place){.is = READER_PLACE_UNKNOWN};
    uint32_t channel = 0;
    DWORD size = sizeof channel;
    LONG rv = SCardGetAttrib(reader, SCARD_ATTR_CHANNEL_ID, (LPBYTE)&channel, &size);
    SCardDisconnect(reader, SCARD_LEAVE_CARD);
    if (rv == SCARD_S_SUCCESS && size == sizeof channel)
        return place_of(channel);
    bool says_never = rv == SCARD_S_SUCCESS || rv == SCARD_E_UNSUPPORTED_FEATURE;
    return (struct place){.is = says_never ? READER_PLACE_ELSEWHERE : READER_PLACE_UNKNOWN};
}

static void ask_places(struct reader_watch *watch, struct readers *readers)
{
    unsigned wanted = atomic_load(&watch->places_wanted);
    if (wanted != watch->places_asked)
        memset(readers->places, 0, sizeof readers->places);
    watch->places_asked = wanted;
    for (size_t i = 0; wanted != 0 && i < readers->count; i++)
        if (readers->places[i].is == READER_PLACE_UNKNOWN)
            readers->places[i] = ask_place(watch, readers->names[i]);
}

/* SCardCancel waits for the service's answer, which one that hangs does not give. */
static atomic_bool cancelling; /* one watch per process */

static void *cancel(void *context)
{
    SCardCancel((SCARDCONTEXT)(intptr_t)context);
    atomic_store(&cancelling, false);
    return NULL;
}

void reader_watch_hurry(struct reader_watch *watch)
{
    SCARDCONTEXT pcsc = atomic_load(&watch->pcsc);
    pthread_t thread;
    if (pcsc == 0 || atomic_exchange(&cancelling, true))
        return;
    int error = pthread_create(&thread, NULL, cancel, (void *)(intptr_t)pcsc);
    if (error == 0) {
        pthread_detach(thread);
        return;
    }
    log_fault(error, "reader watch");
    atomic_store(&cancelling, false);
}

unsigned reader_watch_ask_places(struct reader_watch *watch)
{
    unsigned number = atomic_load(&watch->places_wanted) + 1;
    number = number == 0 ? 1 : number;
    atomic_store(&watch->places_wanted, number);
    reader_watch_hurry(watch);
    return number;
}

/* ---- the thread ---- */

static LONG wait_for_change(struct reader_watch *watch, struct readers *readers, DWORD timeout)
{
    for (size_t i = 0; i <= readers->count; i++)
        readers->states[i].dwCurrentState = readers->states[i].dwEventState & ~SCARD_STATE_CHANGED;
    return SCardGetStatusChange(atomic_load(&watch->pcsc), timeout, readers->states,
                                (DWORD)readers->count + 1);
}

/* Watches until the service fails or the thread is to end. */
static void watch_readers(struct reader_watch *watch)
{
    struct readers readers;
    memset(&readers, 0, sizeof readers);
    unsigned vanished = 0; /* waits in a row that ended because a listed reader is not known */
    DWORD timeout = 0;     /* the first look tells how things stand, and waits for nothing */
    while (!atomic_load(&watch->stop)) {
        if (list_readers(watch, &readers) != SCARD_S_SUCCESS)
            return;
        ask_places(watch, &readers);
        LONG rv = wait_for_change(watch, &readers, timeout);
        if (rv == SCARD_E_UNKNOWN_READER || rv == SCARD_E_READER_UNAVAILABLE) {
            /* Listed, yet unknown: on its way out. It may say so for a moment; do not spin. */
            poll(&(struct pollfd){.fd = watch->stop_fd, .events = POLLIN}, 1,
                 vanished < 6 ? 10 << vanished++ : 1000);
            continue;
        }
        if (rv == SCARD_E_CANCELLED) { /* what it has written into the states is not to be known */
            for (size_t i = 0; i <= readers.count; i++)
                readers.states[i].dwEventState = SCARD_STATE_UNAWARE;
            timeout = 0;
            continue;
        }
        if (rv != SCARD_S_SUCCESS && rv != SCARD_E_TIMEOUT)
            return;
        vanished = 0;
        publish_readers(watch, &readers);
        watch->retry_ms = RETRY_MIN_MS;
        bool quiet = rv == SCARD_E_TIMEOUT && timeout > 0;
        timeout = quiet ? NET_MS : SETTLE_MS;
    }
}

/* Waits until another attempt may succeed. */
static void wait_for_service(struct reader_watch *watch)
{
    struct pollfd fds[] = {{.fd = watch->stop_fd, .events = POLLIN},
                           {.fd = watch->folder_fd, .events = POLLIN}};
    poll(fds, 2, (int)watch->retry_ms);
    watch->retry_ms *= 2;
    if (watch->retry_ms > RETRY_MAX_MS)
        watch->retry_ms = RETRY_MAX_MS;
    if (fds[1].revents & POLLIN) {
        char events[4096];
        if (read(watch->folder_fd, events, sizeof events) > 0)
            watch->retry_ms = RETRY_MIN_MS;
    }
}

static void *run(void *argument)
{
    struct reader_watch *watch = argument;
    while (!atomic_load(&watch->stop)) {
        SCARDCONTEXT pcsc;
        if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &pcsc) == SCARD_S_SUCCESS) {
            atomic_store(&watch->pcsc, pcsc);
            watch_readers(watch);
            atomic_store(&watch->pcsc, 0);
            SCardReleaseContext(pcsc);
        }
        publish_service_down(watch);
        if (!atomic_load(&watch->stop))
            wait_for_service(watch);
    }
    return NULL;
}

/* ---- beginning and end ---- */

bool reader_service_redirected(void)
{
    const char *socket = getenv("PCSCLITE_CSOCK_NAME");
    return socket && socket[0] != '\0' && strcmp(socket, "/run/pcscd/pcscd.comm") != 0;
}

/* The folder in which the service's socket appears: that of PCSCLITE_CSOCK_NAME, as libpcsclite
 * has it, else the system's. */
static int watch_folder(void)
{
    const char *socket = getenv("PCSCLITE_CSOCK_NAME");
    char folder[4096] = "/run/pcscd";
    const char *slash = socket ? strrchr(socket, '/') : NULL;
    if (slash && slash > socket && (size_t)(slash - socket) < sizeof folder) {
        memcpy(folder, socket, (size_t)(slash - socket));
        folder[slash - socket] = '\0';
    }
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd >= 0 && inotify_add_watch(fd, folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
        log_info("%s cannot be watched (%s): the reader service is looked for by the clock", folder,
                 strerror(errno));
        close(fd);
        fd = -1;
    }
    return fd;
}

struct reader_watch *reader_watch_new(void (*changed)(void *context), void *context)
{
    struct reader_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        log_fault(ENOMEM, "reader watch");
        return NULL;
    }
    watch->changed = changed;
    watch->context = context;
    watch->retry_ms = RETRY_MIN_MS;
    watch->folder_fd = watch_folder();
    watch->stop_fd = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&watch->mutex, NULL);
    int error = watch->stop_fd < 0 ? errno : pthread_create(&watch->thread, NULL, run, watch);
    if (error == 0)
        return watch;
    log_fault(error, "reader watch");
    pthread_mutex_destroy(&watch->mutex);
    if (watch->stop_fd >= 0)
        close(watch->stop_fd);
    if (watch->folder_fd >= 0)
        close(watch->folder_fd);
    free(watch);
    return NULL;
}

/* True once the thread has ended and is joined. */
static bool joined_within(pthread_t thread, long milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += milliseconds * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

void reader_watch_free(struct reader_watch **watch)
{
    struct reader_watch *w = *watch;
    *watch = NULL;
    if (!w)
        return;
    atomic_store(&w->stop, true);
    eventfd_write(w->stop_fd, 1);
    do {
        SCARDCONTEXT pcsc = atomic_load(&w->pcsc);
        if (pcsc != 0)
            SCardCancel(pcsc);
    } while (!joined_within(w->thread, CANCEL_EVERY_MS));
    pthread_mutex_destroy(&w->mutex);
    close(w->stop_fd);
    if (w->folder_fd >= 0)
        close(w->folder_fd);
    free(w);
}
