/* SPDX-License-Identifier: MIT */
/*
 * Two names, one interface under each. A desktop may have both, with one of them a stand-in that
 * can only keep the screen awake; so a lock is asked of each that is there, and is refused when all
 * have refused it. Only one that runs is asked: none is started for the question.
 */
#include "agent/desktop/saver.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMES = 2 };

static const struct {
    const char *name; /* also its interface */
    const char *path;
} known[NAMES] = {
    {"org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver"},
    {"org.gnome.ScreenSaver", "/org/gnome/ScreenSaver"},
};

struct one {
    struct saver *saver;
    size_t which; /* of known */
    struct peer *peer;
    struct listener changed;
    struct call looking, locking;
    bool active;
    enum {
        LOCK_NOT_WANTED,
        LOCK_WAITS,
        LOCK_SENT
    } lock; /* it waits to hear if the name is there */
};

struct saver {
    struct saver_setup setup;
    struct one each[NAMES];
    char refusal[192]; /* who refused last, and how; "": nobody yet */
};

static void set_active(struct one *one, bool active)
{
    if (one->active == active)
        return;
    one->active = active;
    one->saver->setup.changed(one->saver->setup.context);
}

static int on_active(sd_bus_message *m, void *context, sd_bus_error *error)
{
    int active;
    (void)error;
    if (reply_is(m, "b") && sd_bus_message_read(m, "b", &active) > 0)
        set_active(context, active);
    return 1;
}

static void on_active_changed(void *context, sd_bus_message *m)
{
    int active;
    if (sd_bus_message_read(m, "b", &active) > 0)
        set_active(context, active);
}

/* Without a reply it is as it was. */
static void ask_active(struct one *one)
{
    peer_call(one->peer, &one->looking, known[one->which].path, known[one->which].name, "GetActive",
              on_active, one, "");
}

static void refuse_lock(struct one *one)
{
    if (one->lock == LOCK_NOT_WANTED)
        return;
    one->lock = LOCK_NOT_WANTED;
    for (size_t i = 0; i < NAMES; i++)
        if (one->saver->each[i].lock != LOCK_NOT_WANTED)
            return;
    one->saver->setup.cannot_lock(one->saver->setup.context);
}

static int on_lock(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct one *one = context;
    (void)error;
    if (sd_bus_message_is_method_error(m, NULL)) {
        snprintf(one->saver->refusal, sizeof one->saver->refusal, "%s answered %s",
                 known[one->which].name, sd_bus_message_get_error(m)->name);
        log_info("%s to Lock", one->saver->refusal);
        refuse_lock(one);
    } else {
        ask_active(one);
    }
    return 1;
}

static bool send_lock(struct one *one)
{
    return peer_call(one->peer, &one->locking, known[one->which].path, known[one->which].name,
                     "Lock", on_lock, one, "") == 0;
}

bool saver_lock(struct saver *saver)
{
    bool asked = false;
    saver->refusal[0] = '\0';
    for (struct one *one = saver->each; one < saver->each + NAMES; one++) {
        one->lock = LOCK_NOT_WANTED;
        if (send_lock(one))
            one->lock = LOCK_SENT;
        else if (peer_pending(one->peer))
            one->lock = LOCK_WAITS;
        asked = asked || one->lock != LOCK_NOT_WANTED;
    }
    return asked;
}

static bool is_silent(const struct saver *saver)
{
    for (size_t i = 0; i < NAMES; i++)
        if (saver->each[i].lock == LOCK_SENT)
            return true;
    return false;
}

bool saver_lock_asked(const struct saver *saver)
{
    return is_silent(saver) || saver->refusal[0] != '\0';
}

void saver_lock_problem(const struct saver *saver, char *out, size_t size)
{
    if (!bus_ready(saver->setup.bus))
        snprintf(out, size, "no session bus");
    else if (is_silent(saver))
        snprintf(out, size, "it was asked and did not become active in time");
    else if (saver->refusal[0] != '\0')
        snprintf(out, size, "%s", saver->refusal);
    else
        snprintf(out, size, "no screen saver answers on the session's bus");
}

void saver_lock_over(struct saver *saver)
{
    for (struct one *one = saver->each; one < saver->each + NAMES; one++) {
        one->lock = LOCK_NOT_WANTED;
        call_forget(&one->locking);
    }
}

static void forget(struct one *one)
{
    listener_stop(&one->changed);
    call_forget(&one->looking);
    call_forget(&one->locking);
}

static void on_peer(void *context)
{
    struct one *one = context;
    forget(one);
    if (!peer_there(one->peer)) {
        set_active(one, false);
        refuse_lock(one);
        return;
    }
    peer_listen(one->peer, &one->changed, NULL, known[one->which].name, "ActiveChanged", "b",
                on_active_changed, one);
    if (one->lock == LOCK_WAITS && send_lock(one))
        one->lock = LOCK_SENT;
    else
        ask_active(one);
}

struct saver *saver_new(const struct saver_setup *setup)
{
    CLEANUP(saver_free) struct saver *saver = calloc(1, sizeof *saver);
    if (!saver) {
        log_fault(ENOMEM, "screen saver");
        return NULL;
    }
    saver->setup = *setup;
    for (size_t i = 0; i < NAMES; i++) {
        struct one *one = &saver->each[i];
        *one = (struct one){.saver = saver, .which = i};
        one->peer = peer_new(setup->bus, known[i].name, on_peer, one);
        if (!one->peer)
            return NULL;
    }
    return STEAL(saver);
}

void saver_free(struct saver **saver)
{
    struct saver *s = STEAL(*saver);
    if (!s)
        return;
    for (size_t i = 0; i < NAMES; i++) {
        forget(&s->each[i]);
        peer_free(&s->each[i].peer);
    }
    free(s);
}

bool saver_active(const struct saver *saver)
{
    for (size_t i = 0; i < NAMES; i++)
        if (saver->each[i].active)
            return true;
    return false;
}
