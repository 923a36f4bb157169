/* SPDX-License-Identifier: MIT */
/*
 * The user's service manager watches /run/lanyard/wake/UID with a path unit (PathChanged=). Making
 * the file, or writing to it again, is the signal; its contents are none. It is taken away when the
 * agent has registered, at which the manager does not look as long as the agent runs, and otherwise
 * ten seconds after it was written last: one that stays fills /run, since a user may have as many
 * uids as their containers, and would have the agent started at the next log-in for nobody. Taking
 * it away is a signal, too: the agent is tried once more. Not sooner, for the manager has to see
 * it, and does not when it has come and gone before it looks. So files have a life of their own,
 * whatever becomes of the pages.
 *
 * Nothing that a user does here costs another more than a place among those that wait, which a page
 * loses to a newer one; the signal has been given by then, and who comes again finds the agent. Who
 * already has an agent needs none.
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

/* A file that is there. */
struct wish {
    TAILQ_ENTRY(wish) link;
    uid_t uid;
    uint64_t deadline;
};

struct waking {
    struct loop *loop;
    int folder;
    waking_late_fn *late;
    void *context;
    struct loop_timer *timer;
    size_t count, wish_count;
    TAILQ_HEAD(, page) queue;  /* the oldest first */
    TAILQ_HEAD(, wish) wishes; /* the one that was written longest ago first */
};

/* ---- the files ---- */

static void name_file(uid_t uid, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%u", (unsigned)uid);
}

static struct wish *find_wish(const struct waking *waking, uid_t uid)
{
    struct wish *each;
    TAILQ_FOREACH(each, &waking->wishes, link)
    if (each->uid == uid)
        return each;
    return NULL;
}

static void forget_wish(struct waking *waking, struct wish *wish)
{
    TAILQ_REMOVE(&waking->wishes, wish, link);
    waking->wish_count--;
    free(wish);
}

static void remove_file(const struct waking *waking, uid_t uid)
{
    char name[NAME_BYTES];
    name_file(uid, name);
    if (unlinkat(waking->folder, name, 0) < 0 && errno != ENOENT)
        log_fault(errno, "the file that has woken an agent");
}

static void withdraw_wish(struct waking *waking, struct wish *wish)
{
    remove_file(waking, wish->uid);
    forget_wish(waking, wish);
}

/* A place at the end for that user's. NULL on fault (logged). */
static struct wish *renew_wish(struct waking *waking, uid_t uid)
{
    struct wish *wish = find_wish(waking, uid);
    if (!wish && waking->wish_count == WAKING_FILES_MAX)
        withdraw_wish(waking, TAILQ_FIRST(&waking->wishes));
    if (wish) {
        TAILQ_REMOVE(&waking->wishes, wish, link);
    } else {
        wish = calloc(1, sizeof *wish);
        if (!wish) {
            log_fault(ENOMEM, "waking an agent");
            return NULL;
        }
        waking->wish_count++;
    }
    wish->uid = uid;
    wish->deadline = loop_now() + WAIT_MS;
    TAILQ_INSERT_TAIL(&waking->wishes, wish, link);
    return wish;
}

/* Readable for all: who watches a file must be able to read it. */
static bool touch(struct waking *waking, uid_t uid)
{
    struct wish *wish = renew_wish(waking, uid);
    if (!wish)
        return false;
    char name[NAME_BYTES];
    name_file(uid, name);
    CLEANUP(close_fd)
    int fd = openat(waking->folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0 && fchmod(fd, 0644) == 0)
        return true;
    log_fault(errno, "waking an agent");
    withdraw_wish(waking, wish);
    return false;
}

/* ---- the pages ---- */

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

/* For the page and the file that have been there longest. */
static void set_timer(struct waking *waking)
{
    const struct page *page = TAILQ_FIRST(&waking->queue);
    const struct wish *wish = TAILQ_FIRST(&waking->wishes);
    if (!page && !wish) {
        loop_timer_stop(waking->timer);
        return;
    }
    uint64_t now = loop_now(), deadline = page ? page->deadline : wish->deadline;
    if (wish && wish->deadline < deadline)
        deadline = wish->deadline;
    loop_timer_set(waking->timer, deadline > now ? deadline - now : 0);
}

static void time_is_up(void *context)
{
    struct waking *waking = context;
    uint64_t now = loop_now();
    struct page *page;
    struct wish *wish;
    while ((page = TAILQ_FIRST(&waking->queue)) && page->deadline <= now)
        waking->late(waking->context, take_out(page));
    while ((wish = TAILQ_FIRST(&waking->wishes)) && wish->deadline <= now)
        withdraw_wish(waking, wish);
    set_timer(waking);
}

/* ---- its life ---- */

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
    TAILQ_INIT(&waking->wishes);
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
    struct wish *wish;
    while ((wish = TAILQ_FIRST(&w->wishes)))
        withdraw_wish(w, wish);
    loop_timer_free(&w->timer);
    close_fd(&w->folder);
    free(w);
}

/* ---- who waits ---- */

static size_t waiting_of(const struct waking *waking, uid_t uid)
{
    size_t count = 0;
    const struct page *each;
    TAILQ_FOREACH(each, &waking->queue, link)
    count += each->uid == uid;
    return count;
}

bool waking_wait(struct waking *waking, uid_t uid, int fd)
{
    size_t others = waiting_of(waking, uid);
    bool wished = others > 0 && find_wish(waking, uid);
    if (others == WAKING_EACH_MAX || (!wished && !touch(waking, uid)))
        return false;
    struct page *page = calloc(1, sizeof *page);
    if (page)
        page->watch = loop_watch_new(waking->loop, fd, 0, page_gone, page);
    if (!page || !page->watch) {
        free(page);
        set_timer(waking);
        return false;
    }
    if (waking->count == WAKING_MAX)
        waking->late(waking->context, take_out(TAILQ_FIRST(&waking->queue)));
    page->waking = waking;
    page->uid = uid;
    page->fd = fd;
    page->deadline = loop_now() + WAIT_MS;
    TAILQ_INSERT_TAIL(&waking->queue, page, link);
    waking->count++;
    set_timer(waking);
    return true;
}

void waking_registered(struct waking *waking, uid_t uid)
{
    struct wish *wish = find_wish(waking, uid);
    if (wish)
        forget_wish(waking, wish);
    remove_file(waking, uid); /* also one that an earlier broker has left */
}

int waking_next(struct waking *waking, uid_t uid)
{
    struct page *each;
    TAILQ_FOREACH(each, &waking->queue, link)
    if (each->uid == uid)
        return take_out(each);
    return -1;
}
