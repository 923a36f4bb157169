/* SPDX-License-Identifier: MIT */
/*
 * The session ends in one place, session_close, and there logging out comes before closing:
 * modules exist whose C_CloseSession leaves the card verified, and then the next program to reach
 * it would sign without a PIN (OpenSC CVE-2023-40660 was of that kind).
 */
#include "pkcs11/session.h"

#include "pkcs11/hold.h"

#include <string.h>

int session_open(struct session *s, struct module *m, CK_SLOT_ID slot, enum session_use use)
{
    *s = (struct session){.module = m, .slot = slot};
    CK_FLAGS flags = CKF_SERIAL_SESSION | (use == SESSION_WRITES ? CKF_RW_SESSION : 0);
    int r = MODULE_CALL(m, C_OpenSession, slot, flags, NULL, NULL, &s->handle);
    s->open = r == 0;
    return r;
}

void session_logout(struct session *s)
{
    if (s->module->functions->C_Logout)
        s->module->functions->C_Logout(s->handle);
}

void session_close(struct session *s)
{
    if (!s->open)
        return;
    /* What ends badly here must not overwrite the code that explains the request's own end. */
    CK_RV code = s->module->code;
    if (s->login_tried)
        session_logout(s);
    MODULE_CALL(s->module, C_CloseSession, s->handle);
    hold_end();
    s->module->code = code;
    s->open = s->login_tried = false;
}

int session_find(struct session *s, CK_OBJECT_CLASS class, const uint8_t *id, size_t id_len,
                 CK_OBJECT_HANDLE *found, size_t max, size_t *count)
{
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &class, sizeof class},
        {CKA_ID, (void *)(uintptr_t)id, id_len},
    };
    *count = 0;
    int r = MODULE_CALL(s->module, C_FindObjectsInit, s->handle, wanted, id ? 2 : 1);
    while (r == 0 && *count < max) {
        CK_ULONG got = 0;
        r = MODULE_CALL(s->module, C_FindObjects, s->handle, found + *count, max - *count, &got);
        if (r != 0 || got == 0)
            break;
        if (got > max - *count)
            r = module_result(s->module, CKR_GENERAL_ERROR, "C_FindObjects: its count is a lie");
        else
            *count += got;
    }
    MODULE_CALL(s->module, C_FindObjectsFinal, s->handle);
    return r;
}

bool session_attribute(struct session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       void *value, size_t capacity, size_t *len)
{
    CK_ATTRIBUTE asked = {type, value, capacity};
    CK_RV rv = s->module->functions->C_GetAttributeValue(s->handle, object, &asked, 1);
    /* CK_UNAVAILABLE_INFORMATION is the largest number there is, so one comparison serves both. */
    if (rv != CKR_OK || asked.ulValueLen > capacity)
        return false;
    *len = asked.ulValueLen;
    return true;
}

bool session_flag(struct session *s, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool absent)
{
    CK_BBOOL value;
    size_t len;
    if (!session_attribute(s, object, type, &value, sizeof value, &len) || len != sizeof value)
        return absent;
    return value != CK_FALSE;
}
