/* SPDX-License-Identifier: MIT */
/*
 * A small PKCS#11 module that behaves, for others to spoil: one slot, one token with the PIN
 * "123456" (which can be changed, but not to "000000"), the PUK "12345678" and three tries, one
 * P-256 key that is hidden until login, and its certificate.
 *
 * Each module of this folder links it and has a fake_spoil of its own. Tests say what they want
 * through the environment of the process that loads the module, or, because the agent gives a
 * module none of these variables, by lines NAME=VALUE in a file beside it, MODULE.so.env:
 *
 *     FAKE_PKCS11            what to do wrong (see each module)
 *     FAKE_PKCS11_JOURNAL    a file to which each C_Login, C_Logout, C_Sign and C_CloseSession
 *                            appends a word, and C_SetPIN and C_InitPIN do
 *     FAKE_PKCS11_REPORT     a file for what fake-rover or fake-prowler has seen
 *     FAKE_PKCS11_TRIES      a file that says what fake-prowler tries
 *     FAKE_PKCS11_SOCKET     a Unix socket that fake-rover tries to connect
 *     FAKE_PKCS11_EACH_USE   when set, the key has CKA_ALWAYS_AUTHENTICATE
 *     FAKE_PKCS11_PAD        when set, the reader has a PIN pad, on which everything typed is right
 */
#pragma once

#include <p11-kit/pkcs11.h>

/* The module that behaves. */
extern const CK_FUNCTION_LIST fake_honest;

/* Implemented by each module: replaces what it wants to in a copy of fake_honest. */
void fake_spoil(CK_FUNCTION_LIST *functions);

/* FAKE_PKCS11, or "". */
const char *fake_wish(void);
