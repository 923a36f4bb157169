/* SPDX-License-Identifier: MIT */
#include "agent/cli/unseen.h"

#include "ipc/base/cleanup.h"

#include <stddef.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"

enum { WITHIN_US = 1000 * 1000 }; /* each of the two: the bus's welcome, the notice */

static void bus_release(sd_bus **bus)
{
    *bus = sd_bus_flush_close_unref(*bus);
}

void unseen_tell(const char *summary, const char *body)
{
    CLEANUP(bus_release) sd_bus *bus = NULL;
    if (isatty(STDERR_FILENO) || sd_bus_open_user(&bus) < 0)
        return;
    sd_bus_set_method_call_timeout(bus, WITHIN_US);
    sd_bus_call_method(bus, NAME, PATH, NAME, "Notify", NULL, NULL, "susssasa{sv}i", "Lanyard", 0,
                       "", summary, body, 0, 0, -1);
}
