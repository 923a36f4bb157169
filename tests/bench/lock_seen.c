/* SPDX-License-Identifier: MIT */
/*
 * lock_seen ADDRESS: a monitor of a D-Bus bus. Prints the nanoseconds of CLOCK_MONOTONIC at which
 * each call of logind's LockSession passes it, which is when logind itself is given the call. The
 * mock logind is a Python program, and its own time is not to be measured. "ready" is printed once
 * it listens.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>

static int open_monitor(const char *address, sd_bus **bus)
{
    int r = sd_bus_new(bus);
    if (r < 0 || (r = sd_bus_set_address(*bus, address)) < 0 ||
        (r = sd_bus_set_bus_client(*bus, true)) < 0 || (r = sd_bus_set_monitor(*bus, true)) < 0 ||
        (r = sd_bus_start(*bus)) < 0)
        return r;
    return sd_bus_call_method(*bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                              "org.freedesktop.DBus.Monitoring", "BecomeMonitor", NULL, NULL, "asu",
                              1, "type='method_call',member='LockSession'", 0);
}

/* Until the bus ends. */
static int watch(sd_bus *bus)
{
    for (;;) {
        sd_bus_message *message = NULL;
        int r = sd_bus_process(bus, &message);
        if (r < 0)
            return r;
        if (message && sd_bus_message_is_method_call(message, NULL, "LockSession") > 0) {
            struct timespec t;
            clock_gettime(CLOCK_MONOTONIC, &t);
            printf("%lld\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);
        }
        sd_bus_message_unref(message);
        if (r == 0 && (r = sd_bus_wait(bus, UINT64_MAX)) < 0)
            return r;
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: lock_seen ADDRESS\n");
        return 2;
    }
    sd_bus *bus = NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    int r = open_monitor(argv[1], &bus);
    if (r >= 0) {
        puts("ready");
        r = watch(bus);
    }
    sd_bus_unref(bus);
    if (r != -ECONNRESET && r != -ENOTCONN)
        fprintf(stderr, "lock_seen: %s\n", strerror(-r));
    return EXIT_FAILURE;
}
