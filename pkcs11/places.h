/* SPDX-License-Identifier: MIT */
/* What a card module needs of the machine. */
#pragma once

/* Gives up all else (ipc/confine/confine.h). Before the module is loaded. 0 or -errno (logged). */
int places_confine(void);
