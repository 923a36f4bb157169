/* SPDX-License-Identifier: MIT */
/*
 * Lies in what it returns. FAKE_PKCS11 is one of
 *
 *     slots         more slots than there was room for
 *     objects       more objects than there was room for
 *     attributes    attributes longer than the space given, "successfully"
 *     unavailable   attributes of length CK_UNAVAILABLE_INFORMATION, "successfully"
 *     texts         control characters and broken UTF-8 in every text, PIN lengths of 2^63
 *     many          nine times the same token, each with thirty certificates
 *     short, long   a signature one byte short; one longer than the space given
 *     logged-in     C_Login says that somebody is logged in already, always
 */
#include "fake.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool wished(const char *lie)
{
    return strcmp(fake_wish(), lie) == 0;
}

static CK_RV liar_GetSlotList(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    CK_ULONG room = *count;
    CK_RV rv = fake_honest.C_GetSlotList(present, slots, count);
    if (wished("slots"))
        *count = 1UL << 40;
    if (wished("many")) {
        for (CK_ULONG i = 1; slots && i < 9 && i < room; i++)
            slots[i] = slots[0];
        *count = 9;
    }
    return rv;
}

static CK_RV liar_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = fake_honest.C_GetTokenInfo(slot, info);
    if (wished("texts")) {
        memcpy(info->label, "two\nlines \x1b[31mred \xff", 20);
        memset(info->serialNumber, 0xc3, sizeof info->serialNumber);
        info->ulMinPinLen = info->ulMaxPinLen = 1UL << 63;
    }
    return rv;
}

static CK_RV liar_FindObjects(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *objects, CK_ULONG max,
                              CK_ULONG *count)
{
    CK_RV rv = fake_honest.C_FindObjects(s, objects, max, count);
    if (wished("objects"))
        *count = max + 1;
    if (wished("many") && *count == 1)
        for (; *count < 30 && *count < max; ++*count)
            objects[*count] = objects[0];
    return rv;
}

static CK_RV liar_GetAttributeValue(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE object,
                                    CK_ATTRIBUTE *asked, CK_ULONG count)
{
    CK_RV rv = fake_honest.C_GetAttributeValue(s, object, asked, count);
    if (wished("attributes") && rv == CKR_OK)
        asked->ulValueLen = 1UL << 40;
    if (wished("unavailable") && rv == CKR_OK)
        asked->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return rv;
}

static CK_RV liar_Sign(CK_SESSION_HANDLE s, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                       CK_ULONG *got)
{
    CK_RV rv = fake_honest.C_Sign(s, data, len, signature, got);
    if (wished("short"))
        *got = 63;
    if (wished("long"))
        *got = 1UL << 40;
    return rv;
}

static CK_RV liar_Login(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    CK_RV rv = fake_honest.C_Login(s, user, pin, len);
    return wished("logged-in") ? CKR_USER_ALREADY_LOGGED_IN : rv;
}

void fake_spoil(CK_FUNCTION_LIST *functions)
{
    functions->C_GetSlotList = liar_GetSlotList;
    functions->C_GetTokenInfo = liar_GetTokenInfo;
    functions->C_FindObjects = liar_FindObjects;
    functions->C_GetAttributeValue = liar_GetAttributeValue;
    functions->C_Sign = liar_Sign;
    functions->C_Login = liar_Login;
}
