/* SPDX-License-Identifier: MIT */
/*
 * card.changePin and card.unblockPin (PROTOCOL.md 2.17) between the door and the service. Native
 * callers only.
 */
#pragma once

#include "ipc/card_message.h"
#include "ipc/door/door.h"

struct card_pin_params {
    bool unblock;
    char reader[CARD_TEXT_MAX + 1]; /* the card that is in this one; "": the only one that is in */
};
