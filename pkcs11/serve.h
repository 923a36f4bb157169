/* SPDX-License-Identifier: MIT */
/*
 * The helper's life: requests in, replies out, one at a time (ipc/card_message.h).
 */
#pragma once

#include "pkcs11/module.h"

/* Answers requests on the connected stream socket fd (borrowed) until its end of file. Requests may
 * carry a PIN: it is wiped when the reply is on its way. 0 at end of file; negative on a fault
 * (logged): -EPROTO for a malformed request, -ENOMEM, -errno of the socket. Main thread; blocks. */
int serve(int fd, struct module *m);
