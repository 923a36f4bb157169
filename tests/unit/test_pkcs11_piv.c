/* SPDX-License-Identifier: MIT */
/*
 * lanyard-card with OpenSC, a private pcscd and virtual PIV cards: everything of the real path but
 * the plastic. Skipped where OpenSC is not installed.
 *
 * CKA_ID 1 is the authentication key (9A), 2 the signature key (9C), which wants its PIN for each
 * use. Alice has RSA-2048, Bob P-256, Carol P-384.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "test_pkcs11_rig.h"
#include "test_pkcs11_sandbox.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <winscard.h>

#include <cmocka.h>

enum { AUTHENTICATION = 1, SIGNATURE = 2 };

static const char reader[] = "Lanyard Virtual Reader 1";
static const char pad[] = "Lanyard Virtual PIN Pad 1";
static const char right_pin[] = "123456", wrong_pin[] = "654321";

static struct sandbox sandbox;
static const char *module;
static struct helper helper;
static struct card_reply list;

static int set_up(void **state)
{
    (void)state;
    static const char *const paths[] = {"/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so",
                                        "/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so",
                                        "/usr/lib64/opensc-pkcs11.so", "/usr/lib/opensc-pkcs11.so"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths && !module; i++)
        if (access(paths[i], R_OK) == 0)
            module = paths[i];
    if (module)
        sandbox_start(&sandbox, (const char *const[]){"reader-1", "pinpad-1", NULL});
    else
        print_message("OpenSC's PKCS#11 module is not installed\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (module)
        sandbox_stop(&sandbox);
    return 0;
}

static int start(void **state)
{
    (void)state;
    if (module)
        helper_start(&helper, module);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (!module)
        return 0;
    helper_stop(&helper);
    card_reply_deinit(&list);
    static const char *const readers[] = {"reader-1", "pinpad-1"};
    const char *all = sandbox_do(&sandbox, "list");
    char in[256];
    snprintf(in, sizeof in, "%s", all);
    for (size_t i = 0; i < 2; i++) {
        char empty[32];
        snprintf(empty, sizeof empty, "%s=empty", readers[i]);
        sandbox_do(&sandbox, "clear %s", readers[i]);
        if (!strstr(in, empty))
            sandbox_do(&sandbox, "remove %s", readers[i]);
    }
    static const char *const people[] = {"alice", "bob", "carol"};
    for (size_t i = 0; i < 3; i++)
        sandbox_do(&sandbox, "unblock %s", people[i]);
    return 0;
}

/* The token in the reader of that name, by a fresh list; NULL when there is none. Where the module
 * has missed an exchange, another helper is asked, as the agent does. */
static const struct card_token *look(const char *name)
{
    card_reply_deinit(&list);
    assert_int_equal(helper_list(&helper, &list), 0);
    while (list.result == OUTCOME_CARD_CHANGED) {
        card_reply_deinit(&list);
        helper_stop(&helper);
        helper_start(&helper, module);
        assert_int_equal(helper_list(&helper, &list), 0);
    }
    assert_int_equal(list.result, OUTCOME_OK);
    return find_token(&list, name);
}

/* Puts a card in and looks until the module sees it: pcscd needs a moment. */
static const struct card_token *insert(const char *where, const char *card, const char *name)
{
    if (!module)
        skip();
    sandbox_do(&sandbox, "insert %s %s", where, card);
    const struct card_token *token;
    while (!(token = look(name)) || token->certificate_count == 0)
        usleep(10000);
    return token;
}

static void take_out(const char *where, const char *name)
{
    sandbox_do(&sandbox, "remove %s", where);
    while (look(name))
        usleep(10000);
}

static struct wish wish_for(const struct card_token *token, uint8_t id, unsigned algorithm,
                            const char *pin)
{
    return (struct wish){token, find_id(token, id), algorithm, pin};
}

static void expect_signature(const struct wish *wish)
{
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    assert_int_equal(helper_sign(&helper, wish, &reply), 0);
    if (!signature_valid(wish, &reply))
        fail_msg("%s: %s", card_algorithm_name(wish->algorithm), outcome_reason((int)reply.result));
    assert_int_equal(reply.tries_left, 3);
}

static void expect_refusal(const struct wish *wish, int outcome, uint8_t tries)
{
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    assert_int_equal(helper_sign(&helper, wish, &reply), 0);
    assert_string_equal(outcome_reason((int)reply.result), outcome_reason(outcome));
    assert_int_equal(reply.tries_left, tries);
    assert_int_equal(!!(reply.flags & CARD_PIN_LOCKED), tries == 0);
    assert_int_equal(!!(reply.flags & CARD_PIN_FINAL_TRY), tries == 1);
}

static unsigned count_of(const char *what)
{
    const char *answer = sandbox_do(&sandbox, "apdus reader-1");
    const char *at = strstr(answer, what);
    assert_non_null(at);
    return (unsigned)strtoul(at + strlen(what), NULL, 10);
}

/* ---- what the card can do ---- */

static void every_key_signs(void **state)
{
    (void)state;
    static const struct {
        const char *card;
        unsigned algorithms;
    } cards[] = {{"alice", CARD_RS256 | CARD_PS256}, {"bob", CARD_ES256}, {"carol", CARD_ES384}};
    for (size_t i = 0; i < 3; i++) {
        const struct card_token *token = insert("reader-1", cards[i].card, reader);
        assert_int_equal(token->tries_left, 3);
        for (uint8_t id = AUTHENTICATION; id <= SIGNATURE; id++) {
            assert_int_equal(find_id(token, id)->algorithms, cards[i].algorithms);
            for (unsigned algorithm = 1; algorithm <= CARD_ALGORITHMS; algorithm <<= 1)
                if (cards[i].algorithms & algorithm) {
                    struct wish wish = wish_for(token, id, algorithm, right_pin);
                    expect_signature(&wish);
                }
        }
        take_out("reader-1", reader);
    }
}

static void pin_is_sent_once_or_twice_for_a_key_that_asks(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "bob", reader);
    struct wish once = wish_for(token, AUTHENTICATION, CARD_ES256, right_pin);
    struct wish twice = wish_for(token, SIGNATURE, CARD_ES256, right_pin);
    unsigned before = count_of("verify=");
    expect_signature(&once);
    assert_int_equal(count_of("verify="), before + 1);
    expect_signature(&twice);
    assert_int_equal(count_of("verify="), before + 3);
    twice.pin = wrong_pin;
    expect_refusal(&twice, OUTCOME_PIN_WRONG, 2);
    assert_int_equal(count_of("verify="), before + 4);
}

static void tries_go_down_to_blocked(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "bob", reader);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, wrong_pin);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 1);
    wish.pin = right_pin;
    expect_signature(&wish);
    wish.pin = wrong_pin;
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 1);
    expect_refusal(&wish, OUTCOME_PIN_BLOCKED, 0);
    unsigned before = count_of("verify=");
    wish.pin = right_pin;
    expect_refusal(&wish, OUTCOME_PIN_BLOCKED, 0);
    assert_int_equal(count_of("verify="), before);
    token = look(reader);
    assert_int_equal(token->tries_left, 0);
    assert_true(token->flags & CARD_PIN_LOCKED);
}

static void pin_pad_is_used_and_may_be_left(void **state)
{
    (void)state;
    const struct card_token *token = insert("pinpad-1", "bob", pad);
    assert_true(token->flags & CARD_PIN_PAD);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, NULL);
    sandbox_do(&sandbox, "pinpad pinpad-1 %s", right_pin);
    expect_signature(&wish);
    sandbox_do(&sandbox, "pinpad pinpad-1 %s", wrong_pin);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    sandbox_do(&sandbox, "pinpad pinpad-1 cancel");
    expect_refusal(&wish, OUTCOME_CANCELLED, 2);
    sandbox_do(&sandbox, "pinpad pinpad-1 %s", right_pin);
    expect_signature(&wish);
}

struct other_program {
    SCARDCONTEXT context;
    SCARDHANDLE card;
};

/* Connects this test's own process to the card in reader-1. */
static bool other_connects(struct other_program *other, DWORD share)
{
    char names[512];
    DWORD size = sizeof names, protocol;
    assert_int_equal(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &other->context), 0);
    assert_int_equal(SCardListReaders(other->context, NULL, names, &size), 0);
    const char *name = names;
    while (strncmp(name, reader, strlen(reader)) != 0)
        name += strlen(name) + 1;
    if (SCardConnect(other->context, name, share, SCARD_PROTOCOL_T1, &other->card, &protocol) == 0)
        return true;
    SCardReleaseContext(other->context);
    return false;
}

static void other_leaves(struct other_program *other)
{
    SCardDisconnect(other->card, SCARD_LEAVE_CARD);
    SCardReleaseContext(other->context);
}

/* Waits until pcscd has seen that there is a card in reader-1, or that there is none. */
static void other_sees(bool card)
{
    struct other_program other;
    for (;;) {
        bool there = other_connects(&other, SCARD_SHARE_SHARED);
        if (there)
            other_leaves(&other);
        if (there == card)
            return;
        usleep(10000);
    }
}

/* ---- cards that come and go ---- */

static void card_pulled_while_it_works_is_removed(void **state)
{
    (void)state;
    static const char *const moments[] = {"verify", "sign"};
    for (size_t i = 0; i < 2; i++) {
        const struct card_token *token = insert("reader-1", "alice", reader);
        struct wish wish = wish_for(token, AUTHENTICATION, CARD_RS256, right_pin);
        sandbox_do(&sandbox, "fault reader-1 remove-at %s", moments[i]);
        assert_int_equal(helper_sign_result(&helper, &wish), OUTCOME_CARD_REMOVED);
        assert_int_equal(helper_sign_result(&helper, &wish), OUTCOME_CARD_REMOVED);
        assert_null(look(reader));
    }
}

static void swapped_card_is_not_signed_with(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "alice", reader);
    struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, right_pin);
    unsigned before = count_of("verify=");
    sandbox_do(&sandbox, "swap reader-1 bob");
    int r = helper_sign_result(&helper, &alice);
    assert_true(r == OUTCOME_CARD_CHANGED || r == OUTCOME_CARD_REMOVED);
    /* Bob's card never got Alice's PIN. */
    assert_int_equal(count_of("verify="), before);
    do
        token = look(reader);
    while (!token || !find_id(token, AUTHENTICATION) ||
           find_id(token, AUTHENTICATION)->algorithms != CARD_ES256);
    struct wish bob = wish_for(token, AUTHENTICATION, CARD_ES256, right_pin);
    expect_signature(&bob);
}

/* Signs with Alice's card while Bob's takes its place, and looks that his was left alone: her PIN
 * would be a wrong one there, and each VERIFY is counted. */
static void expect_exchange_noticed(const struct wish *alice, unsigned verifies)
{
    int r = helper_sign_result(&helper, alice);
    if (r != OUTCOME_CARD_CHANGED && r != OUTCOME_CARD_REMOVED)
        fail_msg("%s", outcome_reason(r));
    assert_int_equal(count_of("verify="), verifies);
    assert_string_equal(sandbox_do(&sandbox, "tries bob"), "3");
}

static void card_swapped_while_it_works_signs_nothing(void **state)
{
    (void)state;
    static const char *const moments[] = {"verify", "sign"};
    for (size_t i = 0; i < 2; i++) {
        const struct card_token *token = insert("reader-1", "alice", reader);
        struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, right_pin);
        sandbox_do(&sandbox, "pin bob 777777");
        sandbox_do(&sandbox, "fault reader-1 swap-at %s bob", moments[i]);
        unsigned before = count_of("verify=");
        expect_exchange_noticed(&alice, before + 1);
        expect_exchange_noticed(&alice, before + 1);
        sandbox_do(&sandbox, "pin bob %s", right_pin);
        take_out("reader-1", reader);
    }
}

/* A card that was in when pcscd started has the count 0, from which pcsc-lite reports no change. */
static void swap_is_noticed_in_a_reader_where_nothing_had_happened(void **state)
{
    (void)state;
    insert("reader-1", "alice", reader);
    helper_stop(&helper);
    sandbox_kill_pcscd(&sandbox);
    sandbox_start_pcscd(&sandbox);
    helper_start(&helper, module);
    const struct card_token *token;
    while (!(token = look(reader)) || token->certificate_count == 0)
        usleep(10000);
    struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, right_pin);
    sandbox_do(&sandbox, "pin bob 777777");
    unsigned before = count_of("verify=");
    sandbox_do(&sandbox, "swap reader-1 bob");
    for (int i = 0; i < 3; i++)
        expect_exchange_noticed(&alice, before);
    sandbox_do(&sandbox, "pin bob %s", right_pin);
}

/* So the agent knows which insertion it hears of, whatever it has heard from pcscd itself. */
static void card_is_told_with_the_count_of_its_insertion(void **state)
{
    (void)state;
    uint32_t first = insert("reader-1", "alice", reader)->events;
    assert_in_range(first, 0, CARD_EVENTS_MAX);
    assert_int_equal(look(reader)->events, first);
    take_out("reader-1", reader);
    assert_int_equal(insert("reader-1", "alice", reader)->events, first + 2);
}

/* OpenSC would go on with the connection to the first insertion until a login fails on it. */
static void card_that_was_out_unseen_is_another(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "alice", reader);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_RS256, right_pin);
    sandbox_do(&sandbox, "remove reader-1");
    other_sees(false);
    sandbox_do(&sandbox, "insert reader-1 alice");
    other_sees(true);
    unsigned before = count_of("verify=");
    for (int i = 0; i < 2; i++) {
        CLEANUP(card_reply_deinit) struct card_reply reply = {0};
        assert_int_equal(helper_list(&helper, &reply), 0);
        assert_int_equal(reply.result, OUTCOME_CARD_CHANGED);
        assert_int_equal(reply.token_count, 0);
        assert_int_equal(helper_sign_result(&helper, &wish), OUTCOME_CARD_CHANGED);
    }
    assert_int_equal(count_of("verify="), before);
    token = look(reader);
    assert_non_null(token);
    wish = wish_for(token, AUTHENTICATION, CARD_RS256, right_pin);
    expect_signature(&wish);
}

/* On a busy computer the module is asked so late that the next card is in by then. Where nothing
 * had happened in the reader before, pcsc-lite reports no change, and OpenSC goes on with the card
 * that has left: neither its name nor its connection is the one for who has come. */
static void card_that_comes_while_the_module_is_asked_is_not_the_one_before(void **state)
{
    (void)state;
    if (!module)
        skip();
    char folder[256], gate[300];
    make_folder(folder, sizeof folder);
    snprintf(gate, sizeof gate, "%s/gate", folder);
    setenv("FAKE_PKCS11", module, 1);
    setenv("FAKE_PKCS11_GATE", gate, 1);
    insert("reader-1", "bob", reader);
    helper_stop(&helper);
    sandbox_kill_pcscd(&sandbox);
    sandbox_start_pcscd(&sandbox);
    other_sees(true);
    helper_start(&helper, LANYARD_BUILD "/tests/fake/pkcs11/fake-gate.so");
    assert_non_null(look(reader));
    sandbox_do(&sandbox, "remove reader-1");
    other_sees(false);

    assert_int_equal(mkfifo(gate, 0600), 0);
    struct card_request request = {.type = CARD_REQUEST_LIST};
    helper_send(&helper, &request);
    int fd = open(gate, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    remove_folder(folder);
    sandbox_do(&sandbox, "insert reader-1 alice");
    other_sees(true);
    close(fd);
    CLEANUP(card_reply_deinit) struct card_reply late = {0};
    assert_int_equal(helper_receive(&helper, CARD_REQUEST_LIST, &late), 0);
    const struct card_token *token = find_token(&late, reader);
    assert_true(!token || find_id(token, AUTHENTICATION)->algorithms != CARD_ES256);
    token = look(reader);
    assert_non_null(token);
    struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, right_pin);
    expect_signature(&alice);
}

static void card_with_nonsense_is_unreadable(void **state)
{
    (void)state;
    if (!module)
        skip();
    sandbox_do(&sandbox, "fault reader-1 status 6f00");
    sandbox_do(&sandbox, "insert reader-1 alice");
    const struct card_token *token;
    while (!(token = look(reader)))
        usleep(10000);
    assert_true(token->flags & CARD_UNREADABLE);
    assert_int_equal(token->certificate_count, 0);
    sandbox_do(&sandbox, "clear reader-1");
    take_out("reader-1", reader);
    token = insert("reader-1", "alice", reader);
    assert_false(token->flags & CARD_UNREADABLE);
}

static void pcscd_may_be_restarted(void **state)
{
    (void)state;
    insert("reader-1", "bob", reader);
    sandbox_kill_pcscd(&sandbox);
    look(reader);
    sandbox_start_pcscd(&sandbox);
    const struct card_token *token;
    while (!(token = look(reader)) || token->certificate_count == 0)
        usleep(10000);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, right_pin);
    expect_signature(&wish);
}

/* ---- another program at the card ---- */

/* Has the card for itself: as soon as pcscd has seen it, and that a helper has ended. */
static void other_holds(struct other_program *other)
{
    while (!other_connects(other, SCARD_SHARE_EXCLUSIVE))
        usleep(10000);
}

static void card_that_another_program_holds_is_reported_so(void **state)
{
    (void)state;
    if (!module)
        skip();
    struct other_program other;
    /* An answer first: OpenSC connects to what is in when it is initialised, and keeps it. */
    assert_null(look(reader));
    sandbox_do(&sandbox, "insert reader-1 alice");
    other_holds(&other);
    const struct card_token *token;
    while (!(token = look(reader)))
        usleep(10000);
    assert_int_equal(token->flags & (CARD_HELD | CARD_UNREADABLE), CARD_HELD | CARD_UNREADABLE);
    assert_int_equal(token->certificate_count, 0);
    other_leaves(&other);
    token = look(reader);
    assert_non_null(token);
    assert_false(token->flags & (CARD_HELD | CARD_UNREADABLE));
    assert_int_not_equal(token->certificate_count, 0);
}

static void card_that_another_program_holds_is_busy(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "alice", reader);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_RS256, right_pin);
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

/* ---- nothing is left behind ---- */

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
    const struct card_token *token = insert("reader-1", "alice", reader);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_RS256, right_pin);
    expect_signature(&wish);
    assert_int_equal(status_of_pin(), 0x63c3);
    struct wish each = wish_for(token, SIGNATURE, CARD_RS256, right_pin);
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
        const struct card_token *token = insert("reader-1", "bob", reader);
        struct wish wishes[] = {wish_for(token, AUTHENTICATION, CARD_ES256, right_pin),
                                wish_for(token, SIGNATURE, CARD_ES256, right_pin)};
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
        take_out("reader-1", reader);
    }
}

/* ---- another PIN ---- */

static void expect_pin(uint8_t type, const struct wish *wish, const char *new_pin, int outcome,
                       uint8_t puk_tries)
{
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    assert_int_equal(helper_pin(&helper, type, wish, new_pin, &reply), 0);
    assert_string_equal(outcome_reason((int)reply.result), outcome_reason(outcome));
    assert_int_equal(reply.puk_tries_left, puk_tries);
}

static void pin_is_changed_by_who_knows_it(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "bob", reader);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, wrong_pin);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, "777777", OUTCOME_PIN_WRONG, CARD_TRIES_UNKNOWN);
    assert_string_equal(sandbox_do(&sandbox, "tries bob"), "2");
    unsigned before = count_of("verify=");
    wish.pin = right_pin;
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, "123", OUTCOME_PIN_REFUSED, CARD_TRIES_UNKNOWN);
    assert_int_equal(count_of("verify="), before);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, "777777", OUTCOME_OK, CARD_TRIES_UNKNOWN);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    wish.pin = "777777";
    expect_signature(&wish);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, right_pin, OUTCOME_OK, CARD_TRIES_UNKNOWN);
}

/* The virtual card cannot have its PUK unblocked, so Carol's keeps the tries that are left. */
static void puk_opens_a_blocked_card(void **state)
{
    (void)state;
    static const char puk[] = "12345678", wrong_puk[] = "11112222";
    const struct card_token *token = insert("reader-1", "bob", reader);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, wrong_pin);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 2);
    expect_refusal(&wish, OUTCOME_PIN_WRONG, 1);
    expect_refusal(&wish, OUTCOME_PIN_BLOCKED, 0);
    wish.pin = right_pin;
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, "777777", OUTCOME_PIN_BLOCKED, CARD_TRIES_UNKNOWN);
    wish.pin = wrong_puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_WRONG, 2);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_WRONG, 1);
    wish.pin = puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777", OUTCOME_PIN_REFUSED, CARD_TRIES_UNKNOWN);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, right_pin, OUTCOME_OK, CARD_TRIES_UNKNOWN);
    wish.pin = right_pin;
    expect_signature(&wish);
    take_out("reader-1", reader);

    token = insert("reader-1", "carol", reader);
    wish = wish_for(token, AUTHENTICATION, CARD_ES384, wrong_puk);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_WRONG, 2);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_WRONG, 1);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_BLOCKED, 0);
    wish.pin = puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, "777777", OUTCOME_PUK_BLOCKED, 0);
    wish.pin = right_pin;
    expect_signature(&wish);
}

static void pin_of_a_swapped_card_is_left_alone(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "alice", reader);
    struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, wrong_pin);
    sandbox_do(&sandbox, "swap reader-1 bob");
    for (uint8_t type = CARD_REQUEST_PIN_CHANGE; type <= CARD_REQUEST_PIN_UNBLOCK; type++) {
        CLEANUP(card_reply_deinit) struct card_reply reply = {0};
        assert_int_equal(helper_pin(&helper, type, &alice, "777777", &reply), 0);
        int r = (int)reply.result;
        assert_true(r == OUTCOME_CARD_CHANGED || r == OUTCOME_CARD_REMOVED);
    }
    assert_string_equal(sandbox_do(&sandbox, "tries bob"), "3");
}

/* The virtual pad takes a PIN, but not a new one. */
static void pad_that_takes_no_new_pin_says_so(void **state)
{
    (void)state;
    const struct card_token *token = insert("pinpad-1", "bob", pad);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, NULL);
    sandbox_do(&sandbox, "pinpad pinpad-1 %s", right_pin);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, NULL, OUTCOME_CARD_UNABLE, CARD_TRIES_UNKNOWN);
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, NULL, OUTCOME_CARD_UNABLE, CARD_TRIES_UNKNOWN);
    token = look(pad);
    assert_int_equal(token->tries_left, 3);
}

static void new_pin_and_puk_are_gone_from_memory(void **state)
{
    (void)state;
    static const char puk[] = "12345678", canary[] = "71830465", wrong_puk[] = "60391847";
    const struct card_token *token = insert("reader-1", "bob", reader);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, right_pin);
    expect_pin(CARD_REQUEST_PIN_CHANGE, &wish, canary, OUTCOME_OK, CARD_TRIES_UNKNOWN);
    wish.pin = wrong_puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, canary, OUTCOME_PUK_WRONG, 2);
    wish.pin = puk;
    expect_pin(CARD_REQUEST_PIN_UNBLOCK, &wish, canary, OUTCOME_OK, CARD_TRIES_UNKNOWN);
    int left[] = {helper_memory_count(&helper, canary), helper_memory_count(&helper, wrong_puk),
                  helper_memory_count(&helper, puk)};
    sandbox_do(&sandbox, "pin bob %s", right_pin);
    if (left[0] < 0) {
        print_message("the helper's memory cannot be looked through here\n");
        skip();
    }
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(left[i], 0);
}

static void pin_is_gone_from_memory(void **state)
{
    (void)state;
    static const char canary[] = "71830465";
    const struct card_token *token = insert("reader-1", "carol", reader);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES384, canary);
    assert_int_equal(helper_sign_result(&helper, &wish), OUTCOME_PIN_WRONG);
    int after_wrong = helper_memory_count(&helper, canary);
    sandbox_do(&sandbox, "pin carol %s", canary);
    int r = helper_sign_result(&helper, &wish);
    int after_right = helper_memory_count(&helper, canary);
    sandbox_do(&sandbox, "pin carol %s", right_pin);
    assert_int_equal(r, OUTCOME_OK);
    if (after_wrong < 0) {
        print_message("the helper's memory cannot be looked through here\n");
        skip();
    }
    assert_int_equal(after_wrong, 0);
    assert_int_equal(after_right, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_key_signs),
        TEST(pin_is_sent_once_or_twice_for_a_key_that_asks),
        TEST(tries_go_down_to_blocked),
        TEST(pin_pad_is_used_and_may_be_left),
        TEST(card_pulled_while_it_works_is_removed),
        TEST(swapped_card_is_not_signed_with),
        TEST(card_swapped_while_it_works_signs_nothing),
        TEST(swap_is_noticed_in_a_reader_where_nothing_had_happened),
        TEST(card_is_told_with_the_count_of_its_insertion),
        TEST(card_that_was_out_unseen_is_another),
        TEST(card_that_comes_while_the_module_is_asked_is_not_the_one_before),
        TEST(card_with_nonsense_is_unreadable),
        TEST(pcscd_may_be_restarted),
        TEST(card_that_another_program_holds_is_reported_so),
        TEST(card_that_another_program_holds_is_busy),
        TEST(card_is_logged_out_for_everybody),
        TEST(nobody_else_signs_meanwhile),
        TEST(pin_is_changed_by_who_knows_it),
        TEST(puk_opens_a_blocked_card),
        TEST(pin_of_a_swapped_card_is_left_alone),
        TEST(pad_that_takes_no_new_pin_says_so),
        TEST(new_pin_and_puk_are_gone_from_memory),
        TEST(pin_is_gone_from_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
