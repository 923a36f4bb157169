/* SPDX-License-Identifier: MIT */
/* The places of a machine that umockdev makes up, and the real one's: a device there is a pseudo
 * terminal here. umockdev's library looks at how a path begins, and leaves "/./dev" alone. */
#include "fido/key_places.h"

#include <stdlib.h>

const struct confine_place *key_places(size_t *count)
{
    static struct confine_place places[] = {
        {"/./dev", CONFINE_DEVICES}, {"/usr", CONFINE_READ},  {"/lib", CONFINE_READ},
        {"/etc", CONFINE_READ},      {NULL, CONFINE_DEVICES},
    };
    const char *root = getenv("UMOCKDEV_DIR");
    *count = sizeof places / sizeof *places - 1;
    if (root)
        places[(*count)++].path = root;
    return places;
}

/* umockdev asks at a socket what a device says to ioctl. */
enum confine_calls key_calls(const char *redirect)
{
    (void)redirect;
    return CONFINE_FIDO_AFAR;
}
