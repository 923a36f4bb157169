/* SPDX-License-Identifier: MIT */
/*
 * The virtual card's PIV core, without reader or socket: scripts of commands and the answers they
 * get. A script starts on a card that was just powered up. What is checked of an answer is its
 * status word, or all of it where the bytes are known; the keys' answers are verified with the
 * public halves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/sandbox/card/apdu.h"
#include "tests/sandbox/card/piv.h"
#include "tests/sandbox/card/tlv.h"

#define PIN "123456"
#define PUK "12345678"
#define CERTIFICATE_SIZE 700 /* longer than one short answer */

#define SELECT "00A4040009A00000030800001000"
#define VERIFY "0020008008"
#define RIGHT_PIN VERIFY "313233343536FFFF"
#define WRONG_PIN VERIFY "393939393939FFFF"
#define SIGN_9A                                                                                    \
    "0087119A0A"                                                                                   \
    "7C088200810401020304"
#define SIGN_9C                                                                                    \
    "0087119C0A"                                                                                   \
    "7C088200810401020304"
#define READ_9A "00CB3FFF055C035FC10500"

#define SCRIPT_MAX 10

static EVP_PKEY *authentication_pair;
static EVP_PKEY *signature_pair;

static struct key *private_half(EVP_PKEY *pair)
{
    BIO *memory = BIO_new(BIO_s_mem());
    struct key *key;
    char *text;
    long size;

    assert_true(PEM_write_bio_PrivateKey(memory, pair, NULL, NULL, 0, NULL, NULL));
    assert_int_equal(BIO_write(memory, "", 1), 1);
    size = BIO_get_mem_data(memory, &text);
    assert_true(size > 1);
    key = key_parse(text);
    assert_non_null(key);
    BIO_free(memory);
    return key;
}

static struct piv *new_card(void)
{
    static const uint8_t guid[PIV_GUID_SIZE] = {1, 2, 3};
    struct piv_slot slots[PIV_SLOTS] = {0};
    struct piv *piv;

    slots[PIV_AUTHENTICATION].key = private_half(authentication_pair);
    slots[PIV_AUTHENTICATION].certificate = malloc(CERTIFICATE_SIZE);
    assert_non_null(slots[PIV_AUTHENTICATION].certificate);
    memset(slots[PIV_AUTHENTICATION].certificate, 0xce, CERTIFICATE_SIZE);
    slots[PIV_AUTHENTICATION].certificate_size = CERTIFICATE_SIZE;
    slots[PIV_SIGNATURE].key = private_half(signature_pair);
    piv = piv_new(PIN, PUK, guid, slots);
    assert_non_null(piv);
    return piv;
}

static int make_keys(void **state)
{
    (void)state;
    authentication_pair = EVP_EC_gen("P-256");
    signature_pair = EVP_EC_gen("P-256");
    return authentication_pair && signature_pair ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(authentication_pair);
    EVP_PKEY_free(signature_pair);
    return 0;
}

static size_t from_hex(const char *hex, uint8_t *bytes, size_t room)
{
    size_t size;

    assert_true(OPENSSL_hexstr2buf_ex(bytes, room, &size, hex, '\0'));
    return size;
}

static size_t send(struct piv *piv, const char *hex, uint8_t response[static PIV_RESPONSE_MAX])
{
    uint8_t command[512];
    size_t size = from_hex(hex, command, sizeof command);

    return piv_exchange(piv, command, size, response);
}

static unsigned status_of(const uint8_t *response, size_t size)
{
    assert_true(size >= 2);
    return (unsigned)response[size - 2] << 8 | response[size - 1];
}

static unsigned send_for_status(struct piv *piv, const char *hex)
{
    uint8_t response[PIV_RESPONSE_MAX];

    return status_of(response, send(piv, hex, response));
}

/* --- scripts --------------------------------------------------------------------------------- */

#define POWER_UP "power up"

static const struct script {
    const char *name;
    struct {
        const char *command;
        unsigned status;
    } steps[SCRIPT_MAX];
} scripts[] = {
    {"nothing works before SELECT", {{RIGHT_PIN, 0x6d00}, {READ_9A, 0x6d00}}},
    {"SELECT by the whole name", {{"00A404000BA000000308000010000100", 0x6113}}},
    {"SELECT of another application leaves PIV selected",
     {{SELECT "00", 0x9000}, {"00A4040006A0000001510000", 0x6a82}, {RIGHT_PIN, 0x9000}}},
    {"the empty VERIFY tells the tries, and costs none",
     {{SELECT "00", 0x9000}, {"00200080", 0x63c3}, {WRONG_PIN, 0x63c2}, {"00200080", 0x63c2}}},
    {"the empty VERIFY says when the PIN is verified",
     {{SELECT "00", 0x9000}, {RIGHT_PIN, 0x9000}, {"00200080", 0x9000}}},
    {"three wrong PINs block, and the right one is too late",
     {{SELECT "00", 0x9000},
      {WRONG_PIN, 0x63c2},
      {WRONG_PIN, 0x63c1},
      {WRONG_PIN, 0x63c0},
      {RIGHT_PIN, 0x6983},
      {"00200080", 0x6983}}},
    {"the right PIN gives the tries back",
     {{SELECT "00", 0x9000}, {WRONG_PIN, 0x63c2}, {RIGHT_PIN, 0x9000}, {WRONG_PIN, 0x63c2}}},
    {"a wrong PIN closes what the right one opened",
     {{SELECT "00", 0x9000}, {RIGHT_PIN, 0x9000}, {WRONG_PIN, 0x63c2}, {SIGN_9A, 0x6982}}},
    {"a malformed PIN costs no try",
     {{SELECT "00", 0x9000},
      {VERIFY "31FFFFFFFFFFFFFF", 0x6a80},
      {VERIFY "3132FF3435363738", 0x6a80},
      {"002000800431323334", 0x6a80},
      {"00200080", 0x63c3}}},
    {"power-up forgets the PIN, not the tries",
     {{SELECT "00", 0x9000},
      {WRONG_PIN, 0x63c2},
      {POWER_UP, 0},
      {SELECT "00", 0x9000},
      {"00200080", 0x63c2}}},
    {"log-out",
     {{SELECT "00", 0x9000}, {RIGHT_PIN, 0x9000}, {"0020FF80", 0x9000}, {SIGN_9A, 0x6982}}},
    {"another PIN than the card's own",
     {{SELECT "00", 0x9000}, {"0020000008313233343536FFFF", 0x6a88}}},
    {"the PUK unblocks",
     {{SELECT "00", 0x9000},
      {WRONG_PIN, 0x63c2},
      {WRONG_PIN, 0x63c1},
      {WRONG_PIN, 0x63c0},
      {"002C0080103132333435363738363534333231FFFF", 0x9000},
      {VERIFY "363534333231FFFF", 0x9000}}},
    {"three wrong PUKs block the PUK",
     {{SELECT "00", 0x9000},
      {"002C0080103939393939393939363534333231FFFF", 0x63c2},
      {"002C0080103939393939393939363534333231FFFF", 0x63c1},
      {"002C0080103939393939393939363534333231FFFF", 0x63c0},
      {"002C0080103132333435363738363534333231FFFF", 0x6983}}},
    {"change the PIN",
     {{SELECT "00", 0x9000},
      {"0024008010313233343536FFFF363534333231FFFF", 0x9000},
      {RIGHT_PIN, 0x63c2},
      {VERIFY "363534333231FFFF", 0x9000}}},
    {"a change with the wrong PIN costs a try",
     {{SELECT "00", 0x9000},
      {"0024008010393939393939FFFF363534333231FFFF", 0x63c2},
      {RIGHT_PIN, 0x9000}}},
    {"a change to a PIN that is too short costs none",
     {{SELECT "00", 0x9000},
      {"0024008010313233343536FFFF363534FFFFFFFFFF", 0x6a80},
      {"00200080", 0x63c3}}},
    {"the authentication key wants the PIN once",
     {{SELECT "00", 0x9000},
      {SIGN_9A, 0x6982},
      {RIGHT_PIN, 0x9000},
      {SIGN_9A "00", 0x9000},
      {SIGN_9A "00", 0x9000}}},
    {"the signature key wants it each time",
     {{SELECT "00", 0x9000},
      {RIGHT_PIN, 0x9000},
      {SIGN_9C "00", 0x9000},
      {SIGN_9C "00", 0x6982},
      {RIGHT_PIN, 0x9000},
      {SIGN_9C "00", 0x9000}}},
    {"and with nothing in between",
     {{SELECT "00", 0x9000}, {RIGHT_PIN, 0x9000}, {"00200080", 0x9000}, {SIGN_9C "00", 0x6982}}},
    {"a key that is not there, or of another kind",
     {{SELECT "00", 0x9000},
      {RIGHT_PIN, 0x9000},
      {"0087119D0A7C088200810401020304", 0x6a86},
      {"0087079A0A7C088200810401020304", 0x6a86}}},
    {"a request that is no request",
     {{SELECT "00", 0x9000},
      {RIGHT_PIN, 0x9000},
      {"0087119A047C028200", 0x6a80},
      {"0087119A067C0481020102", 0x6a80},
      {"0087119A0A7C098200810401020304", 0x6a80},
      {"0087119A027F00", 0x6a80}}},
    {"objects that are not there",
     {{SELECT "00", 0x9000},
      {"00CB3FFF055C035FC10A00", 0x6a82},
      {"00CB3FFF055C035FC10800", 0x6a82},
      {"00CB3FFF035C017E00", 0x9000},
      {"00CB3FFF055C035FC10200", 0x9000},
      {"00CB3FFF055C035FC10700", 0x9000},
      {"00CB3FFF0153", 0x6a80},
      {"00CB0000055C035FC10500", 0x6a86}}},
    {"lengths that do not add up",
     {{SELECT "00", 0x9000},
      {"00", 0x6700},
      {"0020008008313233", 0x6700},
      {"0020008002313200FF", 0x6700},
      {"80200080", 0x6e00},
      {"00FD000000", 0x6d00},
      {"00C0000000", 0x6d00}}},
    {"another command ends a chain",
     {{SELECT "00", 0x9000},
      {RIGHT_PIN, 0x9000},
      {"1087119A047C088200", 0x9000},
      {"00200080", 0x9000},
      {"0087119A06810401020304", 0x6a80}}},
};

static void run_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct piv *piv = new_card();

        for (size_t step = 0; step < SCRIPT_MAX && scripts[i].steps[step].command; step++) {
            const char *command = scripts[i].steps[step].command;
            unsigned expected = scripts[i].steps[step].status;
            unsigned status;

            if (strcmp(command, POWER_UP) == 0) {
                piv_reset(piv);
                continue;
            }
            status = send_for_status(piv, command);
            if (status != expected)
                fail_msg("%s, step %zu: %04x instead of %04x", scripts[i].name, step, status,
                         expected);
        }
        piv_free(piv);
    }
}

/* --- answers --------------------------------------------------------------------------------- */

/* A certificate that is longer than an answer comes in parts, and then there is nothing left. */
static void read_certificate_in_parts(void **state)
{
    uint8_t response[PIV_RESPONSE_MAX], object[2 * CERTIFICATE_SIZE];
    struct piv *piv = new_card();
    struct tlv outer, inner;
    const uint8_t *at = object;
    size_t total = 0, size;

    (void)state;
    assert_int_equal(send_for_status(piv, SELECT "00"), 0x9000);
    size = send(piv, READ_9A, response);
    while (true) {
        memcpy(object + total, response, size - 2);
        total += size - 2;
        if (status_of(response, size) == 0x9000)
            break;
        assert_int_equal(status_of(response, size) & 0xff00, 0x6100);
        assert_true(size - 2 <= 256);
        size = send(piv, "00C0000000", response);
    }
    assert_true(tlv_next(&at, &total, &outer));
    assert_int_equal(total, 0);
    assert_int_equal(outer.tag, 0x53);
    assert_true(tlv_next(&outer.value, &outer.size, &inner));
    assert_int_equal(inner.tag, 0x70);
    assert_int_equal(inner.size, CERTIFICATE_SIZE);
    assert_int_equal(send_for_status(piv, "00C0000000"), 0x6d00);
    piv_free(piv);
}

static void read_certificate_at_once(void **state)
{
    uint8_t response[PIV_RESPONSE_MAX];
    struct piv *piv = new_card();
    size_t size;

    (void)state;
    assert_int_equal(send_for_status(piv, SELECT "00"), 0x9000);
    size = send(piv, "00CB3FFF0000055C035FC1050000", response);
    assert_int_equal(status_of(response, size), 0x9000);
    assert_true(size > CERTIFICATE_SIZE);
    piv_free(piv);
}

/* The digest arrives in two commands; the signature is the key's. */
static void sign_with_chaining(void **state)
{
    uint8_t response[PIV_RESPONSE_MAX], digest[32];
    EVP_PKEY_CTX *verification = EVP_PKEY_CTX_new(authentication_pair, NULL);
    struct piv *piv = new_card();
    struct tlv outer, signature;
    const uint8_t *at = response;
    size_t size;

    (void)state;
    memset(digest, 0xab, sizeof digest);
    assert_int_equal(send_for_status(piv, SELECT "00"), 0x9000);
    assert_int_equal(send_for_status(piv, RIGHT_PIN), 0x9000);
    assert_int_equal(send_for_status(piv, "1087119A10"
                                          "7C2482008120"
                                          "ABABABABABABABABABAB"),
                     0x9000);
    size = send(piv,
                "0087119A16"
                "ABABABABABABABABABABABABABABABABABABABABABAB"
                "00",
                response);
    assert_int_equal(status_of(response, size), 0x9000);
    size -= 2;
    assert_true(tlv_next(&at, &size, &outer));
    assert_true(tlv_next(&outer.value, &outer.size, &signature));
    assert_int_equal(signature.tag, 0x82);
    assert_true(EVP_PKEY_verify_init(verification) > 0);
    assert_int_equal(
        EVP_PKEY_verify(verification, signature.value, signature.size, digest, sizeof digest), 1);
    EVP_PKEY_CTX_free(verification);
    piv_free(piv);
}

/* An endless chain is refused, and does no harm. */
static void refuse_endless_chain(void **state)
{
    uint8_t command[5 + 255] = {0x10, 0x87, 0x11, 0x9a, 255}, response[PIV_RESPONSE_MAX];
    struct piv *piv = new_card();
    unsigned status = 0x9000;

    (void)state;
    assert_int_equal(send_for_status(piv, SELECT "00"), 0x9000);
    for (int i = 0; i < 40 && status == 0x9000; i++)
        status = status_of(response, piv_exchange(piv, command, sizeof command, response));
    assert_int_equal(status, 0x6700);
    assert_int_equal(send_for_status(piv, RIGHT_PIN), 0x9000);
    piv_free(piv);
}

static void registration_desk(void **state)
{
    struct piv *piv = new_card();

    (void)state;
    assert_int_equal(send_for_status(piv, SELECT "00"), 0x9000);
    piv_set_tries(piv, 0);
    assert_int_equal(send_for_status(piv, RIGHT_PIN), 0x6983);
    assert_false(piv_set_pin(piv, "123"));
    assert_false(piv_set_pin(piv, "123456789"));
    assert_true(piv_set_pin(piv, "1234"));
    assert_int_equal(piv_tries(piv), PIV_TRIES_MAX);
    assert_int_equal(send_for_status(piv, VERIFY "31323334FFFFFFFF"), 0x9000);
    piv_free(piv);
}

static void fill_pin_of_pad(void **state)
{
    uint8_t command[13], expected[13];

    (void)state;
    from_hex(VERIFY "FFFFFFFFFFFFFFFF", command, sizeof command);
    from_hex(RIGHT_PIN, expected, sizeof expected);
    assert_true(piv_fill_pin(command, sizeof command, PIN));
    assert_memory_equal(command, expected, sizeof command);
    assert_false(piv_fill_pin(command, sizeof command - 1, PIN));
    assert_false(piv_fill_pin(command, sizeof command, "1"));
}

static void classify_commands(void **state)
{
    static const struct {
        const char *command;
        enum piv_command kind;
    } rows[] = {
        {SELECT, PIV_SELECT},
        {READ_9A, PIV_READ},
        {"00C0000000", PIV_READ},
        {RIGHT_PIN, PIV_VERIFY},
        {"00200080", PIV_VERIFY_QUERY},
        {SIGN_9A, PIV_SIGN},
        {"1087119A047C088200", PIV_OTHER},
        {"00", PIV_OTHER},
    };
    uint8_t command[64];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = from_hex(rows[i].command, command, sizeof command);

        assert_int_equal(piv_classify(command, size), rows[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_scripts),
        cmocka_unit_test(read_certificate_in_parts),
        cmocka_unit_test(read_certificate_at_once),
        cmocka_unit_test(sign_with_chaining),
        cmocka_unit_test(refuse_endless_chain),
        cmocka_unit_test(registration_desk),
        cmocka_unit_test(fill_pin_of_pad),
        cmocka_unit_test(classify_commands),
    };

    return cmocka_run_group_tests_name("virtual card", tests, make_keys, free_keys);
}
