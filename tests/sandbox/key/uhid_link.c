/* SPDX-License-Identifier: MIT */
/*
 * A key at the kernel's own HID layer: /dev/uhid makes a real /dev/hidrawN of it, with a real udev
 * behind. Whose it is there the kernel decides; so this is for a virtual machine.
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/input.h>
#include <linux/uhid.h>

struct uhid_link {
    struct link link;
    int fd;
    char name[64];
};

static bool tell(const struct uhid_link *self, const struct uhid_event *event)
{
    if (write(self->fd, event, sizeof *event) == (ssize_t)sizeof *event)
        return true;
    fprintf(stderr, "%s: %s\n", self->link.path, strerror(errno));
    return false;
}

static bool plug(struct link *link)
{
    struct uhid_link *self = (struct uhid_link *)link;
    struct uhid_event event = {.type = UHID_CREATE2};
    struct uhid_create2_req *create = &event.u.create2;

    self->fd = open(link->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (self->fd < 0) {
        fprintf(stderr, "%s: %s\n", link->path, strerror(errno));
        return false;
    }
    snprintf((char *)create->name, sizeof create->name, "%s", self->name);
    create->rd_size = (uint16_t)link_descriptor_size;
    create->bus = BUS_USB;
    create->vendor = LINK_VENDOR;
    create->product = LINK_PRODUCT;
    memcpy(create->rd_data, link_descriptor, link_descriptor_size);
    if (tell(self, &event))
        return true;
    close(self->fd);
    self->fd = -1;
    return false;
}

static void unplug(struct link *link)
{
    struct uhid_link *self = (struct uhid_link *)link;

    close(self->fd); /* which takes the device away */
    self->fd = -1;
    link->openers = 0;
}

static void watch(const struct link *link, struct pollfd *fds)
{
    const struct uhid_link *self = (const struct uhid_link *)link;

    fds[0] = (struct pollfd){.fd = self->fd, .events = POLLIN};
    for (size_t i = 1; i < LINK_POLLS; i++)
        fds[i] = (struct pollfd){.fd = -1};
}

/* A program writes the report's number, which is 0, before the report. */
static void take_output(struct uhid_link *self, const struct uhid_output_req *output)
{
    uint8_t report[HID_REPORT_SIZE];
    size_t number = output->size > HID_REPORT_SIZE ? 1 : 0;

    if (output->size != HID_REPORT_SIZE + number)
        return;
    memcpy(report, output->data + number, sizeof report);
    self->link.events.report(self->link.events.context, report);
}

static void turn(struct link *link, const struct pollfd *fds)
{
    struct uhid_link *self = (struct uhid_link *)link;
    struct uhid_event event;

    if (!fds[0].revents || read(self->fd, &event, sizeof event) <= 0)
        return;
    switch (event.type) {
    case UHID_OPEN:
        link->openers = 1; /* the first of them; the kernel does not count for us */
        break;
    case UHID_CLOSE:
        link->openers = 0;
        break;
    case UHID_OUTPUT:
        take_output(self, &event.u.output);
        break;
    default:
        break;
    }
}

static void send_report(struct link *link, const uint8_t report[static HID_REPORT_SIZE])
{
    struct uhid_link *self = (struct uhid_link *)link;
    struct uhid_event event = {.type = UHID_INPUT2};

    event.u.input2.size = HID_REPORT_SIZE;
    memcpy(event.u.input2.data, report, HID_REPORT_SIZE);
    if (self->fd >= 0)
        (void)tell(self, &event);
}

static void release(struct link *link)
{
    free(link);
}

static const struct link_kind kind = {plug, unplug, watch, turn, send_report, release};

struct link *uhid_link_new(const char *name)
{
    struct uhid_link *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    self->link.kind = &kind;
    self->fd = -1;
    snprintf(self->link.path, sizeof self->link.path, "/dev/uhid");
    snprintf(self->name, sizeof self->name, LINK_MANUFACTURER " Virtual Key %s", name);
    return &self->link;
}
