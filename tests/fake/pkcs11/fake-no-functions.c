/* SPDX-License-Identifier: MIT */
/*
 * Gives a function list that cannot be used. FAKE_PKCS11 is one of null (none, "successfully"),
 * refused (CKR_GENERAL_ERROR), version (of another major version), empty (no functions in it).
 */
#include <p11-kit/pkcs11.h>
#include <stdlib.h>
#include <string.h>

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    static CK_FUNCTION_LIST empty = {.version = {2, 40}}, other = {.version = {9, 0}};
    const char *wish = getenv("FAKE_PKCS11");
    *list = NULL;
    if (!wish || strcmp(wish, "refused") == 0)
        return CKR_GENERAL_ERROR;
    if (strcmp(wish, "version") == 0)
        *list = &other;
    if (strcmp(wish, "empty") == 0)
        *list = &empty;
    return CKR_OK;
}
