/* SPDX-License-Identifier: MIT */
/* The helper's life: one operation, from START to DONE (ipc/fido_message.h). */
#pragma once

/* Serves the connected stream socket fd (borrowed). redirect: the socket of a redirected key
 * (fido/redirect.h), "": none. 0 when DONE was sent; negative on a fault (logged), and -EPIPE when
 * the agent went away. Main thread; blocks. */
int serve(int fd, const char *redirect);
