/* SPDX-License-Identifier: MIT */
/*
 * Trouble at one function: FAKE_PKCS11 is "WHAT@FUNCTION", where WHAT is crash, exit, hang, slow
 * (a fifth of a second, then as it should), missing (no entry in the list) or a number, which is
 * returned as CK_RV.
 */
#include "fake.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool wished_at(const char *function)
{
    const char *at = strchr(fake_wish(), '@');
    return at && strcmp(at + 1, function) == 0;
}

static bool wish_is(const char *what)
{
    return strncmp(fake_wish(), what, strlen(what)) == 0;
}

/* True if the call is to end here, with *rv. */
static bool trouble(const char *function, CK_RV *rv)
{
    if (!wished_at(function))
        return false;
    if (wish_is("crash")) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    if (wish_is("exit"))
        _exit(0);
    if (wish_is("hang"))
        for (;;)
            pause();
    if (wish_is("slow")) {
        usleep(200 * 1000);
        return false;
    }
    *rv = strtoul(fake_wish(), NULL, 0);
    return true;
}

#define SPOILT(name, parameters, arguments)                                                        \
    static CK_RV spoilt_##name parameters                                                          \
    {                                                                                              \
        CK_RV rv;                                                                                  \
        return trouble(#name, &rv) ? rv : fake_honest.name arguments;                              \
    }

SPOILT(C_Initialize, (void *args), (args))
SPOILT(C_GetSlotList, (CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count),
       (present, slots, count))
SPOILT(C_GetSlotInfo, (CK_SLOT_ID slot, CK_SLOT_INFO *info), (slot, info))
SPOILT(C_GetTokenInfo, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), (slot, info))
SPOILT(C_OpenSession,
       (CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *s),
       (slot, flags, application, notify, s))
SPOILT(C_CloseSession, (CK_SESSION_HANDLE s), (s))
SPOILT(C_Login, (CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len),
       (s, user, pin, len))
SPOILT(C_Logout, (CK_SESSION_HANDLE s), (s))
SPOILT(C_FindObjectsInit, (CK_SESSION_HANDLE s, CK_ATTRIBUTE *wanted, CK_ULONG count),
       (s, wanted, count))
SPOILT(C_GetAttributeValue,
       (CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *asked, CK_ULONG count),
       (s, object, asked, count))
SPOILT(C_SignInit, (CK_SESSION_HANDLE s, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),
       (s, mechanism, key))
SPOILT(C_Sign,
       (CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature, CK_ULONG *got),
       (s, data, len, signature, got))

void fake_spoil(CK_FUNCTION_LIST *functions)
{
#define SPOIL(name) functions->name = wish_is("missing") && wished_at(#name) ? NULL : spoilt_##name
    SPOIL(C_Initialize);
    SPOIL(C_GetSlotList);
    SPOIL(C_GetSlotInfo);
    SPOIL(C_GetTokenInfo);
    SPOIL(C_OpenSession);
    SPOIL(C_CloseSession);
    SPOIL(C_Login);
    SPOIL(C_Logout);
    SPOIL(C_FindObjectsInit);
    SPOIL(C_GetAttributeValue);
    SPOIL(C_SignInit);
    SPOIL(C_Sign);
}
