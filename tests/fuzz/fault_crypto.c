/* SPDX-License-Identifier: MIT */
/* OpenSSL's certificates, keys and hashes that fail as they do when memory is short. */
#include "tests/fuzz/fault.h"

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/encoder.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

WRAP(d2i_X509, X509 *, NULL, 0, (X509 * *out, const unsigned char **data, long len),
     (out, data, len))
WRAP(X509_dup, X509 *, NULL, 0, (const X509 *certificate), (certificate))
WRAP(X509_get0_pubkey, EVP_PKEY *, NULL, 0, (const X509 *certificate), (certificate))
WRAP(X509_get_ext_d2i, void *, NULL, 0,
     (const X509 *certificate, int nid, int *critical, int *index),
     (certificate, nid, critical, index))
WRAP(X509_STORE_new, X509_STORE *, NULL, 0, (void), ())
WRAP(X509_STORE_add_cert, int, 0, 0, (X509_STORE * store, X509 *certificate), (store, certificate))
WRAP(X509_STORE_CTX_new, X509_STORE_CTX *, NULL, 0, (void), ())
WRAP(X509_STORE_CTX_init, int, 0, 0,
     (X509_STORE_CTX * context, X509_STORE *store, X509 *certificate, STACK_OF(X509) * chain),
     (context, store, certificate, chain))
WRAP(X509_NAME_print_ex, int, -1, 0,
     (BIO * out, const X509_NAME *name, int indent, unsigned long flags),
     (out, name, indent, flags))
WRAP(ASN1_TIME_to_tm, int, 0, 0, (const ASN1_TIME *time, struct tm *tm), (time, tm))
WRAP(ASN1_STRING_to_UTF8, int, -1, 0, (unsigned char **out, const ASN1_STRING *in), (out, in))
WRAP(BIO_new, BIO *, NULL, 0, (const BIO_METHOD *method), (method))
WRAP(BIO_new_mem_buf, BIO *, NULL, 0, (const void *data, int len), (data, len))
WRAP(EVP_Digest, int, 0, 0,
     (const void *data, size_t len, unsigned char *digest, unsigned *digest_len, const EVP_MD *type,
      ENGINE *engine),
     (data, len, digest, digest_len, type, engine))
WRAP(EVP_Q_digest, int, 0, 0,
     (OSSL_LIB_CTX * context, const char *name, const char *properties, const void *data,
      size_t len, unsigned char *digest, size_t *digest_len),
     (context, name, properties, data, len, digest, digest_len))
WRAP(RAND_bytes, int, 0, 0, (unsigned char *data, int len), (data, len))
WRAP(PEM_read_bio_X509, X509 *, NULL, 0,
     (BIO * in, X509 **out, pem_password_cb *ask, void *context), (in, out, ask, context))
WRAP(X509_verify_cert, int, -1, 0, (X509_STORE_CTX * context), (context))
WRAP(X509_verify, int, -1, 0, (X509 * certificate, EVP_PKEY *key), (certificate, key))
WRAP(OPENSSL_sk_new_null, OPENSSL_STACK *, NULL, 0, (void), ())
WRAP(OPENSSL_sk_push, int, 0, 0, (OPENSSL_STACK * stack, const void *item), (stack, item))
WRAP(EVP_PKEY_CTX_new, EVP_PKEY_CTX *, NULL, 0, (EVP_PKEY * key, ENGINE *engine), (key, engine))
WRAP(EVP_PKEY_verify_init, int, 0, 0, (EVP_PKEY_CTX * context), (context))
WRAP(EVP_PKEY_verify, int, -1, 0,
     (EVP_PKEY_CTX * context, const unsigned char *signature, size_t signature_len,
      const unsigned char *digest, size_t digest_len),
     (context, signature, signature_len, digest, digest_len))
WRAP(ECDSA_SIG_new, ECDSA_SIG *, NULL, 0, (void), ())
WRAP(i2d_ECDSA_SIG, int, -1, 0, (const ECDSA_SIG *signature, unsigned char **out), (signature, out))
WRAP(BN_bin2bn, BIGNUM *, NULL, 0, (const unsigned char *data, int len, BIGNUM *out),
     (data, len, out))
WRAP(SHA256, unsigned char *, NULL, 0,
     (const unsigned char *data, size_t len, unsigned char *digest), (data, len, digest))
WRAP(OSSL_PARAM_BLD_new, OSSL_PARAM_BLD *, NULL, 0, (void), ())
WRAP(OSSL_PARAM_BLD_to_param, OSSL_PARAM *, NULL, 0, (OSSL_PARAM_BLD * build), (build))
WRAP(EVP_PKEY_CTX_new_from_name, EVP_PKEY_CTX *, NULL, 0,
     (OSSL_LIB_CTX * context, const char *name, const char *properties),
     (context, name, properties))
WRAP(EVP_PKEY_fromdata, int, 0, 0,
     (EVP_PKEY_CTX * context, EVP_PKEY **out, int selection, OSSL_PARAM *params),
     (context, out, selection, params))
WRAP(EVP_PKEY_new_raw_public_key, EVP_PKEY *, NULL, 0,
     (int type, ENGINE *engine, const unsigned char *key, size_t len), (type, engine, key, len))
WRAP(OSSL_ENCODER_to_data, int, 0, 0,
     (OSSL_ENCODER_CTX * context, unsigned char **data, size_t *len), (context, data, len))
