/* SPDX-License-Identifier: MIT */
/*
 * Headers of an answer, one row each, and what each of libcurl's results means. What goes over a
 * wire is in tests/integration/cis.test.mjs.
 */
#include "agent/cis/http_header.h"
#include "agent/cis/http_transfer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_wanted_nonce_is_seen_among_other_challenges(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool wanted;
    } rows[] = {
        {"DPoP error=\"use_dpop_nonce\"", true},
        {"dpop error=use_dpop_nonce", true},
        {"DPoP realm=\"a, b\", error=\"use_dpop_nonce\", algs=\"ES256\"", true},
        {"DPoP  error = \"use_dpop_nonce\" ", true},
        {"Bearer, DPoP error=\"use_dpop_nonce\"", true},
        {"Bearer error=\"invalid_token\", DPoP error=\"use_dpop_nonce\"", true},
        {"Negotiate YWJjZA==, DPoP error=\"use_dpop_nonce\"", true},
        {",, DPoP error=\"use_dpop_nonce\"", true},
        {"DPoP error_description=\"\\\"\", error=\"use_dpop_nonce\"", true},
        {"", false},
        {"DPoP", false},
        {"DPoP error=\"invalid_token\"", false},
        {"DPoP error=\"use_dpop_nonce2\"", false},
        {"DPoP error=\"use_dpop_nonc\"", false},
        {"DPoP error=\"use_dpop_nonce\\\"\"", false},
        {"Bearer error=\"use_dpop_nonce\"", false},
        {"DPoP2 error=\"use_dpop_nonce\"", false},
        {"DPoP x=1, Bearer error=\"use_dpop_nonce\"", false},
        {"DPoP hint=\"error=use_dpop_nonce\"", false},
        {"Basic realm=\"DPoP error=use_dpop_nonce\"", false},
        {"error=\"use_dpop_nonce\"", false},
        {"DPoP error=", false},
        {"DPoP error=\"use_dpop_nonce", true}, /* a quote that is not closed is as good as closed */
        {"DPoP error=\"", false},
        {"\"", false},
        {"\\", false},
        {"= = =,=", false},
        {"DPoP \x01\x02 error", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (http_header_wants_dpop_nonce(rows[i].value) != rows[i].wanted)
            fail_msg("%s", rows[i].value);
}

static void a_nonce_is_plain_characters_and_not_long(void **state)
{
    (void)state;
    char longest[HTTP_HEADER_TEXT_MAX + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(http_header_nonce_valid(longest, HTTP_HEADER_TEXT_MAX));
    longest[HTTP_HEADER_TEXT_MAX] = '\0';
    assert_true(http_header_nonce_valid(longest, HTTP_HEADER_TEXT_MAX));
    static const char *const good[] = {"a", "!#[]~", "eyJ7S_zG.eyJH0-Z.HX4w-7v"};
    static const char *const bad[] = {"", " ", "a b", "a\"", "a\\b", "a\x7f", "a\n", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(http_header_nonce_valid(good[i], HTTP_HEADER_TEXT_MAX));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(http_header_nonce_valid(bad[i], HTTP_HEADER_TEXT_MAX));
}

static void a_delay_is_digits_and_at_most_an_hour(void **state)
{
    (void)state;
    unsigned seconds = 7;
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1.5", "0x10", "1s", "soon"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(http_header_delay(bad[i], 3600, &seconds));
    assert_int_equal(seconds, 7);
    static const struct {
        const char *value;
        unsigned seconds;
    } good[] = {{"0", 0},       {"00", 0},      {"120", 120},
                {"3600", 3600}, {"3601", 3600}, {"99999999999999999999999999999999999990", 3600}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(http_header_delay(good[i].value, 3600, &seconds));
        assert_int_equal(seconds, good[i].seconds);
    }
}

static bool listed(const CURLcode *codes, size_t count, CURLcode code)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i] == code)
            return true;
    return false;
}

static void every_result_of_libcurl_has_a_meaning(void **state)
{
    (void)state;
    static const CURLcode untrusted[] = {CURLE_USE_SSL_FAILED,
                                         CURLE_SSL_CONNECT_ERROR,
                                         CURLE_SSL_CERTPROBLEM,
                                         CURLE_SSL_CIPHER,
                                         CURLE_PEER_FAILED_VERIFICATION,
                                         CURLE_SSL_CACERT_BADFILE,
                                         CURLE_SSL_CRL_BADFILE,
                                         CURLE_SSL_ISSUER_ERROR,
                                         CURLE_SSL_PINNEDPUBKEYNOTMATCH,
                                         CURLE_SSL_INVALIDCERTSTATUS,
                                         CURLE_SSL_CLIENTCERT};
    assert_int_equal(http_end_of(CURLE_OK, ""), HTTP_ANSWERED);
    for (int code = CURLE_OK + 1; code <= CURL_LAST; code++) {
        bool tls = listed(untrusted, sizeof untrusted / sizeof *untrusted, (CURLcode)code);
        assert_int_equal(http_end_of((CURLcode)code, ""), tls ? HTTP_UNTRUSTED : HTTP_UNREACHABLE);
    }
}

static void a_handshake_that_was_cut_is_no_bad_certificate(void **state)
{
    (void)state;
    static const char *const cut[] = {
        "error:0A000126:SSL routines::unexpected eof while reading",
        "OpenSSL SSL_connect: Connection reset by peer in connection to login.example:443",
        "Recv failure: Connection reset by peer", "Send failure: Broken pipe"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        assert_int_equal(http_end_of(CURLE_SSL_CONNECT_ERROR, cut[i]), HTTP_UNREACHABLE);
        assert_int_equal(http_end_of(CURLE_PEER_FAILED_VERIFICATION, cut[i]), HTTP_UNTRUSTED);
    }
    assert_int_equal(
        http_end_of(CURLE_SSL_CONNECT_ERROR, "error:0A00010B:SSL routines::wrong version number"),
        HTTP_UNTRUSTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wanted_nonce_is_seen_among_other_challenges),
        cmocka_unit_test(a_nonce_is_plain_characters_and_not_long),
        cmocka_unit_test(a_delay_is_digits_and_at_most_an_hour),
        cmocka_unit_test(every_result_of_libcurl_has_a_meaning),
        cmocka_unit_test(a_handshake_that_was_cut_is_no_bad_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
