/* SPDX-License-Identifier: MIT */
/*
 * What a device says of itself, made fit for use: the report descriptor, which tells a security key
 * from a mouse, and its names, which a person will read. Both come from the device and are hostile.
 * Any thread; nothing blocks.
 */
#pragma once

#include "ipc/fido_message.h"

enum { KEY_DESCRIPTOR_MAX = 4096 }; /* HID_MAX_DESCRIPTOR_SIZE of Linux */

/* True if the first collection of the HID report descriptor (HID 1.11 §6.2.2) is a FIDO
 * authenticator's: usage page 0xF1D0, usage 1 (CTAP 2.1 §11.2.8.2). */
bool key_descriptor_fido(const uint8_t *descriptor, size_t len);

/* "Yubico YubiKey FIDO": the two on one line (NULL: not said), without control characters and what
 * turns the writing's direction, the manufacturer once. Never empty. */
void key_name(const char *manufacturer, const char *product, char out[FIDO_TEXT_MAX + 1]);
