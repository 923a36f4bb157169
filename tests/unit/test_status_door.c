/* SPDX-License-Identifier: MIT */
/* How long a token and a visit are good, and how many there are; loop_now is played. Who else is
 * refused stands in tests/integration/status-page.test.mjs. */
#include "ipc/base/cleanup.h"
#include "ipc/door/status_door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 24290 };

static uint64_t now;

uint64_t __wrap_loop_now(void);

uint64_t __wrap_loop_now(void)
{
    return now;
}

static bool page(void *context, const char *nonce, struct bytes *html)
{
    (void)context;
    bytes_append_text(html, nonce);
    return true;
}

static const struct service service = {.status_page = page};
static struct status_door door;

static int start(void **state)
{
    (void)state;
    now = 1000;
    door = (struct status_door){0};
    return 0;
}

/* What follows "GET " and the host, answered; the reply, "" for a refusal. */
static const char *ask(const char *path, const char *cookie)
{
    static char reply[4096];
    CLEANUP(bytes_deinit) struct bytes answer = {0};
    char head[512];
    int len = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:24290\r\n%s%s%s\r\n",
                       path, cookie ? "Cookie: " : "", cookie ? cookie : "", cookie ? "\r\n" : "");
    bool answered = status_door_answer(&door, &service, head, (size_t)len, PORT, &answer);
    assert_int_equal(answered, answer.len > 0);
    bytes_append(&answer, "", 1);
    snprintf(reply, sizeof reply, "%s", (const char *)answer.data);
    return reply;
}

static void new_path(char path[128])
{
    char url[STATUS_URL_MAX];
    assert_true(status_door_url(&door, PORT, url));
    snprintf(path, 128, "%s", strstr(url, "/status"));
}

/* What a new token is exchanged for. */
struct visit {
    char path[128], cookie[64];
};

static void new_visit(struct visit *visit)
{
    char path[128];
    new_path(path);
    const char *reply = ask(path, NULL), *set = strstr(reply, "Set-Cookie: ");
    const char *location = strstr(reply, "Location: ");
    assert_non_null(set);
    assert_non_null(location);
    snprintf(visit->cookie, sizeof visit->cookie, "%.*s", (int)strcspn(set + 12, ";"), set + 12);
    snprintf(visit->path, sizeof visit->path, "%.*s", (int)strcspn(location + 10, "\r"),
             location + 10);
}

static void token_is_good_once_and_for_a_minute(void **state)
{
    (void)state;
    char path[128];
    new_path(path);
    now += STATUS_TOKEN_MS;
    assert_string_equal(ask(path, NULL), "");
    new_path(path);
    now += STATUS_TOKEN_MS - 1;
    assert_non_null(strstr(ask(path, NULL), "303 See Other"));
    assert_string_equal(ask(path, NULL), "");
}

static void a_visit_lasts_a_quarter_of_an_hour(void **state)
{
    (void)state;
    struct visit visit;
    new_visit(&visit);
    now += STATUS_VISIT_MS - 1;
    assert_non_null(strstr(ask(visit.path, visit.cookie), "200 OK"));
    now++;
    assert_string_equal(ask(visit.path, visit.cookie), "");
}

static void newest_visits_take_the_place_of_the_oldest(void **state)
{
    (void)state;
    struct visit visits[STATUS_VISITS + 1];
    for (size_t i = 0; i <= STATUS_VISITS; i++, now++)
        new_visit(&visits[i]);
    assert_string_equal(ask(visits[0].path, visits[0].cookie), "");
    for (size_t i = 1; i <= STATUS_VISITS; i++)
        assert_non_null(strstr(ask(visits[i].path, visits[i].cookie), "200 OK"));
}

static void path_and_cookie_are_of_one_visit(void **state)
{
    (void)state;
    struct visit one, other;
    new_visit(&one);
    new_visit(&other);
    assert_string_equal(ask(one.path, other.cookie), "");
    assert_string_equal(ask(one.path, NULL), "");
    assert_string_equal(ask("/status", one.cookie), "");
}

/* Whoever listens on another port of this host can add some. */
static void others_cookies_do_not_count(void **state)
{
    (void)state;
    struct visit one, other;
    char cookies[192];
    new_visit(&one);
    new_visit(&other);
    snprintf(cookies, sizeof cookies, "lanyard-status=x; %s; a=b;%s; ", other.cookie, one.cookie);
    assert_non_null(strstr(ask(one.path, cookies), "200 OK"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(token_is_good_once_and_for_a_minute, start),
        cmocka_unit_test_setup(a_visit_lasts_a_quarter_of_an_hour, start),
        cmocka_unit_test_setup(newest_visits_take_the_place_of_the_oldest, start),
        cmocka_unit_test_setup(path_and_cookie_are_of_one_visit, start),
        cmocka_unit_test_setup(others_cookies_do_not_count, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
