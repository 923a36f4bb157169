/* SPDX-License-Identifier: MIT */
/*
 * Object 1 is the certificate, object 2 the private key. There is one session at a time, which is
 * all that lanyard-card opens.
 */
#include "fake.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CERTIFICATE = 1, PRIVATE_KEY = 2, SESSION = 77, SLOT = 5, TRIES = 3 };

static char right_pin[9] = "123456";
static const char puk[] = "12345678";
static const uint8_t key_id = 1;

static EVP_PKEY *key;
static uint8_t *certificate;
static size_t certificate_len;
static unsigned tries = TRIES;
static bool logged_in, so_logged_in, key_released;
static CK_OBJECT_HANDLE found[2];
static size_t found_count;

const char *fake_wish(void)
{
    const char *wish = getenv("FAKE_PKCS11");
    return wish ? wish : "";
}

static void note(const char *word)
{
    const char *path = getenv("FAKE_PKCS11_JOURNAL");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd >= 0) {
        if (write(fd, word, strlen(word)) < 0)
            abort();
        close(fd);
    }
}

static void make_certificate(void)
{
    key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const uint8_t *)"555000000999", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, key);
    X509_EXTENSION *usage = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "digitalSignature");
    X509_add_ext(x, usage, -1);
    X509_EXTENSION_free(usage);
    X509_sign(x, key, EVP_sha256());
    certificate_len = (size_t)i2d_X509(x, &certificate);
    X509_free(x);
}

/* ---- the module ---- */

static CK_RV fake_Initialize(void *args)
{
    (void)args;
    make_certificate();
    return CKR_OK;
}

static CK_RV fake_Finalize(void *reserved)
{
    (void)reserved;
    EVP_PKEY_free(key);
    OPENSSL_free(certificate);
    return CKR_OK;
}

static CK_RV fake_GetSlotList(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    (void)present;
    if (slots)
        slots[0] = SLOT;
    *count = 1;
    return CKR_OK;
}

static CK_RV fake_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    memset(info, 0, sizeof *info);
    memset(info->slotDescription, ' ', sizeof info->slotDescription);
    memcpy(info->slotDescription, "Fake Reader", 11);
    info->flags = CKF_TOKEN_PRESENT | CKF_HW_SLOT;
    return CKR_OK;
}

static CK_RV fake_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    if (slot != SLOT)
        return CKR_SLOT_ID_INVALID;
    memset(info, 0, sizeof *info);
    memset(info->label, ' ', sizeof info->label);
    memcpy(info->label, "Fake", 4);
    memset(info->serialNumber, ' ', sizeof info->serialNumber);
    info->flags = CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED;
    if (getenv("FAKE_PKCS11_PAD"))
        info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    if (tries == 1)
        info->flags |= CKF_USER_PIN_FINAL_TRY;
    if (tries == 0)
        info->flags |= CKF_USER_PIN_LOCKED;
    info->ulMinPinLen = 4;
    info->ulMaxPinLen = 8;
    return CKR_OK;
}

static CK_RV fake_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    (void)slot;
    *info = (CK_MECHANISM_INFO){256, 256, CKF_SIGN};
    return type == CKM_ECDSA ? CKR_OK : CKR_MECHANISM_INVALID;
}

static CK_RV fake_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                              CK_SESSION_HANDLE *session)
{
    (void)flags, (void)application, (void)notify;
    *session = SESSION;
    return slot == SLOT ? CKR_OK : CKR_SLOT_ID_INVALID;
}

static CK_RV fake_CloseSession(CK_SESSION_HANDLE session)
{
    note("close\n");
    logged_in = so_logged_in = false;
    return session == SESSION ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static bool is(const CK_UTF8CHAR *given, CK_ULONG len, const char *wanted)
{
    if (!given && getenv("FAKE_PKCS11_PAD"))
        return true;
    return given && len == strlen(wanted) && memcmp(given, wanted, len) == 0;
}

static CK_RV take_pin(const CK_UTF8CHAR *pin, CK_ULONG len)
{
    if (!pin && getenv("FAKE_PKCS11_PAD"))
        return CKR_OK;
    if (!pin || len < 4 || len >= sizeof right_pin)
        return CKR_PIN_LEN_RANGE;
    if (is(pin, len, "000000"))
        return CKR_PIN_INVALID;
    memcpy(right_pin, pin, len);
    right_pin[len] = '\0';
    tries = TRIES;
    return CKR_OK;
}

static CK_RV fake_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *old, CK_ULONG old_len,
                         CK_UTF8CHAR *pin, CK_ULONG len)
{
    (void)session;
    note("set-pin\n");
    if (!logged_in)
        return CKR_USER_NOT_LOGGED_IN;
    return is(old, old_len, right_pin) ? take_pin(pin, len) : CKR_PIN_INCORRECT;
}

static CK_RV fake_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG len)
{
    (void)session;
    note("init-pin\n");
    return so_logged_in ? take_pin(pin, len) : CKR_USER_NOT_LOGGED_IN;
}

static CK_RV fake_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin,
                        CK_ULONG len)
{
    (void)session;
    note(user == CKU_CONTEXT_SPECIFIC ? "login-for-key\n"
         : user == CKU_SO             ? "login-so\n"
                                      : "login\n");
    if (user == CKU_SO) {
        so_logged_in = is(pin, len, puk);
        return so_logged_in ? CKR_OK : CKR_PIN_INCORRECT;
    }
    if (user == CKU_USER && logged_in)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (tries == 0)
        return CKR_PIN_LOCKED;
    if (!is(pin, len, right_pin)) {
        tries--;
        return CKR_PIN_INCORRECT;
    }
    tries = TRIES;
    logged_in = true;
    key_released = user == CKU_CONTEXT_SPECIFIC;
    return CKR_OK;
}

static CK_RV fake_Logout(CK_SESSION_HANDLE session)
{
    (void)session;
    if (!logged_in && !so_logged_in)
        return CKR_USER_NOT_LOGGED_IN;
    note("logout\n");
    logged_in = so_logged_in = false;
    return CKR_OK;
}

static CK_RV fake_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count)
{
    (void)session;
    CK_OBJECT_CLASS class = *(CK_OBJECT_CLASS *)wanted[0].pValue;
    bool id = count < 2 || (wanted[1].ulValueLen == 1 && *(uint8_t *)wanted[1].pValue == key_id);
    found_count = 0;
    if (class == CKO_CERTIFICATE && id)
        found[found_count++] = CERTIFICATE;
    if (class == CKO_PRIVATE_KEY && id && logged_in)
        found[found_count++] = PRIVATE_KEY;
    return CKR_OK;
}

static CK_RV fake_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max,
                              CK_ULONG *count)
{
    (void)session;
    *count = found_count < max ? found_count : max;
    memcpy(objects, found, *count * sizeof *objects);
    found_count -= *count;
    return CKR_OK;
}

static CK_RV fake_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    (void)session;
    return CKR_OK;
}

static CK_RV give(CK_ATTRIBUTE *asked, const void *value, size_t len)
{
    bool fits = asked->pValue && asked->ulValueLen >= len;
    CK_RV rv = !asked->pValue || fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
    if (fits)
        memcpy(asked->pValue, value, len);
    asked->ulValueLen = rv == CKR_OK ? len : CK_UNAVAILABLE_INFORMATION;
    return rv;
}

static CK_RV fake_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                    CK_ATTRIBUTE *asked, CK_ULONG count)
{
    CK_BBOOL each_use = getenv("FAKE_PKCS11_EACH_USE") ? CK_TRUE : CK_FALSE;
    (void)session, (void)count;
    if (asked->type == CKA_ID)
        return give(asked, &key_id, sizeof key_id);
    if (asked->type == CKA_VALUE && object == CERTIFICATE)
        return give(asked, certificate, certificate_len);
    if (asked->type == CKA_ALWAYS_AUTHENTICATE && object == PRIVATE_KEY)
        return give(asked, &each_use, sizeof each_use);
    asked->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV fake_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE k)
{
    (void)session, (void)k;
    key_released = !getenv("FAKE_PKCS11_EACH_USE");
    return mechanism->mechanism == CKM_ECDSA ? CKR_OK : CKR_MECHANISM_INVALID;
}

static CK_RV fake_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len,
                       CK_BYTE *signature, CK_ULONG *signature_len)
{
    (void)session;
    note("sign\n");
    if (!logged_in || !key_released)
        return CKR_USER_NOT_LOGGED_IN;
    uint8_t der[80];
    size_t len = sizeof der;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &len, data, data_len) == 1;
    EVP_PKEY_CTX_free(ctx);
    const uint8_t *at = der;
    ECDSA_SIG *sig = ok ? d2i_ECDSA_SIG(NULL, &at, (long)len) : NULL;
    if (!sig || *signature_len < 64)
        return CKR_GENERAL_ERROR;
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + 32, 32);
    *signature_len = 64;
    ECDSA_SIG_free(sig);
    return CKR_OK;
}

const CK_FUNCTION_LIST fake_honest = {
    .version = {2, 40},
    .C_Initialize = fake_Initialize,
    .C_Finalize = fake_Finalize,
    .C_GetSlotList = fake_GetSlotList,
    .C_GetSlotInfo = fake_GetSlotInfo,
    .C_GetTokenInfo = fake_GetTokenInfo,
    .C_GetMechanismInfo = fake_GetMechanismInfo,
    .C_OpenSession = fake_OpenSession,
    .C_CloseSession = fake_CloseSession,
    .C_Login = fake_Login,
    .C_Logout = fake_Logout,
    .C_SetPIN = fake_SetPIN,
    .C_InitPIN = fake_InitPIN,
    .C_FindObjectsInit = fake_FindObjectsInit,
    .C_FindObjects = fake_FindObjects,
    .C_FindObjectsFinal = fake_FindObjectsFinal,
    .C_GetAttributeValue = fake_GetAttributeValue,
    .C_SignInit = fake_SignInit,
    .C_Sign = fake_Sign,
};

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    static CK_FUNCTION_LIST functions;
    functions = fake_honest;
    fake_spoil(&functions);
    *list = &functions;
    return CKR_OK;
}
