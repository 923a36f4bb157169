/* SPDX-License-Identifier: MIT */
/*
 * What libfido2's codes mean to the person: the one place where a FIDO_ERR_ becomes an outcome
 * (ipc/base/outcome.h). Any thread.
 */
#pragma once

/* For any value whatever, known or not; 0 for FIDO_OK only. */
int error_outcome(int code);
