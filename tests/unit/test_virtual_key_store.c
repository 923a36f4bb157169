/* SPDX-License-Identifier: MIT */
/* What the virtual security key keeps in its file. */
#include "test_virtual_key_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void what_it_keeps_outlives_it(void **state)
{
    char path[] = "/tmp/lanyard-test-key-XXXXXX";
    struct store store, again;
    struct credential *credential = calloc(1, sizeof *credential);
    int fd = mkstemp(path);
    FILE *file;

    (void)state;
    assert_true(fd >= 0 && credential);
    close(fd);
    unlink(path);
    assert_true(store_open(&store, path));
    assert_int_equal(store.pin_tries, PIN_TRIES_MAX);
    credential->key = private_key_new(ALGORITHM_ES256);
    credential->id_size = 3;
    memcpy(credential->id, "one", 3);
    credential->counter = 41;
    credential->protection = 2;
    credential->resident = true;
    snprintf(credential->rp_id, sizeof credential->rp_id, "a.example");
    assert_true(store_add(&store, credential));
    store.pin_tries = 5;
    store.pin_set = true;
    store_save(&store);

    assert_true(store_open(&again, path));
    assert_int_equal(again.count, 1);
    assert_int_equal(again.pin_tries, 5);
    assert_true(again.pin_set && !again.pin_change_owed);
    credential = store_find(&again, (const uint8_t *)"one", 3);
    assert_non_null(credential);
    assert_int_equal(credential->counter, 41);
    assert_int_equal(credential->protection, 2);
    assert_true(credential->resident && !credential->u2f);
    assert_string_equal(credential->rp_id, "a.example");
    store_close(&store);
    store_close(&again);

    file = fopen(path, "w"); /* what is none of ours is not taken for an empty one */
    assert_non_null(file);
    fputs("something else", file);
    fclose(file);
    assert_false(store_open(&store, path));
    store_close(&store);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_keeps_outlives_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
