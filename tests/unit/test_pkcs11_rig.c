/* SPDX-License-Identifier: MIT */
/*
 * The test is the agent: it makes the socketpair, starts the program with its end as descriptor 0,
 * and reads replies with the decoder that treats them as hostile. No request waits against a
 * clock: a helper that is to be seen hanging is looked at with poll, one that should answer is
 * waited for, and ctest has the net.
 */
#include "test_pkcs11_rig.h"

#include "ipc/base/cleanup.h"
#include "ipc/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the helper ---- */

void helper_start(struct helper *h, const char *module)
{
    int ends[2];
    char parent[16];
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), errno);
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    *h = (struct helper){.fd = ends[0], .pid = fork()};
    assert_return_code(h->pid, errno);
    if (h->pid == 0) {
        dup2(ends[1], STDIN_FILENO);
        execl(LANYARD_BUILD "/bin/lanyard-card", "lanyard-card", module, parent, NULL);
        _exit(127);
    }
    close(ends[1]);
}

int helper_wait(struct helper *h)
{
    int status = 0;
    close_fd(&h->fd);
    assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
    h->pid = 0;
    return status;
}

void helper_stop(struct helper *h)
{
    if (h->pid > 0) {
        kill(h->pid, SIGKILL);
        helper_wait(h);
    }
}

void helper_send(struct helper *h, struct card_request *request)
{
    CLEANUP(secret_free) struct secret *out = secret_new(CARD_REQUEST_BYTES_MAX);
    request->number = ++h->number;
    assert_int_equal(card_request_encode(request, out), 0);
    /* A helper that is gone already shows when its reply is asked for. */
    frame_send(h->fd, secret_peek(out), secret_len(out), CARD_REQUEST_BYTES_MAX);
}

int helper_receive(struct helper *h, uint8_t type, struct card_reply *reply)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    *reply = (struct card_reply){0};
    int r = frame_receive(h->fd, &body, FRAME_MAX_HELPER);
    if (r < 0)
        return r;
    assert_int_equal(card_reply_decode(body.data, body.len, reply), 0);
    assert_int_equal(reply->type, type);
    assert_int_equal(reply->number, h->number);
    return 0;
}

int helper_ask(struct helper *h, struct card_request *request, struct card_reply *reply)
{
    helper_send(h, request);
    return helper_receive(h, request->type, reply);
}

bool helper_has_answered(struct helper *h, int milliseconds)
{
    return poll(&(struct pollfd){.fd = h->fd, .events = POLLIN}, 1, milliseconds) != 0;
}

bool helper_gone(int result)
{
    /* Reset: it ended with our request unread. */
    return result == -EPIPE || result == -ECONNRESET;
}

static int count_in(const char *data, size_t len, const char *bytes)
{
    size_t size = strlen(bytes);
    int count = 0;
    for (const char *at = data; (at = memmem(at, len - (size_t)(at - data), bytes, size)); at++)
        count++;
    return count;
}

/* A sanitiser maps terabytes, and keeps what was freed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool sanitised = true;
#else
static const bool sanitised = false;
#endif

int helper_memory_count(const struct helper *h, const char *bytes)
{
    if (sanitised)
        return -1;
    char path[64], line[512], permissions[5];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)h->pid);
    CLEANUP(close_fd) int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/maps", (int)h->pid);
    FILE *maps = fopen(path, "re");
    int count = memory < 0 || !maps ? -1 : 0;
    unsigned long from, to;
    while (count >= 0 && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &from, &to, permissions) != 3 || permissions[1] != 'w')
            continue;
        char *copy = malloc(to - from);
        ssize_t got = pread(memory, copy, to - from, (off_t)from);
        if (got > 0)
            count += count_in(copy, (size_t)got, bytes);
        free(copy);
    }
    if (maps)
        fclose(maps);
    return count;
}

int helper_list(struct helper *h, struct card_reply *reply)
{
    struct card_request request = {.type = CARD_REQUEST_LIST};
    return helper_ask(h, &request, reply);
}

static size_t make_digest(enum card_algorithm algorithm, uint8_t digest[CARD_DIGEST_BYTES_MAX])
{
    size_t len = card_algorithm_digest_bytes(algorithm);
    for (size_t i = 0; i < len; i++)
        digest[i] = (uint8_t)(i + 1);
    return len;
}

void helper_send_sign(struct helper *h, const struct wish *wish)
{
    CLEANUP(card_request_deinit) struct card_request request = {.type = CARD_REQUEST_SIGN};
    struct card_sign_request *sign = &request.sign;
    assert_non_null(wish->certificate);
    sign->slot = wish->token->slot;
    sign->algorithm = (uint8_t)wish->algorithm;
    sign->digest_len = (uint8_t)make_digest(wish->algorithm, sign->digest);
    sign->pin = (const uint8_t *)wish->pin;
    sign->pin_len = wish->pin ? (uint8_t)strlen(wish->pin) : 0;
    const struct bytes *der = &wish->certificate->der, *id = &wish->certificate->id;
    EVP_Digest(der->data, der->len, sign->certificate_hash, NULL, EVP_sha256(), NULL);
    assert_int_equal(bytes_set(&sign->id, id->data, id->len), 0);
    helper_send(h, &request);
}

int helper_sign(struct helper *h, const struct wish *wish, struct card_reply *reply)
{
    helper_send_sign(h, wish);
    return helper_receive(h, CARD_REQUEST_SIGN, reply);
}

int helper_sign_result(struct helper *h, const struct wish *wish)
{
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    int r = helper_sign(h, wish, &reply);
    return r < 0 ? r : (int)reply.result;
}

int helper_pin(struct helper *h, uint8_t type, const struct wish *wish, const char *new_pin,
               struct card_reply *reply)
{
    CLEANUP(card_request_deinit) struct card_request request = {.type = type};
    struct card_pin_request *pin = &request.pin;
    pin->slot = wish->token->slot;
    pin->secret = (const uint8_t *)wish->pin;
    pin->secret_len = wish->pin ? (uint8_t)strlen(wish->pin) : 0;
    pin->new_pin = (const uint8_t *)new_pin;
    pin->new_pin_len = new_pin ? (uint8_t)strlen(new_pin) : 0;
    if (wish->certificate) {
        const struct bytes *der = &wish->certificate->der, *id = &wish->certificate->id;
        EVP_Digest(der->data, der->len, pin->certificate_hash, NULL, EVP_sha256(), NULL);
        assert_int_equal(bytes_set(&pin->id, id->data, id->len), 0);
    }
    return helper_ask(h, &request, reply);
}

/* ---- finding things in a list ---- */

const struct card_token *find_token(const struct card_reply *list, const char *name)
{
    for (size_t i = 0; i < list->token_count; i++)
        if (strncmp(list->tokens[i].label, name, strlen(name)) == 0 ||
            strncmp(list->tokens[i].reader, name, strlen(name)) == 0)
            return &list->tokens[i];
    return NULL;
}

const struct card_certificate *find_id(const struct card_token *token, uint8_t id)
{
    for (size_t i = 0; i < token->certificate_count; i++)
        if (token->certificates[i].id.len == 1 && token->certificates[i].id.data[0] == id)
            return &token->certificates[i];
    return NULL;
}

const struct card_certificate *find_signer(const struct card_token *token,
                                           enum card_algorithm algorithm)
{
    for (size_t i = 0; i < token->certificate_count; i++)
        if (token->certificates[i].algorithms & algorithm)
            return &token->certificates[i];
    return NULL;
}

/* ---- verifying ---- */

/* r and s to the DER that OpenSSL verifies. Returns its length; *der is to be freed. */
static size_t ecdsa_der(const struct card_reply *reply, uint8_t **der)
{
    int half = reply->signature_len / 2;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(reply->signature, half, NULL),
                   BN_bin2bn(reply->signature + half, half, NULL));
    *der = NULL;
    int len = i2d_ECDSA_SIG(sig, der);
    ECDSA_SIG_free(sig);
    return len > 0 ? (size_t)len : 0;
}

static bool verify(EVP_PKEY *key, const struct wish *wish, const struct card_reply *reply)
{
    uint8_t digest[CARD_DIGEST_BYTES_MAX];
    size_t digest_len = make_digest(wish->algorithm, digest);
    const EVP_MD *md = digest_len == 48 ? EVP_sha384() : EVP_sha256();
    bool rsa = wish->algorithm == CARD_RS256 || wish->algorithm == CARD_PS256;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool ok = EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
    if (ok && wish->algorithm == CARD_PS256)
        ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32) == 1 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1;
    if (ok && rsa) {
        ok = EVP_PKEY_verify(ctx, reply->signature, reply->signature_len, digest, digest_len) == 1;
    } else if (ok) {
        uint8_t *der;
        size_t len = ecdsa_der(reply, &der);
        ok = EVP_PKEY_verify(ctx, der, len, digest, digest_len) == 1;
        OPENSSL_free(der);
    }
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

bool signature_valid(const struct wish *wish, const struct card_reply *reply)
{
    const uint8_t *at = wish->certificate->der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)wish->certificate->der.len);
    assert_non_null(certificate);
    bool ok = reply->result == 0 && verify(X509_get0_pubkey(certificate), wish, reply);
    X509_free(certificate);
    return ok;
}
