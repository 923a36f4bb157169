/* SPDX-License-Identifier: MIT */
/* /usr and /etc: libraries that come late (a provider of OpenSSL's) and their settings. */
#include "fido/key_places.h"

const struct confine_place *key_places(size_t *count)
{
    static const struct confine_place places[] = {
        {"/sys", CONFINE_READ}, {"/run/udev", CONFINE_READ}, {"/usr", CONFINE_READ},
        {"/lib", CONFINE_READ}, {"/etc", CONFINE_READ},
    };
    *count = sizeof places / sizeof *places;
    return places;
}

const struct confine_place *key_devices(size_t *count)
{
    static const struct confine_place places[] = {{"/dev", CONFINE_DEVICES}};
    *count = sizeof places / sizeof *places;
    return places;
}

enum confine_calls key_calls(const char *redirect)
{
    return *redirect ? CONFINE_FIDO_AFAR : CONFINE_FIDO;
}
