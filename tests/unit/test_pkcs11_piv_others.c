/* SPDX-License-Identifier: MIT */
/* Other programs at the same PIV card, which get nothing of what the PIN opens. */
#include "test_pkcs11_piv_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* Has the card for itself: as soon as pcscd has seen it, and that a helper has ended. */
static void other_holds(struct other_program *other)
{
    while (!other_connects(other, SCARD_SHARE_EXCLUSIVE))
        usleep(10000);
}

static void card_that_another_program_holds_is_reported_so(void **state)
{
    (void)state;
    skip_without_opensc();
    struct other_program other;
    /* An answer first: OpenSC connects to what is in when it is initialised, and keeps it. */
    assert_null(look(READER_1));
    sandbox_do(&sandbox, "insert reader-1 alice");
    other_holds(&other);
    const struct card_token *token = see_any(READER_1);
    assert_int_equal(token->flags & (CARD_HELD | CARD_UNREADABLE), CARD_HELD | CARD_UNREADABLE);
    assert_int_equal(token->certificate_count, 0);
    other_leaves(&other);
    token = look(READER_1);
    assert_non_null(token);
    assert_false(token->flags & (CARD_HELD | CARD_UNREADABLE));
    assert_int_not_equal(token->certificate_count, 0);
}

static void card_that_another_program_holds_is_busy(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "alice", READER_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_RS256, RIGHT_PIN);
    unsigned before = count_of("verify=");
    struct other_program other;
    /* The helper's own connection would keep the other from it. */
    helper_stop(&helper);
    other_holds(&other);
    helper_start(&helper, module);
    assert_int_equal(helper_sign_result(&helper, &wish), OUTCOME_CARD_BUSY);
    assert_int_equal(count_of("verify="), before);
    other_leaves(&other);
    expect_signature(&wish);
}

/* VERIFY without data, over a connection of the test's own: 9000 would mean "verified". */
static unsigned status_of_pin(void)
{
    static const BYTE verify[] = {0x00, 0x20, 0x00, 0x80};
    static const BYTE select_piv[] = {0x00, 0xa4, 0x04, 0x00, 0x09, 0xa0, 0x00,
                                      0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00};
    BYTE response[16];
    DWORD len = sizeof response;
    struct other_program other;
    assert_true(other_connects(&other, SCARD_SHARE_SHARED));
    assert_int_equal(SCardTransmit(other.card, SCARD_PCI_T1, select_piv, sizeof select_piv, NULL,
                                   (BYTE[258]){0}, &(DWORD){258}),
                     0);
    assert_int_equal(
        SCardTransmit(other.card, SCARD_PCI_T1, verify, sizeof verify, NULL, response, &len), 0);
    other_leaves(&other);
    assert_int_equal(len, 2);
    return (unsigned)response[0] << 8 | response[1];
}

static void card_is_logged_out_for_everybody(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "alice", READER_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_RS256, RIGHT_PIN);
    expect_signature(&wish);
    assert_int_equal(status_of_pin(), 0x63c3);
    struct wish each = wish_for(token, SIGNATURE, CARD_RS256, RIGHT_PIN);
    expect_signature(&each);
    assert_int_equal(status_of_pin(), 0x63c3);
}

/*
 * Other programs that sign with the card while somebody else's PIN is verified, for they need none
 * then. They are connected all the time, and in each round every one tries until the card has
 * answered it. What was sent before the PIN's transaction began is not what is tried here: pcscd
 * may let that in late (pkcs11/hold.h).
 */
struct thieves {
    bool patient; /* ask for a transaction of their own first; pcsc-lite has both kinds wait */
    atomic_bool stop;
    atomic_uint connected, round, answered, stolen;
};

enum { THIEVES = 8 }; /* for pcsc-lite has each look for the card's release ten times a second */

/* True if the card has answered. */
static bool try_to_sign(struct thieves *thieves, SCARDHANDLE card)
{
    /* GENERAL AUTHENTICATE, P-256, key 9A: a digest of zeros. */
    static const BYTE sign[5 + 38 + 1] = {0x00, 0x87, 0x11, 0x9a, 38, 0x7c,
                                          36,   0x82, 0x00, 0x81, 32};
    BYTE response[258];
    DWORD len = sizeof response, protocol;
    LONG rv = thieves->patient ? SCardBeginTransaction(card) : SCARD_S_SUCCESS;
    bool begun = thieves->patient && rv == SCARD_S_SUCCESS;
    if (rv == SCARD_S_SUCCESS)
        rv = SCardTransmit(card, SCARD_PCI_T1, sign, sizeof sign, NULL, response, &len);
    if (begun)
        SCardEndTransaction(card, SCARD_LEAVE_CARD);
    if (rv == SCARD_W_RESET_CARD)
        SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &protocol);
    if (rv != SCARD_S_SUCCESS)
        return false;
    if (len > 2 && response[len - 2] == 0x90)
        thieves->stolen++;
    return true;
}

static void *steal(void *context)
{
    struct thieves *thieves = context;
    struct other_program other;
    while (!other_connects(&other, SCARD_SHARE_SHARED))
        usleep(1000);
    thieves->connected++;
    unsigned tried = 0;
    while (!thieves->stop) {
        if (tried < thieves->round && try_to_sign(thieves, other.card)) {
            tried++;
            thieves->answered++;
        } else if (tried == thieves->round) {
            usleep(1000);
        }
    }
    other_leaves(&other);
    return NULL;
}

/* On a thread of its own, where nothing is asserted. */
struct signing {
    const struct wish *wish;
    int sent;
    struct card_reply reply;
};

static void *sign(void *context)
{
    struct signing *signing = context;
    signing->sent = helper_sign(&helper, signing->wish, &signing->reply);
    return NULL;
}

/* One signature, with the thieves at it from the moment the PIN is in the card. */
static void sign_among(struct thieves *thieves, const struct wish *wish)
{
    unsigned before = count_of("verify=");
    struct signing signing = {.wish = wish};
    pthread_t signer;
    assert_int_equal(pthread_create(&signer, NULL, sign, &signing), 0);
    while (count_of("verify=") == before)
        usleep(1000);
    thieves->round++;
    pthread_join(signer, NULL);
    while (thieves->answered < thieves->round * THIEVES)
        usleep(1000);
    assert_int_equal(signing.sent, 0);
    assert_true(signature_valid(wish, &signing.reply));
    card_reply_deinit(&signing.reply);
}

static void nobody_else_signs_meanwhile(void **state)
{
    (void)state;
    for (int patient = 0; patient <= 1; patient++) {
        const struct card_token *token = insert("reader-1", "bob", READER_1);
        struct wish wishes[] = {wish_for(token, AUTHENTICATION, CARD_ES256, RIGHT_PIN),
                                wish_for(token, SIGNATURE, CARD_ES256, RIGHT_PIN)};
        struct thieves thieves = {.patient = patient};
        pthread_t threads[THIEVES];
        for (size_t i = 0; i < THIEVES; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, steal, &thieves), 0);
        while (thieves.connected < THIEVES)
            usleep(1000);
        sandbox_do(&sandbox, "delay reader-1 30"); /* so that there is a while to try in */
        for (int i = 0; i < 4; i++)
            sign_among(&thieves, &wishes[i % 2]);
        sandbox_do(&sandbox, "delay reader-1 0");
        thieves.stop = true;
        for (size_t i = 0; i < THIEVES; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(thieves.stolen, 0);
        take_out("reader-1", READER_1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(card_that_another_program_holds_is_reported_so),
        TEST(card_that_another_program_holds_is_busy),
        TEST(card_is_logged_out_for_everybody),
        TEST(nobody_else_signs_meanwhile),
    };
    return cmocka_run_group_tests(tests, piv_set_up, piv_tear_down);
}
