/* SPDX-License-Identifier: MIT */
/*
 * A module reads what the person may read, since nobody knows where a vendor keeps his settings. Of
 * devices it has those on USB, for a token that is no reader's; a reader at a serial line is
 * pcscd's business, and pcscd is the one service that it talks to.
 *
 * SoftHSM, a module whose cards are files, writes those as well, be it only that a PIN was wrong.
 * Where they are say its settings: the first of three files that there is.
 */
#include "pkcs11/places.h"

#include "ipc/confine/confine.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_softhsm_settings(void)
{
    const char *named = getenv("SOFTHSM2_CONF"), *home = getenv("HOME");
    char own[PATH_MAX];
    if (named)
        return fopen(named, "re");
    FILE *file = NULL;
    if (home && snprintf(own, sizeof own, "%s/.config/softhsm2/softhsm2.conf", home) < PATH_MAX)
        file = fopen(own, "re");
    return file ? file : fopen("/etc/softhsm/softhsm2.conf", "re");
}

/* "directories.tokendir = FOLDER". False: there is no SoftHSM. */
static bool find_softhsm_tokens(char folder[PATH_MAX])
{
    static const char key[] = "directories.tokendir";
    char line[PATH_MAX];
    bool found = false;
    FILE *file = open_softhsm_settings();
    while (file && !found && fgets(line, sizeof line, file)) {
        const char *at = line + strspn(line, " \t");
        if (strncmp(at, key, strlen(key)) != 0)
            continue;
        at += strlen(key) + strspn(at + strlen(key), " \t=");
        size_t len = strcspn(at, "\r\n");
        while (len > 0 && strchr(" \t", at[len - 1]))
            len--;
        memcpy(folder, at, len);
        folder[len] = '\0';
        found = folder[0] == '/';
    }
    if (file)
        fclose(file);
    return found;
}

/* As libpcsclite finds it. */
static const char *pcscd(void)
{
    const char *named = getenv("PCSCLITE_CSOCK_NAME");
    return named ? named : "/run/pcscd/pcscd.comm";
}

int places_confine(void)
{
    char tokens[PATH_MAX];
    struct confine_place places[] = {
        CONFINE_GUEST_PLACES, {"/dev/bus/usb", CONFINE_DEVICES}, {tokens, CONFINE_WRITE}};
    size_t count = sizeof places / sizeof *places;
    if (!find_softhsm_tokens(tokens))
        count--;
    int r = confine_connections(pcscd());
    return r < 0 ? r : confine_reach(places, count, 0);
}
