/* SPDX-License-Identifier: MIT */
/* Whose security keys a site may use: each row is one attempt. */
#include "agent/webauthn/rp_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *origin, *wanted;
    bool allowed;
};

static const struct row ids[] = {
    /* the host itself, by default or by name */
    {"https://login.example.com", "", true},
    {"https://login.example.com", "login.example.com", true},
    {"https://login.example.com:8443", "", true},
    {"https://login.example.com:8443", "login.example.com", true},
    {"http://localhost:3000", "", true},
    {"http://localhost:3000", "localhost", true},
    {"https://intranet", "intranet", true},
    {"https://intranet", "", true},
    {"https://co.uk", "co.uk", true}, /* whoever is there is nobody's neighbour */
    /* what somebody can register above it */
    {"https://login.example.com", "example.com", true},
    {"https://a.b.c.example.com", "b.c.example.com", true},
    {"https://a.b.c.example.com", "example.com", true},
    {"https://login.trust.nhs.uk", "trust.nhs.uk", true},
    {"https://login.example.co.uk", "example.co.uk", true},
    {"https://www.city.kawasaki.jp", "city.kawasaki.jp", true}, /* an exception in the list */
    {"https://login.xn--mnchen-3ya.example", "xn--mnchen-3ya.example", true},
    /* public suffixes */
    {"https://login.example.com", "com", false},
    {"https://login.example.co.uk", "co.uk", false},
    {"https://login.example.co.uk", "uk", false},
    {"https://login.trust.nhs.uk", "nhs.uk", false},
    {"https://login.trust.nhs.uk", "uk", false},
    {"https://somebody.github.io", "github.io", false}, /* of the private part */
    {"https://somebody.github.io", "io", false},
    {"https://a.compute.amazonaws.com", "amazonaws.com", false},
    {"https://www.city.kawasaki.jp", "kawasaki.jp", false},
    {"https://a.b.kawasaki.jp", "b.kawasaki.jp", false}, /* a wildcard in the list */
    {"https://login.intranet", "intranet", false}, /* not in the list: the last label is public */
    {"https://login.xn--55qx5d.cn", "xn--55qx5d.cn", false},
    /* other hosts */
    {"https://login.example.com", "example.org", false},
    {"https://login.example.com", "evil.com", false},
    {"https://login.example.com", "login.example.com.evil.com", false},
    {"https://login.example.com", "other.example.com", false},
    {"https://example.com", "login.example.com", false}, /* from above */
    {"https://login.example.com", "ogin.example.com", false},
    {"https://login.example.com", "ample.com", false},
    {"https://evilexample.com", "example.com", false},
    {"https://login.example.com", "*.example.com", false},
    /* another spelling is another name */
    {"https://login.example.com", "Login.example.com", false},
    {"https://login.example.com", "EXAMPLE.COM", false},
    {"https://login.example.com", "example.com.", false},
    {"https://login.example.com", ".example.com", false},
    {"https://login.example.com", "login..example.com", false},
    {"https://login.example.com", ".", false},
    {"https://login.example.com", "example.com:443", false},
    {"https://login.example.com:8443", "login.example.com:8443", false},
    {"https://login.example.com", "https://login.example.com", false},
    {"https://login.example.com", "login.example.com/", false},
    {"https://login.example.com", " example.com", false},
    {"https://login.example.com", "example.com ", false},
    {"https://login.xn--mnchen-3ya.example", "m\xc3\xbcnchen.example", false},
    {"https://login.example.com", "ex\xd0\xb0mple.com", false}, /* a Cyrillic a */
    {"https://login.example.com",
     "example\xe3\x80\x82"
     "com",
     false}, /* an ideographic stop */
    {"https://login.example.com", "example%2ecom", false},
    /* addresses are no names */
    {"https://127.0.0.1", "", false},
    {"https://127.0.0.1", "127.0.0.1", false},
    {"http://127.0.0.1:3000", "127.0.0.1", false},
    {"https://10.0.0.1", "0.0.1", false},
    {"https://[::1]", "", false},
    {"https://[::1]", "[::1]", false},
    {"http://[::1]:3000", "::1", false},
    {"https://login.example.com", "127.0.0.1", false},
    {"http://localhost:3000", "ocalhost", false},
    {"http://localhost:3000", "local", false},
    /* no origins */
    {"http://login.example.com", "", false},
    {"https://login.example.com.", "", false},
    {"https://LOGIN.example.com", "", false},
    {"https://login.example.com/", "", false},
    {"null", "", false},
    {"", "", false},
    {"file://", "", false},
};

static void a_site_uses_its_own_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char rp_id[FIDO_RP_ID_MAX + 1] = "?";
        if (rp_id_settle(ids[i].origin, ids[i].wanted, rp_id) != ids[i].allowed)
            fail_msg("%s for %s", ids[i].wanted, ids[i].origin);
        if (ids[i].allowed && *ids[i].wanted)
            assert_string_equal(rp_id, ids[i].wanted);
    }
}

static void the_default_is_the_host_without_port(void **state)
{
    (void)state;
    char rp_id[FIDO_RP_ID_MAX + 1];
    assert_true(rp_id_settle("https://login.example.com:8443", "", rp_id));
    assert_string_equal(rp_id, "login.example.com");
    assert_true(rp_id_settle("http://localhost:3000", "", rp_id));
    assert_string_equal(rp_id, "localhost");
}

static void a_long_name_is_no_suffix(void **state)
{
    (void)state;
    char wanted[FIDO_RP_ID_MAX + 1], rp_id[FIDO_RP_ID_MAX + 1];
    memset(wanted, 'a', FIDO_RP_ID_MAX);
    wanted[FIDO_RP_ID_MAX] = '\0';
    assert_false(rp_id_settle("https://login.example.com", wanted, rp_id));
}

static const struct row appids[] = {
    {"https://login.example.com", "https://login.example.com/app-id.json", true},
    {"https://login.example.com", "https://login.example.com", true},
    {"https://login.example.com", "https://example.com/app-id.json", true},
    {"https://login.example.com", "https://other.example.com/app-id.json?x#y", true},
    {"https://login.example.com", "https://login.example.com:8443/app-id.json", true},
    {"https://example.com", "https://u2f.example.com?x", true},
    {"https://login.trust.nhs.uk", "https://u2f.trust.nhs.uk/", true},
    /* another site's */
    {"https://login.example.com", "https://example.org/app-id.json", false},
    {"https://login.example.com", "https://example.com.evil.org/", false},
    {"https://login.example.com", "https://evilexample.com/", false},
    {"https://login.trust.nhs.uk", "https://other.nhs.uk/", false},
    {"https://somebody.github.io", "https://other.github.io/", false},
    {"https://login.example.co.uk", "https://co.uk/", false},
    {"https://login.example.co.uk", "https://other.co.uk/", false},
    /* what one reader takes for the host and another does not */
    {"https://login.example.com", "https://evil.org@login.example.com/", false},
    {"https://login.example.com", "https://login.example.com@evil.org/", false},
    {"https://login.example.com", "https://login.example.com\\@evil.org/", false},
    {"https://login.example.com", "https://evil.org\\.example.com/", false},
    {"https://login.example.com", "https://evil.org#.example.com/", false},
    {"https://login.example.com", "https://evil.org?.example.com/", false},
    {"https://login.example.com", "https:/login.example.com/", false},
    {"https://login.example.com", "https:\\\\login.example.com/", false},
    {"https://login.example.com", "https:///login.example.com/", false},
    {"https://login.example.com", " https://login.example.com/", false},
    {"https://login.example.com", "https://login.example.com /", false},
    {"https://login.example.com", "https://login.example.com\t/", false},
    {"https://login.example.com", "https://login.example.com./", false},
    {"https://login.example.com", "https://LOGIN.example.com/", false},
    {"https://login.example.com", "https://login.ex\xc3\xa4mple.com/", false},
    {"https://login.example.com", "https://login.example.com:443/", false},
    {"https://login.example.com", "https://login.example.com:/", false},
    {"https://login.example.com", "HTTPS://login.example.com/", false},
    /* no https, no name */
    {"https://login.example.com", "http://login.example.com/", false},
    {"https://login.example.com", "login.example.com", false},
    {"https://login.example.com", "android:apk-key-hash:abc", false},
    {"https://login.example.com", "https://", false},
    {"https://login.example.com", "https:///", false},
    {"https://127.0.0.1", "https://127.0.0.1/", false},
    {"https://[::1]", "https://[::1]/", false},
    {"https://intranet", "https://intranet/", false},
    {"http://localhost:3000", "http://localhost:3000/", false},
    {"http://localhost:3000", "https://localhost:3000/", false},
};

static void an_appid_is_of_the_same_site(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof appids / sizeof *appids; i++)
        if (rp_appid_allowed(appids[i].origin, appids[i].wanted) != appids[i].allowed)
            fail_msg("%s for %s", appids[i].wanted, appids[i].origin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_uses_its_own_keys),
        cmocka_unit_test(the_default_is_the_host_without_port),
        cmocka_unit_test(a_long_name_is_no_suffix),
        cmocka_unit_test(an_appid_is_of_the_same_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
