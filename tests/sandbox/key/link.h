/* SPDX-License-Identifier: MIT */
/*
 * How a key is plugged in: behind a made-up /dev (usb_link.c), at a Unix socket as a redirected one
 * (socket_link.c), or at the kernel's /dev/uhid (uhid_link.c). Reports go to everybody who has it
 * open.
 */
#ifndef LANYARD_SANDBOX_KEY_LINK_H
#define LANYARD_SANDBOX_KEY_LINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hid.h"

#define LINK_POLLS 9

struct link;

struct link_events {
    void (*report)(void *context, const uint8_t report[static HID_REPORT_SIZE]);
    void *context;
};

struct link_kind {
    /* path: where it is to be found, "/dev/hidraw3" or a socket's. */
    bool (*plug)(struct link *link);
    void (*unplug)(struct link *link); /* everything that reads it hears of it */
    /* Fills LINK_POLLS entries, -1 where there is nothing to wait for. */
    void (*watch)(const struct link *link, struct pollfd *fds);
    /* What they say; calls link->events. */
    void (*turn)(struct link *link, const struct pollfd *fds);
    void (*send)(struct link *link, const uint8_t report[static HID_REPORT_SIZE]);
    void (*free)(struct link *link);
};

/* The beginning of each kind's own structure. */
struct link {
    const struct link_kind *kind;
    struct link_events events;
    char path[108];
    bool plugged;
    unsigned openers; /* who has it open now */
};

/* The report descriptor of a FIDO device (CTAP 2.1 §11.2.8.2), and its names. */
extern const uint8_t link_descriptor[];
extern const size_t link_descriptor_size;
#define LINK_VENDOR 0x1209 /* pid.codes' number for tests */
#define LINK_PRODUCT 0x0001
#define LINK_MANUFACTURER "Lanyard"

/* Returned owned, not plugged in; NULL on failure. */
struct link *socket_link_new(const char *path);
/* name: of the product. */
struct link *uhid_link_new(const char *name);

struct testbed;

/* The made-up /dev and /sys: a folder below `folder`. NULL on failure. */
struct testbed *testbed_new(const char *folder);
void testbed_free(struct testbed *testbed);
/* What programs under umockdev's preload find in UMOCKDEV_DIR. */
const char *testbed_root(const struct testbed *testbed);
/* The index-th key, /dev/hidraw<index>. */
struct link *usb_link_new(struct testbed *testbed, unsigned index, const char *name);

#endif
