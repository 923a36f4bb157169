/* SPDX-License-Identifier: MIT */
/*
 * Which seat the computer's USB devices are of, by udev's word (sd-login(3)): the property ID_SEAT,
 * and seat0 where there is none. `loginctl attach` gives devices to other seats.
 *
 * Loop thread only; nothing blocks.
 */
#pragma once

#include "ipc/loop.h"

#include <stdbool.h>
#include <stdint.h>

enum { SEAT_NAME_MAX = 63 };

struct seat_watch;

/* changed: a device came, left, or is of another seat; from the loop. NULL on fault (logged); that
 * udev cannot be asked is none: then there are no devices (logged). */
struct seat_watch *seat_watch_new(struct loop *loop, loop_fn *changed, void *context);
void seat_watch_free(struct seat_watch **watch);

/* Whether any device is of another seat than that one. */
bool seat_watch_has_others(const struct seat_watch *watch, const char *seat);
/* The seat of the device with that number on that bus; NULL: udev knows none such. Until the next
 * change. */
const char *seat_watch_of(const struct seat_watch *watch, uint8_t bus, uint8_t device);
