/* SPDX-License-Identifier: MIT */
/* PIV cards that come, go and are exchanged, and a pcscd that does. */
#include "test_pkcs11_piv_rig.h"

#include "ipc/base/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void card_pulled_while_it_works_is_removed(void **state)
{
    (void)state;
    static const char *const moments[] = {"verify", "sign"};
    for (size_t i = 0; i < 2; i++) {
        const struct card_token *token = insert("reader-1", "alice", READER_1);
        struct wish wish = wish_for(token, AUTHENTICATION, CARD_RS256, RIGHT_PIN);
        sandbox_do(&sandbox, "fault reader-1 remove-at %s", moments[i]);
        assert_int_equal(helper_sign_result(&helper, &wish), OUTCOME_CARD_REMOVED);
        assert_int_equal(helper_sign_result(&helper, &wish), OUTCOME_CARD_REMOVED);
        assert_null(look(READER_1));
    }
}

static void swapped_card_is_not_signed_with(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "alice", READER_1);
    struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, RIGHT_PIN);
    unsigned before = count_of("verify=");
    sandbox_do(&sandbox, "swap reader-1 bob");
    expect_not_that_card(helper_sign_result(&helper, &alice));
    /* Bob's card never got Alice's PIN. */
    assert_int_equal(count_of("verify="), before);
    do
        token = look(READER_1);
    while (!token || !find_id(token, AUTHENTICATION) ||
           find_id(token, AUTHENTICATION)->algorithms != CARD_ES256);
    struct wish bob = wish_for(token, AUTHENTICATION, CARD_ES256, RIGHT_PIN);
    expect_signature(&bob);
}

/* Signs with Alice's card while Bob's takes its place, and looks that his was left alone: her PIN
 * would be a wrong one there, and each VERIFY is counted. */
static void expect_exchange_noticed(const struct wish *alice, unsigned verifies)
{
    expect_not_that_card(helper_sign_result(&helper, alice));
    assert_int_equal(count_of("verify="), verifies);
    assert_string_equal(sandbox_do(&sandbox, "tries bob"), "3");
}

static void card_swapped_while_it_works_signs_nothing(void **state)
{
    (void)state;
    static const char *const moments[] = {"verify", "sign"};
    for (size_t i = 0; i < 2; i++) {
        const struct card_token *token = insert("reader-1", "alice", READER_1);
        struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, RIGHT_PIN);
        sandbox_do(&sandbox, "pin bob 777777");
        sandbox_do(&sandbox, "fault reader-1 swap-at %s bob", moments[i]);
        unsigned before = count_of("verify=");
        expect_exchange_noticed(&alice, before + 1);
        expect_exchange_noticed(&alice, before + 1);
        sandbox_do(&sandbox, "pin bob %s", RIGHT_PIN);
        take_out("reader-1", READER_1);
    }
}

/* A card that was in when pcscd started has the count 0, from which pcsc-lite reports no change. */
static void swap_is_noticed_in_a_reader_where_nothing_had_happened(void **state)
{
    (void)state;
    insert("reader-1", "alice", READER_1);
    helper_stop(&helper);
    restart_pcscd();
    helper_start(&helper, module);
    const struct card_token *token = see(READER_1);
    struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, RIGHT_PIN);
    sandbox_do(&sandbox, "pin bob 777777");
    unsigned before = count_of("verify=");
    sandbox_do(&sandbox, "swap reader-1 bob");
    for (int i = 0; i < 3; i++)
        expect_exchange_noticed(&alice, before);
    sandbox_do(&sandbox, "pin bob %s", RIGHT_PIN);
}

/* So the agent knows which insertion it hears of, whatever it has heard from pcscd itself. */
static void card_is_told_with_the_count_of_its_insertion(void **state)
{
    (void)state;
    uint32_t first = insert("reader-1", "alice", READER_1)->events;
    assert_in_range(first, 0, CARD_EVENTS_MAX);
    assert_int_equal(look(READER_1)->events, first);
    take_out("reader-1", READER_1);
    assert_int_equal(insert("reader-1", "alice", READER_1)->events, first + 2);
}

/* OpenSC would go on with the connection to the first insertion until a login fails on it. */
static void card_that_was_out_unseen_is_another(void **state)
{
    (void)state;
    const struct card_token *token = insert("reader-1", "alice", READER_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_RS256, RIGHT_PIN);
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
    token = look(READER_1);
    assert_non_null(token);
    wish = wish_for(token, AUTHENTICATION, CARD_RS256, RIGHT_PIN);
    expect_signature(&wish);
}

/* On a busy computer the module is asked so late that the next card is in by then. Where nothing
 * had happened in the reader before, pcsc-lite reports no change, and OpenSC goes on with the card
 * that has left: neither its name nor its connection is the one for who has come. */
static void card_that_comes_while_the_module_is_asked_is_not_the_one_before(void **state)
{
    (void)state;
    skip_without_opensc();
    char folder[256], gate[300];
    make_folder(folder, sizeof folder);
    snprintf(gate, sizeof gate, "%s/gate", folder);
    setenv("FAKE_PKCS11", module, 1);
    setenv("FAKE_PKCS11_GATE", gate, 1);
    insert("reader-1", "bob", READER_1);
    helper_stop(&helper);
    restart_pcscd();
    other_sees(true);
    helper_start(&helper, LANYARD_BUILD "/tests/fake/pkcs11/fake-gate.so");
    assert_non_null(look(READER_1));
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
    const struct card_token *token = find_token(&late, READER_1);
    assert_true(!token || find_id(token, AUTHENTICATION)->algorithms != CARD_ES256);
    token = look(READER_1);
    assert_non_null(token);
    struct wish alice = wish_for(token, AUTHENTICATION, CARD_RS256, RIGHT_PIN);
    expect_signature(&alice);
}

static void card_with_nonsense_is_unreadable(void **state)
{
    (void)state;
    skip_without_opensc();
    sandbox_do(&sandbox, "fault reader-1 status 6f00");
    sandbox_do(&sandbox, "insert reader-1 alice");
    const struct card_token *token = see_any(READER_1);
    assert_true(token->flags & CARD_UNREADABLE);
    assert_int_equal(token->certificate_count, 0);
    sandbox_do(&sandbox, "clear reader-1");
    take_out("reader-1", READER_1);
    token = insert("reader-1", "alice", READER_1);
    assert_false(token->flags & CARD_UNREADABLE);
}

static void pcscd_may_be_restarted(void **state)
{
    (void)state;
    insert("reader-1", "bob", READER_1);
    sandbox_kill_pcscd(&sandbox);
    look(READER_1);
    sandbox_start_pcscd(&sandbox);
    const struct card_token *token = see(READER_1);
    struct wish wish = wish_for(token, AUTHENTICATION, CARD_ES256, RIGHT_PIN);
    expect_signature(&wish);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(card_pulled_while_it_works_is_removed),
        TEST(swapped_card_is_not_signed_with),
        TEST(card_swapped_while_it_works_signs_nothing),
        TEST(swap_is_noticed_in_a_reader_where_nothing_had_happened),
        TEST(card_is_told_with_the_count_of_its_insertion),
        TEST(card_that_was_out_unseen_is_another),
        TEST(card_that_comes_while_the_module_is_asked_is_not_the_one_before),
        TEST(card_with_nonsense_is_unreadable),
        TEST(pcscd_may_be_restarted),
    };
    return cmocka_run_group_tests(tests, piv_set_up, piv_tear_down);
}
