/* SPDX-License-Identifier: MIT */
/*
 * The user's service manager watches /run/lanyard/wake/UID with a path unit (PathChanged=). Making
 * the file, or writing to it again, is the signal; its contents are none. It is taken away when the
 * agent has registered, at which the manager does not look as long as the agent runs. It stays when
 * none came: taking it away would be a signal, too.
 *
 * Nothing that a user does here costs another more than a place among those that wait, of which one
 * user has few; who already has an agent needs none.
 */
#include "ipc/portd/waking.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WAIT_MS = 10000, /* an agent is there within a second, on a busy machine within a few */
    NAME_BYTES = 16, /* a uid in decimal */
};

struct page {
    TAILQ_ENTRY(page) link;
    struct waking *waking;
    uid_t uid;
    int fd;
    uint64_t deadline;
    struct loop_watch *watch;
};

struct waking {
    struct loop *loop;
    int folder;
    waking_late_fn *late;
    void *context;
    struct loop_timer *timer;
    size_t count;
    TAILQ_HEAD(, page) queue; /* the oldest first */
};

/* Returns its descriptor, owned. */
static int take_out(struct page *page)
{
    int fd = steal_fd(&page->fd);
    TAILQ_REMOVE(&page->waking->queue, page, link);
    page->waking->count--;
    loop_watch_free(&page->watch);
    free(page);
    return fd;
}

static void page_gone(void *context, uint32_t events)
{
    (void)events; /* only LOOP_HANGUP is waited for */
    int fd = take_out(context);
    close_fd(&fd);
}

static void time_is_up(void *context)
{
    struct waking *waking = context;
    uint64_t now = loop_now();
    struct page *first;
    while ((first = TAILQ_FIRST(&waking->queue)) && first->deadline <= now)
        waking->late(waking->context, take_out(first));
    if (first)
        loop_timer_set(waking->timer, first->deadline - now);
}

struct waking *waking_new(struct loop *loop, const char *folder, waking_late_fn *late,
                          void *context)
{
    CLEANUP(waking_free) struct waking *waking = calloc(1, sizeof *waking);
    if (!waking) {
        log_fault(ENOMEM, "waking");
        return NULL;
    }
    *waking = (struct waking){.loop = loop, .late = late, .context = context};
    TAILQ_INIT(&waking->queue);
    waking->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (waking->folder < 0) {
        log_fault(errno, folder);
        return NULL;
    }
    waking->timer = loop_timer_new(loop, time_is_up, waking);
    return waking->timer ? STEAL(waking) : NULL;
}

void waking_free(struct waking **waking)
{
    struct waking *w = STEAL(*waking);
    if (!w)
        return;
    struct page *page;
    while ((page = TAILQ_FIRST(&w->queue))) {
        int fd = take_out(page);
        close_fd(&fd);
    }
    loop_timer_free(&w->timer);
    close_fd(&w->folder);
    free(w);
}

static size_t waiting_of(const struct waking *waking, uid_t uid)
{
    size_t count = 0;
    const struct page *each;
    TAILQ_FOREACH(each, &waking->queue, link)
    count += each->uid == uid;
    return count;
}

/* Readable for all: who watches a file must be able to read it. */
static bool touch(const struct waking *waking, uid_t uid)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%u", (unsigned)uid);
    CLEANUP(close_fd)
    int fd = openat(waking->folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0 && fchmod(fd, 0644) == 0)
        return true;
    log_fault(errno, "waking an agent");
    return false;
}

bool waking_wait(struct waking *waking, uid_t uid, int fd)
{
    size_t others = waiting_of(waking, uid);
    if (others == WAKING_EACH_MAX || waking->count == WAKING_MAX ||
        (others == 0 && !touch(waking, uid)))
        return false;
    struct page *page = calloc(1, sizeof *page);
    if (page)
        page->watch = loop_watch_new(waking->loop, fd, 0, page_gone, page);
    if (!page || !page->watch) {
        free(page);
        return false;
    }
    page->waking = waking;
    page->uid = uid;
    page->fd = fd;
    page->deadline = loop_now() + WAIT_MS;
    TAILQ_INSERT_TAIL(&waking->queue, page, link);
    if (++waking->count == 1)
        loop_timer_set(waking->timer, WAIT_MS);
    return true;
}

void waking_registered(struct waking *waking, uid_t uid)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%u", (unsigned)uid);
    if (unlinkat(waking->folder, name, 0) < 0 && errno != ENOENT)
        log_fault(errno, "the file that has woken an agent");
}

int waking_next(struct waking *waking, uid_t uid)
{
    struct page *each;
    TAILQ_FOREACH(each, &waking->queue, link)
    if (each->uid == uid)
        return take_out(each);
    return -1;
}
