/* SPDX-License-Identifier: MIT */
/* A guest's first filter: what it is refused of what its second allows in general. */
#pragma once

#include "ipc/confine/confine.h"

#include <seccomp.h>

scmp_filter_ctx make_vetoes(enum confine_calls calls);
