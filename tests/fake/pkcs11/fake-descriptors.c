/* SPDX-License-Identifier: MIT */
/*
 * Treats its host's descriptors as its own: as it is initialised it prints to standard output, and
 * then, if FAKE_PKCS11 is "close", closes every descriptor up to 63.
 */
#include "fake.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static CK_RV rude_Initialize(void *args)
{
    puts("Welcome to the module. This line is not a frame.");
    fflush(stdout);
    /* Descriptor 0 was the socket once: what is written here must not arrive there either. */
    if (write(STDIN_FILENO, "\0\0\0\1x", 5) < 0)
        _exit(1);
    for (int fd = 0; strcmp(fake_wish(), "close") == 0 && fd < 64; fd++)
        close(fd);
    return fake_honest.C_Initialize(args);
}

void fake_spoil(CK_FUNCTION_LIST *functions)
{
    functions->C_Initialize = rude_Initialize;
}
