/* SPDX-License-Identifier: MIT */
/* What make_filters.c makes, as its file says. */
#pragma once

#include "ipc/confine/confine.h"

#include <linux/filter.h>

extern const struct sock_fprog confine_filters[CONFINE_CALLS];
