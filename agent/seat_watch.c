/* SPDX-License-Identifier: MIT */
/*
 * After each word of udev's the devices are listed anew, and the list is compared with the one
 * before. The monitor stands before the first list, so that nothing is missed in between. A device
 * that udev's rules have not been through yet is not in the list: whose it is, is not known.
 */
#include "agent/seat_watch.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <libudev.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES_MAX = 1024 };

struct device {
    uint8_t bus, device;
    char seat[SEAT_NAME_MAX + 1];
};

struct devices {
    size_t count;
    struct device at[DEVICES_MAX];
};

struct seat_watch {
    loop_fn *changed;
    void *context;
    struct udev *udev;
    struct udev_monitor *monitor;
    struct loop_watch *monitor_watch;
    struct devices devices, before; /* in zeros: they are compared as bytes */
};

static void release_device(struct udev_device **device)
{
    udev_device_unref(*device);
}

static void release_list(struct udev_enumerate **list)
{
    udev_enumerate_unref(*list);
}

/* ---- the list ---- */

/* 1 to 255; 0: it is no such number. */
static uint8_t number_of(struct udev_device *device, const char *attribute)
{
    const char *text = udev_device_get_sysattr_value(device, attribute);
    char *end;
    unsigned long number = text ? strtoul(text, &end, 10) : 0;
    return number > 0 && number <= UINT8_MAX && end > text ? (uint8_t)number : 0;
}

static void add(struct devices *devices, struct udev_device *device)
{
    const char *type = udev_device_get_devtype(device);
    const char *seat = udev_device_get_property_value(device, "ID_SEAT");
    const char *done = udev_device_get_property_value(device, "USEC_INITIALIZED");
    seat = seat && seat[0] != '\0' ? seat : "seat0";
    if (!done || !type || strcmp(type, "usb_device") != 0 || strlen(seat) > SEAT_NAME_MAX ||
        devices->count == DEVICES_MAX)
        return;
    struct device *each = &devices->at[devices->count];
    each->bus = number_of(device, "busnum");
    each->device = number_of(device, "devnum");
    memcpy(each->seat, seat, strlen(seat));
    if (each->bus > 0 && each->device > 0)
        devices->count++;
    else
        *each = (struct device){0};
}

/* True if it is another. */
static bool list_devices(struct seat_watch *watch)
{
    memcpy(&watch->before, &watch->devices, sizeof watch->before);
    memset(&watch->devices, 0, sizeof watch->devices);
    CLEANUP(release_list) struct udev_enumerate *list = udev_enumerate_new(watch->udev);
    if (!list || udev_enumerate_add_match_subsystem(list, "usb") < 0 ||
        udev_enumerate_scan_devices(list) < 0)
        return false;
    struct udev_list_entry *each;
    udev_list_entry_foreach(each, udev_enumerate_get_list_entry(list))
    {
        CLEANUP(release_device)
        struct udev_device *device =
            udev_device_new_from_syspath(watch->udev, udev_list_entry_get_name(each));
        if (device)
            add(&watch->devices, device);
    }
    return memcmp(&watch->before, &watch->devices, sizeof watch->before) != 0;
}

bool seat_watch_has_others(const struct seat_watch *watch, const char *seat)
{
    for (size_t i = 0; i < watch->devices.count; i++)
        if (strcmp(watch->devices.at[i].seat, seat) != 0)
            return true;
    return false;
}

const char *seat_watch_of(const struct seat_watch *watch, uint8_t bus, uint8_t device)
{
    for (size_t i = 0; i < watch->devices.count; i++)
        if (watch->devices.at[i].bus == bus && watch->devices.at[i].device == device)
            return watch->devices.at[i].seat;
    return NULL;
}

/* ---- udev ---- */

static void on_udev(void *context, uint32_t events)
{
    (void)events;
    struct seat_watch *watch = context;
    for (;;) {
        errno = 0;
        CLEANUP(release_device)
        struct udev_device *device = udev_monitor_receive_device(watch->monitor);
        if (!device && errno != ENOBUFS) /* what was dropped is in the list, too */
            break;
    }
    if (list_devices(watch))
        watch->changed(watch->context);
}

static bool open_udev(struct seat_watch *watch)
{
    watch->udev = udev_new();
    watch->monitor = watch->udev ? udev_monitor_new_from_netlink(watch->udev, "udev") : NULL;
    return watch->monitor &&
           udev_monitor_filter_add_match_subsystem_devtype(watch->monitor, "usb", "usb_device") >=
               0 &&
           udev_monitor_enable_receiving(watch->monitor) >= 0;
}

struct seat_watch *seat_watch_new(struct loop *loop, loop_fn *changed, void *context)
{
    CLEANUP(seat_watch_free) struct seat_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        log_fault(ENOMEM, "seats");
        return NULL;
    }
    watch->changed = changed;
    watch->context = context;
    if (!open_udev(watch)) {
        log_warning("udev cannot be asked: readers of other seats are not told apart");
        return STEAL(watch);
    }
    watch->monitor_watch =
        loop_watch_new(loop, udev_monitor_get_fd(watch->monitor), LOOP_READABLE, on_udev, watch);
    if (!watch->monitor_watch)
        return NULL;
    list_devices(watch);
    return STEAL(watch);
}

void seat_watch_free(struct seat_watch **watch)
{
    struct seat_watch *w = STEAL(*watch);
    if (!w)
        return;
    loop_watch_free(&w->monitor_watch);
    udev_monitor_unref(w->monitor);
    udev_unref(w->udev);
    free(w);
}
