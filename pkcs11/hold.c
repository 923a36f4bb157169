/* SPDX-License-Identifier: MIT */
/*
 * This program's own SCardBeginTransaction and SCardEndTransaction take precedence over
 * libpcsclite's in every library that is linked to it. While a PIN is out, an end is only owed: the
 * next beginning on the same connection pays for it, and hold_end pays what is left.
 *
 * A real beginning while holding is followed by a wait for the commands that pcscd had let in
 * before (hold.h). From the beginning on none is let in any more, so those that are left stand in
 * front of the reader's lock, or were stopped on the way to it. Questions for an attribute of the
 * reader go the same way and stand in the same line, but never reach the card. One alone may come
 * to the lock while it is free and who is first in line still wakes up, and overtake. With a pause
 * before each that is over by the next, and what slows the others down slows the questions, too.
 * It takes 20 ms on an idle machine.
 *
 * OpenSC does not link libpcsclite, it opens provider_library and looks the functions up there; by
 * the empty name dlopen gives the program itself, and after it what it is linked to. (OpenSC's own
 * lock_login does not do: 0.23 keeps the card for good after a wrong PIN, and gives it free after a
 * logout that has left it verified.)
 *
 * The settings are a file in memory: there is no path by which they could be missing or another's.
 * OpenSC then reads no other, the administrator's /etc/opensc/opensc.conf included. What they say
 * of the PUK is change_pin.h's.
 */
#include "pkcs11/hold.h"

#include "ipc/base/log.h"

#include <dlfcn.h>
#include <errno.h>
#include <reader.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <winscard.h>

enum { DRAIN_QUESTIONS = 16, DRAIN_PAUSE_NS = 1000000 };

static const char opensc_settings[] =
    "app default {\n"
    "    reader_driver pcsc { provider_library = \"\"; }\n"
    "    pkcs11 { user_pin_unblock_style = set_pin_in_unlogged_session; }\n"
    "}\n";

static bool holding;
static SCARDHANDLE held; /* the connection of which an end is owed */
static unsigned owed;

static LONG real_begin(SCARDHANDLE card)
{
    LONG (*begin)(SCARDHANDLE);
    *(void **)&begin = dlsym(RTLD_NEXT, "SCardBeginTransaction");
    return begin ? begin(card) : SCARD_F_INTERNAL_ERROR;
}

static LONG real_end(SCARDHANDLE card, DWORD disposition)
{
    LONG (*end)(SCARDHANDLE, DWORD);
    *(void **)&end = dlsym(RTLD_NEXT, "SCardEndTransaction");
    return end ? end(card, disposition) : SCARD_F_INTERNAL_ERROR;
}

/* Sets the questions apart, so that who is woken for the reader has it before the next one. */
static void pause_briefly(void)
{
    const struct timespec pause = {.tv_nsec = DRAIN_PAUSE_NS};
    nanosleep(&pause, NULL);
}

/* Lets every command through that pcscd let in before our transaction began (above). Of the answers
 * none matters: a reader without this attribute has been waited for, too. */
static void drain(SCARDHANDLE card)
{
    for (int i = 0; i < DRAIN_QUESTIONS; i++) {
        BYTE version[16];
        DWORD len = sizeof version;
        pause_briefly();
        SCardGetAttrib(card, SCARD_ATTR_VENDOR_IFD_VERSION, version, &len);
    }
}

static void pay(DWORD disposition)
{
    while (owed > 0)
        real_end(held, --owed == 0 ? disposition : SCARD_LEAVE_CARD);
}

__attribute__((visibility("default"))) LONG SCardBeginTransaction(SCARDHANDLE card)
{
    if (owed > 0 && card == held) {
        owed--;
        return SCARD_S_SUCCESS;
    }
    /* A module with a second connection would wait for its first. */
    pay(SCARD_RESET_CARD);
    LONG rv = real_begin(card);
    if (rv == SCARD_S_SUCCESS && holding)
        drain(card);
    return rv;
}

__attribute__((visibility("default"))) LONG SCardEndTransaction(SCARDHANDLE card, DWORD disposition)
{
    if (!holding || (owed > 0 && card != held))
        return real_end(card, disposition);
    held = card;
    owed++;
    return SCARD_S_SUCCESS;
}

void hold_begin(void)
{
    holding = true;
}

void hold_end(void)
{
    holding = false;
    pay(SCARD_RESET_CARD);
}

int hold_configure_opensc(void)
{
    char path[32];
    int fd = memfd_create("opensc.conf", MFD_CLOEXEC);
    size_t len = strlen(opensc_settings);
    if (fd < 0 || write(fd, opensc_settings, len) != (ssize_t)len)
        return log_fault(errno, "opensc.conf");
    /* Open until the process ends. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    /* OpenSC at its debug levels prints each APDU, VERIFY included. */
    if (setenv("OPENSC_CONF", path, 1) < 0 || unsetenv("OPENSC_DEBUG") < 0 ||
        unsetenv("OPENSC_DRIVER") < 0)
        return log_fault(errno, "environment");
    return 0;
}
