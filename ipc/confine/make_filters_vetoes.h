/* SPDX-License-Identifier: MIT */
/* The first filter of a guest or lanyard-fido: what it is refused of what the second allows in
 * general. */
#pragma once

#include "ipc/confine/confine.h"

#include <seccomp.h>

scmp_filter_ctx make_vetoes(enum confine_calls calls);
