/* SPDX-License-Identifier: MIT */
#include "test_pkcs11_piv_rig.h"

#include "ipc/base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sandbox sandbox;
const char *module;
struct helper helper;

static struct card_reply list; /* the last */

/* ---- life ---- */

int piv_set_up(void **state)
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

int piv_tear_down(void **state)
{
    (void)state;
    if (module)
        sandbox_stop(&sandbox);
    return 0;
}

int piv_start(void **state)
{
    (void)state;
    if (module)
        helper_start(&helper, module);
    return 0;
}

int piv_stop(void **state)
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

void skip_without_opensc(void)
{
    if (!module)
        skip();
}

/* ---- cards ---- */

const struct card_token *look(const char *name)
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

const struct card_token *see_any(const char *name)
{
    const struct card_token *token;
    while (!(token = look(name)))
        usleep(10000);
    return token;
}

const struct card_token *see(const char *name)
{
    const struct card_token *token;
    while ((token = see_any(name))->certificate_count == 0)
        usleep(10000);
    return token;
}

const struct card_token *insert(const char *where, const char *card, const char *name)
{
    skip_without_opensc();
    sandbox_do(&sandbox, "insert %s %s", where, card);
    return see(name);
}

void take_out(const char *where, const char *name)
{
    sandbox_do(&sandbox, "remove %s", where);
    while (look(name))
        usleep(10000);
}

void restart_pcscd(void)
{
    sandbox_kill_pcscd(&sandbox);
    sandbox_start_pcscd(&sandbox);
}

unsigned count_of(const char *what)
{
    const char *answer = sandbox_do(&sandbox, "apdus reader-1");
    const char *at = strstr(answer, what);
    assert_non_null(at);
    return (unsigned)strtoul(at + strlen(what), NULL, 10);
}

/* ---- signatures ---- */

struct wish wish_for(const struct card_token *token, uint8_t id, unsigned algorithm,
                     const char *pin)
{
    return (struct wish){token, find_id(token, id), algorithm, pin};
}

void expect_signature(const struct wish *wish)
{
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    assert_int_equal(helper_sign(&helper, wish, &reply), 0);
    if (!signature_valid(wish, &reply))
        fail_msg("%s: %s", card_algorithm_name(wish->algorithm), outcome_reason((int)reply.result));
    assert_int_equal(reply.tries_left, 3);
}

void expect_refusal(const struct wish *wish, int outcome, uint8_t tries)
{
    CLEANUP(card_reply_deinit) struct card_reply reply = {0};
    assert_int_equal(helper_sign(&helper, wish, &reply), 0);
    assert_string_equal(outcome_reason((int)reply.result), outcome_reason(outcome));
    assert_int_equal(reply.tries_left, tries);
    assert_int_equal(!!(reply.flags & CARD_PIN_LOCKED), tries == 0);
    assert_int_equal(!!(reply.flags & CARD_PIN_FINAL_TRY), tries == 1);
}

void expect_not_that_card(int result)
{
    if (result != OUTCOME_CARD_CHANGED && result != OUTCOME_CARD_REMOVED)
        fail_msg("%s", outcome_reason(result));
}

/* ---- another program ---- */

bool other_connects(struct other_program *other, DWORD share)
{
    char names[512];
    DWORD size = sizeof names, protocol;
    assert_int_equal(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &other->context), 0);
    assert_int_equal(SCardListReaders(other->context, NULL, names, &size), 0);
    const char *name = names;
    while (strncmp(name, READER_1, strlen(READER_1)) != 0)
        name += strlen(name) + 1;
    if (SCardConnect(other->context, name, share, SCARD_PROTOCOL_T1, &other->card, &protocol) == 0)
        return true;
    SCardReleaseContext(other->context);
    return false;
}

void other_leaves(struct other_program *other)
{
    SCardDisconnect(other->card, SCARD_LEAVE_CARD);
    SCardReleaseContext(other->context);
}

void other_sees(bool card)
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
