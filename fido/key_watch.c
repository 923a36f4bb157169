/* SPDX-License-Identifier: MIT */
/*
 * udev tells of every hidraw device, most of which are mice. Which are security keys says their
 * report descriptor, which sysfs has: no device is opened, because a key that is being used by
 * somebody else (a browser, a helper of ours) would notice.
 *
 * Two descriptors are watched: udev's monitor, and inotify, for what udev does not tell: that a
 * device node has been given to this user (logind does so when their desktop comes to the front),
 * and that a redirected key's socket came or went. The monitor stands before the devices are
 * listed, so that one that comes in between is seen twice and not missed; where the kernel had to
 * drop messages they are listed anew.
 */
#include "fido/key_watch.h"

#include "fido/key_watch_read.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <libudev.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A security key, whether this user may open it or not. */
struct entry {
    char *device; /* its folder in sysfs; NULL: the redirected one */
    char *born;   /* when udev saw it first, as it writes it; "": not said */
    bool allowed; /* this user may open it, or could once */
    bool told;    /* that this user may not */
    bool listed;  /* private to list_devices: still there */
    struct key_found found;
};

struct key_watch {
    struct loop *loop;
    loop_fn *changed;
    void *context;
    uint64_t last_id;
    struct udev *udev;
    struct udev_monitor *monitor;
    struct loop_watch *monitor_watch;
    int inotify;
    struct loop_watch *inotify_watch;
    const char *redirect; /* NULL: none */
    bool redirect_told;   /* that somebody else's socket is there */
    int folder;           /* inotify's number for the folder of the redirected key; -1: none */
    int nodes;            /* inotify's number for /dev; -1: no key there waits to be given to us */
    size_t count;
    struct entry entries[FIDO_KEYS_MAX];
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

static struct entry *find_device(struct key_watch *watch, const char *device)
{
    for (size_t i = 0; i < watch->count; i++) {
        const char *each = watch->entries[i].device;
        if (device && each ? strcmp(each, device) == 0 : !device && !each)
            return &watch->entries[i];
    }
    return NULL;
}

static void release_entry(struct entry *entry)
{
    free(entry->device);
    free(entry->born);
}

/* True if it was among those that count. */
static bool drop(struct key_watch *watch, struct entry *entry)
{
    if (!entry)
        return false;
    bool counted = entry->allowed;
    if (counted)
        log_info("a security key has left: %s (%s)", entry->found.name, entry->found.path);
    release_entry(entry);
    size_t behind = (size_t)(&watch->entries[watch->count] - entry) - 1;
    memmove(entry, entry + 1, behind * sizeof *entry);
    watch->count--;
    return counted;
}

/* NULL: there is no room or no memory (logged). */
static struct entry *add(struct key_watch *watch, const char *device, const char *born)
{
    if (watch->count == FIDO_KEYS_MAX) {
        log_warning("more than %d security keys: one is left out", FIDO_KEYS_MAX);
        return NULL;
    }
    struct entry *entry = &watch->entries[watch->count];
    *entry = (struct entry){0};
    entry->device = device ? strdup(device) : NULL;
    entry->born = strdup(born);
    if ((device && !entry->device) || !entry->born) {
        release_entry(entry);
        log_fault(ENOMEM, "security key");
        return NULL;
    }
    entry->found.id = ++watch->last_id;
    watch->count++;
    return entry;
}

/* True if it counts now and did not before. */
static bool admit(struct entry *entry)
{
    if (entry->allowed)
        return false;
    entry->allowed = access(entry->found.path, R_OK | W_OK) == 0;
    if (!entry->allowed) {
        if (!entry->told)
            log_warning("a security key is in that this user may not open: %s (%s; LY-2602)",
                        entry->found.name, entry->found.path);
        entry->told = true;
        return false;
    }
    log_info("a security key is in: %s (%s)", entry->found.name, entry->found.path);
    return true;
}

/* ---- udev ---- */

static bool is_key(struct udev_device *hid)
{
    char path[PATH_MAX];
    uint8_t descriptor[KEY_DESCRIPTOR_MAX];
    int len = snprintf(path, sizeof path, "%s/report_descriptor", udev_device_get_syspath(hid));
    if (len < 0 || (size_t)len >= sizeof path)
        return false;
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t have = 0;
    ssize_t got;
    while (have < sizeof descriptor &&
           (got = read(fd, descriptor + have, sizeof descriptor - have)) > 0)
        have += (size_t)got;
    return key_descriptor_fido(descriptor, have);
}

/* A USB device tells its maker and itself; of others the kernel has one name. */
static void name_key(struct udev_device *device, struct udev_device *hid, char *out)
{
    struct udev_device *usb =
        udev_device_get_parent_with_subsystem_devtype(device, "usb", "usb_device");
    const char *product = usb ? udev_device_get_sysattr_value(usb, "product") : NULL;
    if (product)
        key_name(udev_device_get_sysattr_value(usb, "manufacturer"), product, out);
    else
        key_name(NULL, udev_device_get_property_value(hid, "HID_NAME"), out);
}

/* usbhid knows a USB device's serial number as HID_UNIQ, and its port as HID_PHYS. Security keys
 * mostly have no serial number, so that nobody is recognised by it. */
static void mark_key(struct udev_device *hid, char *out)
{
    const char *serial = udev_device_get_property_value(hid, "HID_UNIQ");
    const char *port = udev_device_get_property_value(hid, "HID_PHYS");
    bool has_serial = serial && *serial;
    const char *mark = has_serial ? serial : port ? port : "";
    snprintf(out, FIDO_TEXT_MAX + 1, "%s%s", !*mark ? "" : has_serial ? "serial " : "port ", mark);
}

/* What is known of it is as udev says it is now. True if the list is another. */
static bool look_at(struct key_watch *watch, struct udev_device *device)
{
    const char *place = udev_device_get_syspath(device);
    const char *path = udev_device_get_devnode(device);
    const char *born = udev_device_get_property_value(device, "USEC_INITIALIZED");
    born = born ? born : "";
    struct udev_device *hid = udev_device_get_parent_with_subsystem_devtype(device, "hid", NULL);
    struct entry *entry = find_device(watch, place);
    if (!path || strlen(path) > FIDO_PATH_MAX || !hid || !is_key(hid))
        return drop(watch, entry);
    bool changed = false;
    if (entry && strcmp(entry->born, born) != 0) { /* it left, and we were not told */
        changed = drop(watch, entry);
        entry = NULL;
    }
    if (!entry) {
        entry = add(watch, place, born);
        if (!entry)
            return changed;
        snprintf(entry->found.path, sizeof entry->found.path, "%s", path);
        name_key(device, hid, entry->found.name);
        mark_key(hid, entry->found.mark);
    }
    entry->listed = true;
    return admit(entry) || changed;
}

/* Every device that is there, and no other. True if the list is another. */
static bool list_devices(struct key_watch *watch)
{
    CLEANUP(release_list) struct udev_enumerate *list = udev_enumerate_new(watch->udev);
    if (!list || udev_enumerate_add_match_subsystem(list, "hidraw") < 0 ||
        udev_enumerate_scan_devices(list) < 0)
        return false;
    bool changed = false;
    for (size_t i = 0; i < watch->count; i++)
        watch->entries[i].listed = !watch->entries[i].device;
    struct udev_list_entry *each;
    udev_list_entry_foreach(each, udev_enumerate_get_list_entry(list))
    {
        CLEANUP(release_device)
        struct udev_device *device =
            udev_device_new_from_syspath(watch->udev, udev_list_entry_get_name(each));
        if (device && look_at(watch, device))
            changed = true;
    }
    for (size_t i = watch->count; i-- > 0;)
        if (!watch->entries[i].listed && drop(watch, &watch->entries[i]))
            changed = true;
    return changed;
}

/* Watches the device nodes while there is a key that is not this user's: a node that may not be
 * read may not be watched by itself. */
static void watch_nodes(struct key_watch *watch)
{
    bool wanted = false;
    for (size_t i = 0; i < watch->count; i++)
        wanted = wanted || (watch->entries[i].device && !watch->entries[i].allowed);
    if (wanted && watch->nodes < 0)
        watch->nodes = inotify_add_watch(watch->inotify, "/dev", IN_ATTRIB);
    else if (!wanted && watch->nodes >= 0) {
        inotify_rm_watch(watch->inotify, watch->nodes);
        watch->nodes = -1;
    }
}

/* A node was given to somebody, or taken away. True if the list is another. */
static bool look_at_node(struct key_watch *watch, const char *name)
{
    bool changed = false;
    for (size_t i = 0; i < watch->count; i++) {
        const char *slash = strrchr(watch->entries[i].found.path, '/');
        if (watch->entries[i].device && slash && strcmp(slash + 1, name) == 0)
            changed = admit(&watch->entries[i]) || changed;
    }
    watch_nodes(watch);
    return changed;
}

static void on_udev(void *context, uint32_t events)
{
    (void)events;
    struct key_watch *watch = context;
    bool changed = false;
    for (;;) {
        errno = 0;
        CLEANUP(release_device)
        struct udev_device *device = udev_monitor_receive_device(watch->monitor);
        if (!device && errno == ENOBUFS) {
            changed = list_devices(watch) || changed;
            continue;
        }
        if (!device)
            break;
        const char *action = udev_device_get_action(device);
        bool gone = action && strcmp(action, "remove") == 0;
        if (gone ? drop(watch, find_device(watch, udev_device_get_syspath(device)))
                 : look_at(watch, device))
            changed = true;
    }
    watch_nodes(watch);
    if (changed)
        watch->changed(watch->context);
}

static bool open_udev(struct key_watch *watch)
{
    watch->udev = udev_new();
    watch->monitor = watch->udev ? udev_monitor_new_from_netlink(watch->udev, "udev") : NULL;
    return watch->monitor &&
           udev_monitor_filter_add_match_subsystem_devtype(watch->monitor, "hidraw", NULL) >= 0 &&
           udev_monitor_enable_receiving(watch->monitor) >= 0;
}

/* ---- the redirected key ---- */

/* Watches the folder of the socket, or the nearest one above that is there. One that is watched
 * already keeps its number, so that what is to be read of it yet still counts. */
static void watch_folder(struct key_watch *watch)
{
    char path[FIDO_PATH_MAX + 1];
    int before = watch->folder;
    snprintf(path, sizeof path, "%s", watch->redirect);
    for (char *folder = dirname(path);; folder = dirname(folder)) {
        watch->folder = inotify_add_watch(watch->inotify, folder,
                                          IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB |
                                              IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
        if (watch->folder >= 0 || strcmp(folder, "/") == 0 || strcmp(folder, ".") == 0)
            break;
    }
    if (before >= 0 && before != watch->folder)
        inotify_rm_watch(watch->inotify, before);
}

/* Whose socket it is, is whose key: one that another user has put there is none of this user's,
 * whoever may connect. */
static bool is_redirected(struct key_watch *watch)
{
    struct stat status;
    if (lstat(watch->redirect, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    if (status.st_uid == geteuid() || status.st_uid == 0)
        return true;
    if (!watch->redirect_told)
        log_warning("%s is user %u's, so it offers no security key to this one", watch->redirect,
                    (unsigned)status.st_uid);
    watch->redirect_told = true;
    return false;
}

/* True if the list is another. */
static bool look_at_redirected(struct key_watch *watch)
{
    struct entry *entry = find_device(watch, NULL);
    if (!is_redirected(watch))
        return drop(watch, entry);
    if (!entry) {
        entry = add(watch, NULL, "");
        if (!entry)
            return false;
        snprintf(entry->found.path, sizeof entry->found.path, "%s", watch->redirect);
        key_name(NULL, "Redirected security key", entry->found.name);
    }
    return admit(entry);
}

/* ---- inotify ---- */

/* The kernel had to leave events out: what may have happened has. A socket may have come and gone
 * meanwhile, so it is another key. True if the list is another. */
static bool look_anew(struct key_watch *watch)
{
    bool changed = watch->udev && list_devices(watch);
    watch_nodes(watch);
    if (!watch->redirect)
        return changed;
    changed = drop(watch, find_device(watch, NULL)) || changed;
    watch_folder(watch);
    return look_at_redirected(watch) || changed;
}

/* One event. True if the list is another. */
static bool take_event(struct key_watch *watch, const struct inotify_event *event, const char *name)
{
    if (event->mask & IN_Q_OVERFLOW)
        return look_anew(watch);
    if (event->wd == watch->nodes && (event->mask & IN_ATTRIB))
        return look_at_node(watch, name);
    if (event->wd != watch->folder)
        return false;
    /* A socket that went and came, or that took the other's place, is another key, however fast. */
    const char *slash = strrchr(watch->redirect, '/');
    bool went = (event->mask & (IN_DELETE | IN_MOVE)) && strcmp(name, slash + 1) == 0;
    bool changed = went && drop(watch, find_device(watch, NULL));
    if (!(event->mask & IN_ISDIR) && event->len > 0)
        return look_at_redirected(watch) || changed;
    watch_folder(watch);
    return look_at_redirected(watch) || changed;
}

static void on_inotify(void *context, uint32_t ready)
{
    (void)ready;
    struct key_watch *watch = context;
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t got = read(watch->inotify, events, sizeof events);
    bool changed = false;
    for (size_t at = 0; got > 0 && at + sizeof(struct inotify_event) <= (size_t)got;) {
        struct inotify_event event;
        memcpy(&event, events + at, sizeof event);
        if (take_event(watch, &event, event.len > 0 ? events + at + sizeof event : ""))
            changed = true;
        at += sizeof event + event.len;
    }
    if (changed)
        watch->changed(watch->context);
}

/* ---- its life ---- */

static bool usable_redirect(const char *path)
{
    if (!path || !*path)
        return false;
    if (path[0] == '/' && strlen(path) < sizeof((struct sockaddr_un *)0)->sun_path)
        return true;
    log_warning("%s is no path for a redirected security key", path);
    return false;
}

struct key_watch *key_watch_new(struct loop *loop, const char *redirect, loop_fn *changed,
                                void *context)
{
    CLEANUP(key_watch_free) struct key_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        log_fault(ENOMEM, "key watch");
        return NULL;
    }
    *watch = (struct key_watch){.loop = loop,
                                .changed = changed,
                                .context = context,
                                .inotify = -1,
                                .folder = -1,
                                .nodes = -1};
    watch->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->inotify < 0) {
        log_fault(errno, "inotify_init1");
        return NULL;
    }
    watch->inotify_watch = loop_watch_new(loop, watch->inotify, LOOP_READABLE, on_inotify, watch);
    if (!watch->inotify_watch)
        return NULL;
    if (open_udev(watch)) {
        int fd = udev_monitor_get_fd(watch->monitor);
        watch->monitor_watch = loop_watch_new(loop, fd, LOOP_READABLE, on_udev, watch);
        if (!watch->monitor_watch)
            return NULL;
        list_devices(watch);
        watch_nodes(watch);
        list_devices(watch); /* one that was given to us in between */
    } else {
        log_warning("udev cannot be asked: no security keys are seen");
    }
    if (usable_redirect(redirect)) {
        watch->redirect = redirect;
        watch_folder(watch); /* first: one that comes in between is seen twice, not missed */
        look_at_redirected(watch);
    }
    return STEAL(watch);
}

void key_watch_free(struct key_watch **watch)
{
    struct key_watch *w = STEAL(*watch);
    if (!w)
        return;
    for (size_t i = 0; i < w->count; i++)
        release_entry(&w->entries[i]);
    loop_watch_free(&w->monitor_watch);
    loop_watch_free(&w->inotify_watch);
    udev_monitor_unref(w->monitor);
    udev_unref(w->udev);
    close_fd(&w->inotify);
    free(w);
}

/* ---- what is in ---- */

size_t key_watch_count(const struct key_watch *watch)
{
    size_t count = 0;
    while (key_watch_at(watch, count))
        count++;
    return count;
}

const struct key_found *key_watch_at(const struct key_watch *watch, size_t i)
{
    for (size_t at = 0; watch && at < watch->count; at++)
        if (watch->entries[at].allowed && i-- == 0)
            return &watch->entries[at].found;
    return NULL;
}

const struct key_found *key_watch_find(const struct key_watch *watch, uint64_t id)
{
    const struct key_found *key;
    for (size_t i = 0; (key = key_watch_at(watch, i)); i++)
        if (key->id == id)
            return key;
    return NULL;
}

const struct key_found *key_watch_find_path(const struct key_watch *watch, const char *path)
{
    const struct key_found *key;
    for (size_t i = 0; (key = key_watch_at(watch, i)); i++)
        if (strcmp(key->path, path) == 0)
            return key;
    return NULL;
}
