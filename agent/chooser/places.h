/* SPDX-License-Identifier: MIT */
/* What a window needs of the machine. */
#pragma once

/* Gives up all else (ipc/confine/confine.h). Before GTK starts and there are other threads. 0 or
 * -errno (logged). */
int places_confine(void);
