/* SPDX-License-Identifier: MIT */
/*
 * What a person sees of the keeper but for prompts: the desktop's lock, its notifications, and the
 * window in which a role is chosen.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct screen {
    int locks; /* desktop_lock */
    int notices;
    char notice[256];
    bool choosing;
};
extern struct screen screen;

void choose(int result, size_t role);

void screen_begin(void);
void screen_end(void); /* asserts that no window is open */
