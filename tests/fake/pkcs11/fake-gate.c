/* SPDX-License-Identifier: MIT */
/*
 * Another module, asked late: all calls go to the one whose path is FAKE_PKCS11, but a look for
 * readers waits while there is a FIFO of the name FAKE_PKCS11_GATE. Whoever opens it to read knows
 * that the look has begun, and lets it go on by closing it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static CK_FUNCTION_LIST functions;
static CK_FUNCTION_LIST *real;

static void wait_at_gate(void)
{
    const char *gate = getenv("FAKE_PKCS11_GATE");
    int fd = gate ? open(gate, O_WRONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    struct pollfd reader = {.fd = fd};
    while (poll(&reader, 1, -1) < 0)
        ;
    close(fd);
}

static CK_RV gate_GetSlotList(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    if (!slots)
        wait_at_gate();
    return real->C_GetSlotList(present, slots, count);
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    const char *path = getenv("FAKE_PKCS11");
    void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    CK_C_GetFunctionList get = NULL;
    if (library)
        *(void **)&get = dlsym(library, "C_GetFunctionList");
    CK_RV rv = get ? get(&real) : CKR_GENERAL_ERROR;
    if (rv != CKR_OK)
        return rv;
    functions = *real;
    functions.C_GetSlotList = gate_GetSlotList;
    *list = &functions;
    return CKR_OK;
}
