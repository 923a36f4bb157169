/* SPDX-License-Identifier: MIT */
/*
 * GTK draws with what it finds: fonts, themes and settings from anywhere, graphics devices, and a
 * driver's compiled shaders, which are costly to make anew for each question. It writes no more
 * than those, what everybody may write, and the file by which dconf says that a setting has
 * changed.
 *
 * X11's display may be on another machine: "host:0", and so "localhost:10" under ssh.
 */
#include "agent/chooser/places.h"

#include "ipc/confine/confine.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct below {
    const char *variable, *path;
};

static const struct below own[] = {
    {"XDG_RUNTIME_DIR", "dconf"},
    {"HOME", ".cache/fontconfig"},
    {"HOME", ".cache/mesa_shader_cache"},
    {"HOME", ".cache/mesa_shader_cache_db"},
};
enum { OWN = sizeof own / sizeof *own };

static bool afar(void)
{
    const char *display = getenv("DISPLAY");
    return display && !strchr("/:", display[0]) && strncmp(display, "unix:", strlen("unix:")) != 0;
}

int places_confine(void)
{
    char paths[OWN][PATH_MAX];
    const struct confine_place common[] = {
        CONFINE_GUEST_PLACES, {"/dev/dri", CONFINE_DEVICES}, {"/dev/nvidia*", CONFINE_DEVICES}};
    struct confine_place places[sizeof common / sizeof *common + OWN];
    size_t count = sizeof common / sizeof *common;
    memcpy(places, common, sizeof common);
    for (size_t i = 0; i < OWN; i++) {
        const char *folder = getenv(own[i].variable);
        if (folder && folder[0] == '/' &&
            snprintf(paths[i], PATH_MAX, "%s/%s", folder, own[i].path) < PATH_MAX)
            places[count++] = (struct confine_place){paths[i], CONFINE_WRITE};
    }
    int r = confine_reach(places, count, CONFINE_ABSTRACT | (afar() ? CONFINE_TCP : 0));
    return r < 0 ? r : confine_calls(afar() ? CONFINE_CHOOSER_AFAR : CONFINE_CHOOSER);
}
