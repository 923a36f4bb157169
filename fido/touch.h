/* SPDX-License-Identifier: MIT */
/*
 * Letting a person choose among keys by touching one. One thread.
 */
#pragma once

#include "fido/keys.h"

/* All those of the keys whose fit is at least that blink until one is touched; the others are told
 * to stop. With one key only, that one blinks. OUTCOME_OK; CANCELLED, also when keys came or went
 * (link->keys_changed); what the last of them failed with otherwise. Waits for a person. */
int touch_choose(struct keys *keys, enum key_fit fit, struct candidate **chosen);
