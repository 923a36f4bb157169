/* SPDX-License-Identifier: MIT */
/* The places of a machine that umockdev makes up, and the real one's: a device there is a pseudo
 * terminal here. umockdev's library looks at how a path begins, and leaves "/./dev" alone. */
#include "fido/key_places.h"

#include <stdlib.h>

/* The last is the made-up machine's, if there is one. */
static size_t with_root(struct confine_place *places, size_t count)
{
    places[count - 1].path = getenv("UMOCKDEV_DIR");
    return places[count - 1].path ? count : count - 1;
}

const struct confine_place *key_places(size_t *count)
{
    static struct confine_place places[] = {{"/usr", CONFINE_READ},
                                            {"/lib", CONFINE_READ},
                                            {"/etc", CONFINE_READ},
                                            {NULL, CONFINE_READ}};
    *count = with_root(places, sizeof places / sizeof *places);
    return places;
}

const struct confine_place *key_devices(size_t *count)
{
    static struct confine_place places[] = {{"/./dev", CONFINE_DEVICES}, {NULL, CONFINE_DEVICES}};
    *count = with_root(places, sizeof places / sizeof *places);
    return places;
}

/* umockdev asks at a socket what a device says to ioctl. */
enum confine_calls key_calls(const char *redirect)
{
    (void)redirect;
    return CONFINE_FIDO_AFAR;
}
