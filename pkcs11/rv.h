/* SPDX-License-Identifier: MIT */
/*
 * What a PKCS#11 module's answer means to the person: the one place where a CK_RV becomes an
 * outcome (ipc/base/outcome.h).
 */
#pragma once

#include <p11-kit/pkcs11.h>

/* The outcome for any value whatever, known to PKCS#11 or not; 0 for CKR_OK only. Any thread. */
int rv_outcome(CK_RV rv);

/* "CKR_PIN_INCORRECT" and so on for the log; "unknown code" otherwise. Static. */
const char *rv_name(CK_RV rv);
