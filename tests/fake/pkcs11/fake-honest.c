/* SPDX-License-Identifier: MIT */
/* Nothing wrong: what the others are measured against. */
#include "fake.h"

void fake_spoil(CK_FUNCTION_LIST *functions)
{
    (void)functions;
}
