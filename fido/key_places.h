/* SPDX-License-Identifier: MIT */
/*
 * Where this machine has its keys, and what libfido2 and udev's library read to find them. A
 * function of its own, so that a test whose machine is made up links another.
 */
#pragma once

#include "ipc/confine/confine.h"

/* Static. What says which keys there are. */
const struct confine_place *key_places(size_t *count);
/* Their devices, among others: for the one who opens them (fido/opener.h). */
const struct confine_place *key_devices(size_t *count);

/* The calls that reach them, and the socket of a redirected key; "": none. */
enum confine_calls key_calls(const char *redirect);
