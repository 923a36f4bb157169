/* SPDX-License-Identifier: MIT */
/*
 * Loading code that is not ours. What it does inside this process can only be contained by the
 * process (design §2); what it returns can be checked, and is: no function list, a list of another
 * major version, gaps in the list, an initialisation that fails.
 *
 * A module that did not load is not a reason to exit: the helper stays and says so in each reply,
 * which tells the administrator more than a helper that is not there.
 *
 * C_Initialize is called exactly once. A second call after a failure is where modules crash, and
 * a fresh helper is the cleaner second try. It is called without arguments: this process has one
 * thread, and a module needs no locks here.
 */
#include "pkcs11/module.h"

#include "ipc/base/log.h"
#include "ipc/base/outcome.h"
#include "pkcs11/rv.h"

#include <dlfcn.h>
#include <string.h>

int module_result(struct module *m, CK_RV rv, const char *call)
{
    if (rv == CKR_OK)
        return OUTCOME_OK;
    m->code = rv;
    log_info("%s: %s (0x%lx)", call, rv_name(rv), rv);
    return rv_outcome(rv);
}

static int fail(struct module *m, int state, const char *path, const char *why)
{
    log_error("%s: %s", path, why);
    m->state = state;
    return state;
}

static int open_library(struct module *m, const char *path)
{
    if (path[0] != '/')
        return fail(m, OUTCOME_CARD_MODULE_MISSING, path, "not an absolute path");
    m->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!m->library) {
        const char *why = dlerror(); /* which mostly begins with the path */
        size_t len = strlen(path);
        if (strncmp(why, path, len) == 0 && strncmp(why + len, ": ", 2) == 0)
            why += len + 2;
        return fail(m, OUTCOME_CARD_MODULE_MISSING, path, why);
    }
    return OUTCOME_OK;
}

/* The functions without which nothing works. Others may be missing: MODULE_CALL looks. */
static int functions_usable(const CK_FUNCTION_LIST *f)
{
    return f->version.major >= 2 && f->version.major <= 3 && f->C_GetSlotList && f->C_GetSlotInfo &&
           f->C_GetTokenInfo && f->C_OpenSession && f->C_CloseSession && f->C_FindObjectsInit &&
           f->C_FindObjects && f->C_FindObjectsFinal && f->C_GetAttributeValue;
}

static int get_functions(struct module *m, const char *path)
{
    CK_C_GetFunctionList get;
    *(void **)&get = dlsym(m->library, "C_GetFunctionList");
    if (!get)
        return fail(m, OUTCOME_CARD_MODULE_MISSING, path, "not a PKCS#11 module");
    CK_FUNCTION_LIST *functions = NULL;
    int r = module_result(m, get(&functions), "C_GetFunctionList");
    if (r != OUTCOME_OK || !functions || !functions_usable(functions))
        return fail(m, OUTCOME_CARD_MODULE_FAILED, path, "its function list is unusable");
    m->functions = functions;
    return OUTCOME_OK;
}

static void initialise(struct module *m, const char *path)
{
    CK_RV rv =
        m->functions->C_Initialize ? m->functions->C_Initialize(NULL) : CKR_FUNCTION_NOT_SUPPORTED;
    /* Some modules initialise themselves when loaded, or share a library that was. */
    if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
        rv = CKR_OK;
    if (module_result(m, rv, "C_Initialize") != OUTCOME_OK)
        fail(m, OUTCOME_CARD_MODULE_FAILED, path, "cannot be initialised");
}

/* OpenSC reads the settings that hold_configure_opensc has made. */
static bool is_opensc(const struct module *m)
{
    static const char name[] = "OpenSC Project";
    CK_INFO info = {0};
    return m->state == OUTCOME_OK && m->functions->C_GetInfo &&
           m->functions->C_GetInfo(&info) == CKR_OK &&
           memcmp(info.manufacturerID, name, sizeof name - 1) == 0;
}

void module_load(struct module *m, const char *path)
{
    memset(m, 0, sizeof *m);
    if (open_library(m, path) != OUTCOME_OK || get_functions(m, path) != OUTCOME_OK)
        return;
    /* OpenSC connects to what is in when it is initialised. */
    struct insertions before, after;
    insertions_look(&before);
    initialise(m, path);
    insertions_look(&after);
    insertions_follow(&m->held, &before, &after);
    m->puk_sets_pin = is_opensc(m);
}

void module_unload(struct module *m)
{
    if (m->functions && m->functions->C_Finalize && m->state == OUTCOME_OK)
        MODULE_CALL(m, C_Finalize, NULL);
    if (m->library)
        dlclose(m->library);
    *m = (struct module){0};
}
