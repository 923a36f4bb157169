/* SPDX-License-Identifier: MIT */
/* Wires the three together, and gives them the time. */
#include "key.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t key_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void take_report(void *context, const uint8_t report[static HID_REPORT_SIZE])
{
    struct key *key = context;

    if (!key->vanishing)
        hid_take(&key->hid, key_now(), report);
}

static void send_report(void *context, const uint8_t report[static HID_REPORT_SIZE])
{
    struct key *key = context;

    key->link->kind->send(key->link, report);
}

static void vanish(void *context)
{
    struct key *key = context;

    key->vanishing = true;
}

struct key *key_new(const char *name, const char *state, const struct attestation *attestation,
                    struct link *link)
{
    struct key *key = link ? calloc(1, sizeof *key) : NULL;

    if (!key || strlen(name) >= sizeof key->name) {
        if (link)
            link->kind->free(link);
        free(key);
        return NULL;
    }
    memcpy(key->name, name, strlen(name) + 1);
    key->link = link;
    link->events = (struct link_events){.report = take_report, .context = key};
    key->hid = (struct hid){
        .key = &key->authenticator, .send = send_report, .vanish = vanish, .context = key};
    if (authenticator_init(&key->authenticator, state, attestation))
        return key;
    key_free(key);
    return NULL;
}

void key_free(struct key *key)
{
    if (!key)
        return;
    key_unplug(key);
    key->link->kind->free(key->link);
    authenticator_deinit(&key->authenticator);
    free(key);
}

bool key_plug(struct key *key)
{
    if (key->link->plugged)
        return false;
    authenticator_power_up(&key->authenticator, key_now());
    hid_power_up(&key->hid);
    key->link->plugged = key->link->kind->plug(key->link);
    return key->link->plugged;
}

bool key_unplug(struct key *key)
{
    if (!key->link->plugged)
        return false;
    key->link->plugged = false;
    hid_give_up(&key->hid);
    key->link->kind->unplug(key->link);
    return true;
}

void key_settle(struct key *key)
{
    if (key->link->plugged)
        hid_turn(&key->hid, key_now());
    if (key->vanishing)
        key_unplug(key);
    key->vanishing = false;
}

void key_turn(struct key *key, const struct pollfd *fds)
{
    if (key->link->plugged)
        key->link->kind->turn(key->link, fds);
    key_settle(key);
}

int key_timeout(const struct key *key)
{
    uint64_t next = key->link->plugged ? hid_next(&key->hid) : UINT64_MAX;
    uint64_t now = key_now();

    if (next == UINT64_MAX)
        return -1;
    if (next <= now)
        return 0;
    return next - now > INT_MAX ? INT_MAX : (int)(next - now);
}
