/* SPDX-License-Identifier: MIT */
/*
 * A thread per reader receives what lanyard-virtual-card says and keeps the state of the slot under
 * a lock; pcscd's threads wait on the condition variable. Nothing here runs on a timer.
 *
 * There are two views of the slot. `inserted` is the card that lies there now, numbered in the
 * order of insertion, 0 for none. `announced` is the one pcscd has been told of. Only link_wait
 * moves `announced`, by one edge at a time: pcscd asks for the presence after each wait, so it sees
 * a pulled card even if another one lay there before it looked. Until both views agree the card is
 * out of reach: a command meant for the old card never reaches the new one. A card must also be
 * powered first, as in a real reader.
 */
#include "link.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "link_protocol.h"

#define HELLO_TIMEOUT_S 2

struct link {
    int fd;
    pthread_t receiver;
    pthread_mutex_t lock;
    pthread_cond_t changed;

    bool plugged;
    bool plugged_announced;
    bool interrupted;
    bool powered;
    unsigned cards_seen;
    unsigned inserted;  /* number of the card in the slot; 0 = empty */
    unsigned announced; /* number of the card that pcscd knows of; 0 = empty */
    size_t atr_size;
    uint8_t atr[LINK_ATR_MAX];

    bool answered;
    size_t response_size;
    uint8_t response[LINK_PACKET_MAX];
};

static void set_slot(struct link *link, bool plugged, unsigned card)
{
    link->plugged = plugged;
    link->inserted = card;
    link->powered = false;
}

/* With the lock held. False: the packet breaks the protocol. */
static bool take_packet(struct link *link, const uint8_t *packet, size_t size)
{
    const uint8_t *body = packet + 1;
    size_t body_size = size - 1;

    switch (packet[0]) {
    case LINK_UNPLUGGED:
        set_slot(link, false, 0);
        return body_size == 0;
    case LINK_EMPTY:
        set_slot(link, true, 0);
        return body_size == 0;
    case LINK_INSERTED:
        if (body_size < LINK_ATR_MIN || body_size > LINK_ATR_MAX)
            return false;
        set_slot(link, true, ++link->cards_seen);
        memcpy(link->atr, body, body_size);
        link->atr_size = body_size;
        return true;
    case LINK_RESPONSE:
        memcpy(link->response, body, body_size);
        link->response_size = body_size;
        link->answered = true;
        return body_size >= 2;
    default:
        return false;
    }
}

static bool receive_one(struct link *link)
{
    uint8_t packet[LINK_PACKET_MAX];
    ssize_t size;
    bool ok;

    do
        size = recv(link->fd, packet, sizeof packet, 0);
    while (size < 0 && errno == EINTR);

    pthread_mutex_lock(&link->lock);
    ok = size > 0 && take_packet(link, packet, (size_t)size);
    if (!ok)
        set_slot(link, false, 0);
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
    return ok;
}

static void *receive_all(void *context)
{
    while (receive_one(context))
        ;
    return NULL;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = HELLO_TIMEOUT_S};
    int fd;

    if (strlen(path) >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool forget_timeout(int fd)
{
    struct timeval forever = {0};

    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever) == 0;
}

struct link *link_open(const char *path)
{
    struct link *link = calloc(1, sizeof *link);
    pthread_condattr_t monotonic;

    if (!link)
        return NULL;
    link->fd = connect_to(path);
    if (link->fd < 0) {
        free(link);
        return NULL;
    }
    pthread_mutex_init(&link->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&link->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);

    if (!receive_one(link) || !forget_timeout(link->fd))
        goto fail;
    link->announced = link->inserted;
    link->plugged_announced = true; /* else pcscd would give the reader up for good */
    if (pthread_create(&link->receiver, NULL, receive_all, link) != 0)
        goto fail;
    return link;

fail:
    pthread_cond_destroy(&link->changed);
    pthread_mutex_destroy(&link->lock);
    close(link->fd);
    free(link);
    return NULL;
}

void link_close(struct link *link)
{
    if (!link)
        return;
    shutdown(link->fd, SHUT_RDWR);
    pthread_join(link->receiver, NULL);
    close(link->fd);
    pthread_cond_destroy(&link->changed);
    pthread_mutex_destroy(&link->lock);
    free(link);
}

RESPONSECODE link_presence(struct link *link)
{
    RESPONSECODE presence;

    pthread_mutex_lock(&link->lock);
    if (!link->plugged_announced)
        presence = IFD_COMMUNICATION_ERROR;
    else
        presence = link->announced ? IFD_ICC_PRESENT : IFD_ICC_NOT_PRESENT;
    pthread_mutex_unlock(&link->lock);
    return presence;
}

static struct timespec deadline_in(int timeout_ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += timeout_ms / 1000;
    at.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000L;
    }
    return at;
}

/* With the lock held. */
static bool has_news(const struct link *link)
{
    return link->interrupted || link->announced != link->inserted ||
           link->plugged_announced != link->plugged;
}

void link_wait(struct link *link, int timeout_ms)
{
    struct timespec deadline = deadline_in(timeout_ms);
    int late = 0;

    pthread_mutex_lock(&link->lock);
    while (!has_news(link) && !late)
        late = pthread_cond_timedwait(&link->changed, &link->lock, &deadline);
    if (link->announced != link->inserted)
        link->announced = link->announced ? 0 : link->inserted;
    link->plugged_announced = link->plugged;
    link->interrupted = false;
    pthread_mutex_unlock(&link->lock);
}

void link_interrupt(struct link *link)
{
    pthread_mutex_lock(&link->lock);
    link->interrupted = true;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
}

/* With the lock held: may the card in the slot be used by a client of the announced one? */
static RESPONSECODE reachable(const struct link *link)
{
    if (!link->plugged)
        return IFD_COMMUNICATION_ERROR;
    if (link->inserted == 0 || link->inserted != link->announced)
        return IFD_ICC_NOT_PRESENT;
    return IFD_SUCCESS;
}

RESPONSECODE link_atr(struct link *link, uint8_t *atr, size_t *size)
{
    RESPONSECODE result;

    pthread_mutex_lock(&link->lock);
    result = reachable(link);
    if (result == IFD_SUCCESS && *size < link->atr_size)
        result = IFD_ERROR_INSUFFICIENT_BUFFER;
    *size = result == IFD_SUCCESS ? link->atr_size : 0;
    memcpy(atr, link->atr, *size);
    pthread_mutex_unlock(&link->lock);
    return result;
}

/* With the lock held. The answer of a packet that could not be sent would never come. */
static bool send_packet(struct link *link, uint8_t type, const uint8_t *body, size_t size)
{
    struct iovec parts[] = {
        {.iov_base = &type, .iov_len = 1},
        {.iov_base = (void *)(uintptr_t)body, .iov_len = size},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    return sendmsg(link->fd, &message, MSG_NOSIGNAL) == (ssize_t)(size + 1);
}

RESPONSECODE link_power(struct link *link, int up)
{
    RESPONSECODE result;

    pthread_mutex_lock(&link->lock);
    result = reachable(link);
    if (result == IFD_SUCCESS && !send_packet(link, up ? LINK_POWER_UP : LINK_POWER_DOWN, NULL, 0))
        result = IFD_COMMUNICATION_ERROR;
    link->powered = up && result == IFD_SUCCESS;
    pthread_mutex_unlock(&link->lock);
    return result;
}

RESPONSECODE link_exchange(struct link *link, uint8_t type, const uint8_t *command, size_t size,
                           uint8_t *response, size_t *response_size)
{
    size_t room = *response_size;
    RESPONSECODE result;
    unsigned card;

    *response_size = 0;
    if (size >= LINK_PACKET_MAX)
        return IFD_COMMUNICATION_ERROR;

    pthread_mutex_lock(&link->lock);
    result = reachable(link);
    if (result == IFD_SUCCESS && !link->powered)
        result = IFD_COMMUNICATION_ERROR;
    card = link->inserted;
    link->answered = false;
    if (result == IFD_SUCCESS && !send_packet(link, type, command, size))
        result = IFD_COMMUNICATION_ERROR;
    while (result == IFD_SUCCESS && !link->answered && link->inserted == card)
        pthread_cond_wait(&link->changed, &link->lock);

    if (result == IFD_SUCCESS && (!link->answered || link->inserted != card))
        result = IFD_COMMUNICATION_ERROR;
    if (result == IFD_SUCCESS && link->response_size > room)
        result = IFD_ERROR_INSUFFICIENT_BUFFER;
    if (result == IFD_SUCCESS) {
        memcpy(response, link->response, link->response_size);
        *response_size = link->response_size;
    }
    pthread_mutex_unlock(&link->lock);
    return result;
}
