/* SPDX-License-Identifier: MIT */
/*
 * Keys in a made-up machine (umockdev): programs that run under its preload find them in /sys, hear
 * of them from udev and open /dev/hidrawN, which is a pseudo-terminal; this is its other end. So
 * the code of libfido2 and of udev's library runs as it is.
 *
 * What a terminal does differently from a hidraw device is put right here: it is raw and gives
 * whole reports only; our own descriptor for the programs' end keeps it alive when they close
 * theirs; and inotify tells when the last of them has, so that what they have not read is not the
 * next one's.
 */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <linux/hidraw.h>
#include <umockdev.h>

#define NAME_MAX_SHOWN 64
#define WRITE_SIZE (1 + HID_REPORT_SIZE) /* a report's number, which is 0, and the report */

struct testbed {
    UMockdevTestbed *mock;
    UMockdevIoctlBase *ioctls;
    gchar *root;
};

struct usb_link {
    struct link link;
    struct testbed *testbed;
    unsigned index;
    char product[NAME_MAX_SHOWN];
    char device[NAME_MAX_SHOWN]; /* in /sys */
    bool added;
    int key_end, programs_end, inotify;
    uint8_t written[WRITE_SIZE];
    size_t written_size;
};

/* --- the machine ----------------------------------------------------------------------------- */

/* What HIDIOCGRDESCSIZE and HIDIOCGRDESC point at, filled in. False: it cannot be. */
static bool answer_ioctl(UMockdevIoctlClient *client, const void *bytes, size_t size)
{
    guint8 copy[sizeof(struct hidraw_report_descriptor)];
    UMockdevIoctlData *pointed =
        umockdev_ioctl_data_resolve(umockdev_ioctl_client_get_arg(client), 0, size, NULL);

    if (!pointed)
        return false;
    memcpy(copy, bytes, size);
    umockdev_ioctl_data_update(pointed, 0, copy, (gint)size);
    umockdev_ioctl_data_unref(pointed);
    umockdev_ioctl_client_complete(client, 0, 0);
    return true;
}

/* In umockdev's thread; every key has the same descriptor. */
static gboolean on_ioctl(UMockdevIoctlBase *ioctls, UMockdevIoctlClient *client, gpointer context)
{
    struct hidraw_report_descriptor descriptor = {.size = (unsigned)link_descriptor_size};

    (void)ioctls;
    (void)context;
    memcpy(descriptor.value, link_descriptor, link_descriptor_size);
    switch (umockdev_ioctl_client_get_request(client)) {
    case HIDIOCGRDESCSIZE:
        return answer_ioctl(client, &descriptor.size, sizeof descriptor.size);
    case HIDIOCGRDESC:
        return answer_ioctl(client, &descriptor, sizeof descriptor);
    default:
        return FALSE;
    }
}

struct testbed *testbed_new(const char *folder)
{
    struct testbed *testbed = calloc(1, sizeof *testbed);

    /* Where umockdev makes its own folder. */
    if (!testbed || setenv("TMPDIR", folder, 1) < 0) {
        free(testbed);
        return NULL;
    }
    testbed->mock = umockdev_testbed_new();
    testbed->root = umockdev_testbed_get_root_dir(testbed->mock);
    testbed->ioctls = umockdev_ioctl_base_new();
    g_signal_connect(testbed->ioctls, "handle-ioctl", G_CALLBACK(on_ioctl), NULL);
    return testbed;
}

void testbed_free(struct testbed *testbed)
{
    if (!testbed)
        return;
    g_object_unref(testbed->mock);
    g_object_unref(testbed->ioctls);
    g_free(testbed->root);
    free(testbed);
}

const char *testbed_root(const struct testbed *testbed)
{
    return testbed->root;
}

/* --- the terminal ---------------------------------------------------------------------------- */

static bool make_raw(int fd)
{
    struct termios settings;

    if (tcgetattr(fd, &settings) < 0)
        return false;
    cfmakeraw(&settings);
    settings.c_cc[VMIN] = HID_REPORT_SIZE;
    settings.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSANOW, &settings) == 0;
}

static void close_terminal(struct usb_link *self)
{
    int *fds[] = {&self->key_end, &self->programs_end, &self->inotify};

    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
    self->written_size = 0;
    self->link.openers = 0;
}

static bool open_terminal(struct usb_link *self, char node[static PATH_MAX])
{
    self->key_end = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (self->key_end < 0 || grantpt(self->key_end) < 0 || unlockpt(self->key_end) < 0 ||
        ptsname_r(self->key_end, node, PATH_MAX) != 0)
        return false;
    self->programs_end = open(node, O_RDWR | O_NOCTTY | O_CLOEXEC);
    self->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return self->programs_end >= 0 && make_raw(self->programs_end) && self->inotify >= 0 &&
           inotify_add_watch(self->inotify, node, IN_OPEN | IN_CLOSE) >= 0;
}

static void node_path(const struct usb_link *self, char path[static PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s%s", self->testbed->root, self->link.path);
}

static bool make_node(const struct usb_link *self, const char *terminal)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/dev", self->testbed->root);
    g_mkdir_with_parents(path, 0755);
    node_path(self, path);
    unlink(path);
    return symlink(terminal, path) == 0;
}

/* --- in /sys --------------------------------------------------------------------------------- */

/* In the form that umockdev-record writes. */
static gchar *describe(const struct usb_link *self)
{
    static const char form[] = "P: %1$s\n"
                               "E: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\n"
                               "E: ID_VENDOR_ID=%2$04x\nE: ID_MODEL_ID=%3$04x\n"
                               "A: idVendor=%2$04x\nA: idProduct=%3$04x\n"
                               "A: manufacturer=" LINK_MANUFACTURER "\nA: product=%4$s\n"
                               "\n"
                               "P: %1$s/1-%5$u:1.0\n"
                               "E: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\n"
                               "A: bInterfaceClass=03\nA: bInterfaceNumber=00\n"
                               "\n"
                               "P: %1$s/1-%5$u:1.0/0003:%2$04X:%3$04X.%5$04X\n"
                               "E: SUBSYSTEM=hid\nE: HID_ID=0003:%2$08X:%3$08X\n"
                               "E: HID_NAME=" LINK_MANUFACTURER " %4$s\n"
                               "H: report_descriptor=%6$s\n"
                               "\n"
                               "P: %1$s/1-%5$u:1.0/0003:%2$04X:%3$04X.%5$04X/hidraw/%7$s\n"
                               "E: SUBSYSTEM=hidraw\nE: DEVNAME=/dev/%7$s\n"
                               "E: MAJOR=240\nE: MINOR=%8$u\nE: ID_FIDO_TOKEN=1\n"
                               "A: dev=240:%8$u\n"
                               "L: device=../../../0003:%2$04X:%3$04X.%5$04X\n";
    char descriptor[2 * 64 + 1] = "";

    for (size_t i = 0; i < link_descriptor_size; i++)
        snprintf(descriptor + 2 * i, 3, "%02X", link_descriptor[i]);
    return g_strdup_printf(form, self->device, LINK_VENDOR, LINK_PRODUCT, self->product,
                           self->index + 1, descriptor, self->link.path + strlen("/dev/"),
                           self->index);
}

enum { DEVICES = 4 };

/* What the key is in /sys, the outermost first. */
static void name_devices(const struct usb_link *self, char paths[static DEVICES][PATH_MAX])
{
    unsigned port = self->index + 1;

    snprintf(paths[0], PATH_MAX, "/sys%s", self->device);
    snprintf(paths[1], PATH_MAX, "/sys%s/1-%u:1.0", self->device, port);
    snprintf(paths[2], PATH_MAX, "/sys%s/1-%u:1.0/0003:%04X:%04X.%04X", self->device, port,
             LINK_VENDOR, LINK_PRODUCT, port);
    snprintf(paths[3], PATH_MAX, "/sys%s/1-%u:1.0/0003:%04X:%04X.%04X/hidraw/%s", self->device,
             port, LINK_VENDOR, LINK_PRODUCT, port, self->link.path + strlen("/dev/"));
}

/* umockdev takes away the links to the one device that is named: so each is. */
static void take_away(const struct usb_link *self)
{
    char paths[DEVICES][PATH_MAX];

    name_devices(self, paths);
    for (size_t i = DEVICES; i-- > 0;) {
        umockdev_testbed_uevent(self->testbed->mock, paths[i], "remove");
        umockdev_testbed_remove_device(self->testbed->mock, paths[i]);
    }
}

/* What is made from a description is not told to udev. */
static void announce(const struct usb_link *self)
{
    char paths[DEVICES][PATH_MAX];

    name_devices(self, paths);
    for (size_t i = 0; i < DEVICES; i++)
        umockdev_testbed_uevent(self->testbed->mock, paths[i], "add");
}

static void remove_devices(struct usb_link *self)
{
    char path[PATH_MAX];

    node_path(self, path);
    unlink(path);
    if (!self->added)
        return;
    take_away(self);
    umockdev_testbed_detach_ioctl(self->testbed->mock, self->link.path, NULL);
    self->added = false;
}

static bool add_devices(struct usb_link *self)
{
    gchar *description = describe(self);

    self->added = umockdev_testbed_attach_ioctl(self->testbed->mock, self->link.path,
                                                self->testbed->ioctls, NULL) &&
                  umockdev_testbed_add_from_string(self->testbed->mock, description, NULL);
    g_free(description);
    return self->added;
}

/* --- the link -------------------------------------------------------------------------------- */

static bool plug(struct link *link)
{
    struct usb_link *self = (struct usb_link *)link;
    char terminal[PATH_MAX];

    if (open_terminal(self, terminal) && make_node(self, terminal) && add_devices(self)) {
        announce(self);
        return true;
    }
    remove_devices(self);
    close_terminal(self);
    return false;
}

static void unplug(struct link *link)
{
    struct usb_link *self = (struct usb_link *)link;

    close_terminal(self); /* who reads or writes fails from here on */
    remove_devices(self);
}

static void watch(const struct link *link, struct pollfd *fds)
{
    const struct usb_link *self = (const struct usb_link *)link;

    fds[0] = (struct pollfd){.fd = self->inotify, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = self->key_end, .events = POLLIN};
    for (size_t i = 2; i < LINK_POLLS; i++)
        fds[i] = (struct pollfd){.fd = -1};
}

static void hear_openers(struct usb_link *self)
{
    char space[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t size = read(self->inotify, space, sizeof space);

    for (ssize_t at = 0; at < size;) {
        const struct inotify_event *event = (const struct inotify_event *)(space + at);

        if (event->mask & IN_OPEN)
            self->link.openers++;
        else if (event->mask & IN_CLOSE && self->link.openers > 0)
            self->link.openers--;
        if (self->link.openers == 0)
            tcflush(self->programs_end, TCIFLUSH);
        at += (ssize_t)(sizeof *event + event->len);
    }
}

static void receive(struct usb_link *self)
{
    uint8_t report[HID_REPORT_SIZE];
    ssize_t size = read(self->key_end, self->written + self->written_size,
                        sizeof self->written - self->written_size);

    if (size <= 0)
        return;
    self->written_size += (size_t)size;
    if (self->written_size < sizeof self->written)
        return;
    self->written_size = 0;
    memcpy(report, self->written + 1, sizeof report);
    self->link.events.report(self->link.events.context, report);
}

static void turn(struct link *link, const struct pollfd *fds)
{
    struct usb_link *self = (struct usb_link *)link;

    if (fds[0].revents)
        hear_openers(self);
    if (fds[1].revents)
        receive(self);
}

/* A terminal that is full has nobody who reads it. */
static void send_report(struct link *link, const uint8_t report[static HID_REPORT_SIZE])
{
    struct usb_link *self = (struct usb_link *)link;

    if (self->key_end >= 0 && write(self->key_end, report, HID_REPORT_SIZE) < 0 && errno != EAGAIN)
        fprintf(stderr, "%s: %s\n", link->path, strerror(errno));
}

static void release(struct link *link)
{
    free(link);
}

static const struct link_kind kind = {plug, unplug, watch, turn, send_report, release};

struct link *usb_link_new(struct testbed *testbed, unsigned index, const char *name)
{
    struct usb_link *self = calloc(1, sizeof *self);

    if (!self)
        return NULL;
    self->link.kind = &kind;
    self->testbed = testbed;
    self->index = index;
    self->key_end = self->programs_end = self->inotify = -1;
    snprintf(self->link.path, sizeof self->link.path, "/dev/hidraw%u", index);
    snprintf(self->device, sizeof self->device, "/devices/pci0000:00/0000:00:14.0/usb1/1-%u",
             index + 1);
    snprintf(self->product, sizeof self->product, "Virtual Key %s", name);
    return &self->link;
}
