/* SPDX-License-Identifier: MIT */
/*
 * One thread at most, which owns what it reads until it has woken the loop, and ends then.
 */
#include "agent/reload.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct reload {
    const struct settings_source *source;
    reload_fn *fn;
    void *context;
    struct loop_wakeup *read_it;
    pthread_t thread;
    bool reading;
    bool again; /* asked for meanwhile */
    /* the thread's, until it has woken the loop */
    struct settings settings;
    int result;
};

static void *read_settings(void *context)
{
    struct reload *reload = context;
    reload->result =
        settings_load(reload->source, &reload->settings, settings_log_faults, settings_log_remarks);
    loop_wake(reload->read_it);
    return NULL;
}

/* False: what was read is older than the last wish. */
static bool is_newest(struct reload *reload)
{
    bool again = reload->again;
    reload->again = false;
    if (again)
        reload_start(reload);
    return !again;
}

static void on_read(void *context)
{
    struct reload *reload = context;
    if (!reload->reading)
        return;
    pthread_join(reload->thread, NULL);
    reload->reading = false;
    struct settings fresh = reload->settings;
    int result = reload->result;
    if (is_newest(reload))
        reload->fn(reload->context, result < 0 ? NULL : &fresh);
    if (result == 0)
        settings_deinit(&fresh);
}

struct reload *reload_new(struct loop *loop, const struct settings_source *source, reload_fn *fn,
                          void *context)
{
    CLEANUP(reload_free) struct reload *reload = calloc(1, sizeof *reload);
    if (!reload) {
        log_fault(ENOMEM, "reload");
        return NULL;
    }
    reload->source = source;
    reload->fn = fn;
    reload->context = context;
    reload->read_it = loop_wakeup_new(loop, on_read, reload);
    return reload->read_it ? STEAL(reload) : NULL;
}

void reload_free(struct reload **reload)
{
    struct reload *r = STEAL(*reload);
    if (!r)
        return;
    if (r->reading) {
        pthread_join(r->thread, NULL);
        if (r->result == 0)
            settings_deinit(&r->settings);
    }
    loop_wakeup_free(&r->read_it);
    free(r);
}

void reload_start(struct reload *reload)
{
    if (reload->reading) {
        reload->again = true;
        return;
    }
    int error = pthread_create(&reload->thread, NULL, read_settings, reload);
    reload->reading = error == 0;
    if (error == 0)
        return;
    log_fault(error, "reload");
    reload->fn(reload->context, NULL);
}
