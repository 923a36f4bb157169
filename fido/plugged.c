/* SPDX-License-Identifier: MIT */
/*
 * /sys/class/hidraw/hidraw3 leads to .../USB DEVICE/INTERFACE/HID DEVICE/hidraw/hidraw3, and what
 * is read of the devices above is found from there by "..". A device that is no USB device has
 * nothing of a maker there, but its HID device has a name.
 */
#include "fido/plugged.h"

#include "fido/key_watch_read.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/sys/class/hidraw"
#define HID "../.."
#define USB "../../../.."

/* A file's beginning, at most size bytes: how many; 0: there is none. */
static size_t read_file(int folder, const char *device, const char *file, void *space, size_t size)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", device, file);
    if (len < 0 || (size_t)len >= sizeof path)
        return 0;
    CLEANUP(close_fd) int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t have = 0;
    ssize_t got = 1;
    while (fd >= 0 && have < size && got > 0) {
        got = read(fd, (uint8_t *)space + have, size - have);
        have += got > 0 ? (size_t)got : 0;
    }
    return have;
}

static void read_words(int folder, const char *device, const char *file, char *text, size_t size)
{
    text[read_file(folder, device, file, text, size - 1)] = '\0';
}

static bool is_key(int folder, const char *device)
{
    uint8_t descriptor[KEY_DESCRIPTOR_MAX];
    size_t len = read_file(folder, device, HID "/report_descriptor", descriptor, sizeof descriptor);
    return key_descriptor_fido(descriptor, len);
}

/* As the agent's watch names it. */
static void name_key(int folder, const char *device, char name[FIDO_TEXT_MAX + 1])
{
    static const char entry[] = "\nHID_NAME=";
    char maker[4 * FIDO_TEXT_MAX], product[4 * FIDO_TEXT_MAX], hid[1024] = "\n";
    read_words(folder, device, USB "/manufacturer", maker, sizeof maker);
    read_words(folder, device, USB "/product", product, sizeof product);
    if (*product) {
        key_name(maker, product, name);
        return;
    }
    read_words(folder, device, HID "/uevent", hid + 1, sizeof hid - 1);
    char *found = strstr(hid, entry);
    if (found)
        found[sizeof entry - 1 + strcspn(found + sizeof entry - 1, "\n")] = '\0';
    key_name(NULL, found ? found + sizeof entry - 1 : NULL, name);
}

size_t plugged_list(struct plugged list[FIDO_KEYS_MAX])
{
    size_t count = 0;
    CLEANUP(close_folder) DIR *folder = opendir(FOLDER);
    if (!folder && errno != ENOENT)
        log_fault(errno, FOLDER);
    struct dirent *each;
    while (folder && count < FIDO_KEYS_MAX && (each = readdir(folder))) {
        struct plugged *key = &list[count];
        if (each->d_name[0] == '.' || !is_key(dirfd(folder), each->d_name))
            continue;
        int len = snprintf(key->path, sizeof key->path, "/dev/%s", each->d_name);
        if (len < 0 || (size_t)len >= sizeof key->path)
            continue;
        name_key(dirfd(folder), each->d_name, key->name);
        count++;
    }
    return count;
}
