/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_keeper_screen_rig.h"

#include "agent/chooser_client.h"
#include "agent/desktop/desktop.h"
#include "tests/unit/test_keeper_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

struct screen screen;

void desktop_lock(struct desktop *desktop, desktop_lock_fn *done, void *context)
{
    (void)desktop;
    (void)done;
    (void)context;
    screen.locks++;
    rig_note("lock");
}

void desktop_tell(struct desktop *desktop, enum notice_kind kind, const char *summary,
                  const char *body)
{
    (void)desktop;
    (void)kind;
    (void)body;
    screen.notices++;
    snprintf(screen.notice, sizeof screen.notice, "%s", summary);
}

static struct chooser {
    chooser_fn *fn;
    void *context;
} chooser;

struct chooser *chooser_ask(struct loop *loop, struct helpers *helpers, const char *name,
                            const struct cis_role *roles, size_t role_count, int current,
                            unsigned timeout_seconds, chooser_fn *fn, void *context)
{
    (void)loop;
    (void)helpers;
    (void)roles;
    (void)current;
    (void)timeout_seconds;
    assert_true(name[0] != '\0' && role_count > 1);
    screen.choosing = true;
    chooser = (struct chooser){.fn = fn, .context = context};
    return &chooser;
}

void chooser_free(struct chooser **it)
{
    if (*it)
        screen.choosing = false;
    *it = NULL;
}

void choose(int result, size_t role)
{
    assert_true(screen.choosing);
    chooser.fn(chooser.context, result, role);
}

void screen_begin(void)
{
    screen = (struct screen){0};
}

void screen_end(void)
{
    assert_false(screen.choosing);
}
