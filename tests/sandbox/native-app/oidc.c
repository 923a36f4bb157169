/* SPDX-License-Identifier: MIT */
/*
 * A program on somebody's desktop keeps no secret of its own, so it is a public client: what ties
 * the code to it is PKCE (RFC 7636). The ID token comes straight from the token endpoint, over TLS
 * but for the sandbox's loopback, so its signature need not be looked at (OpenID Connect
 * Core 3.1.3.7, 6); issuer, audience, nonce and time are.
 */
#include "oidc.h"

#include "loopback.h"
#include "web.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PERSON_MS = 180000, RANDOM_BYTES = 32, RANDOM_TEXT = 48, URL_MAX = 4096 };

#define SCOPE "openid profile nhsperson associatedorgs nationalrbacaccess selectedrole"

extern char **environ;

/* What is made for one sign-in and good for no other. */
struct attempt {
    char state[RANDOM_TEXT];
    char nonce[RANDOM_TEXT];
    char verifier[RANDOM_TEXT];
    char redirect_uri[64];
};

/* ---- base64url ---- */

static void encode(const unsigned char bytes[RANDOM_BYTES], char text[RANDOM_TEXT])
{
    EVP_EncodeBlock((unsigned char *)text, bytes, RANDOM_BYTES);
    for (char *at = text; *at; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at == '=' ? '\0' : *at;
}

static bool draw(char text[RANDOM_TEXT])
{
    unsigned char bytes[RANDOM_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    encode(bytes, text);
    return true;
}

/* The claims of a JWS, owned. */
static json_t *claims_of(const char *token)
{
    char text[16384 + 4];
    unsigned char bytes[sizeof text];
    const char *payload = token ? strchr(token, '.') : NULL;
    size_t len = payload ? strcspn(++payload, ".") : 0;
    if (len == 0 || len > sizeof text - 4)
        return NULL;
    for (size_t i = 0; i < len; i++)
        text[i] = payload[i] == '-' ? '+' : payload[i] == '_' ? '/' : payload[i];
    size_t padded = (len + 3) / 4 * 4;
    memset(text + len, '=', padded - len);
    int decoded = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)padded);
    if (decoded < 0)
        return NULL;
    return json_loadb((const char *)bytes, (size_t)decoded - (padded - len), JSON_REJECT_DUPLICATES,
                      NULL);
}

/* ---- the steps ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool is(const json_t *object, const char *name, const char *value)
{
    return strcmp(text_of(object, name), value) == 0;
}

static json_t *discover(const char *issuer)
{
    char url[URL_MAX];
    snprintf(url, sizeof url, "%s/.well-known/openid-configuration", issuer);
    json_t *provider = web_ask(url, NULL, NULL);
    if (provider && is(provider, "issuer", issuer))
        return provider;
    fprintf(stderr, "%s is no provider\n", issuer);
    json_decref(provider);
    return NULL;
}

/* $BROWSER, as a test sets it, else the person's own. */
static bool open_browser(const char *url)
{
    const char *browser = getenv("BROWSER");
    if (!browser || browser[0] == '\0')
        browser = "xdg-open";
    char *words[] = {(char *)(size_t)browser, (char *)(size_t)url, NULL};
    pid_t pid;
    int error = posix_spawnp(&pid, browser, NULL, NULL, words, environ);
    if (error != 0)
        fprintf(stderr, "%s: %s\n", browser, strerror(error));
    return error == 0;
}

static bool send_person(const json_t *provider, const char *client_id,
                        const struct attempt *attempt)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    char challenge[RANDOM_TEXT];
    SHA256((const unsigned char *)attempt->verifier, strlen(attempt->verifier), hash);
    encode(hash, challenge);

    char query[URL_MAX] = "response_type=code";
    web_add(query, sizeof query, "client_id", client_id);
    web_add(query, sizeof query, "redirect_uri", attempt->redirect_uri);
    web_add(query, sizeof query, "scope", SCOPE);
    web_add(query, sizeof query, "state", attempt->state);
    web_add(query, sizeof query, "nonce", attempt->nonce);
    web_add(query, sizeof query, "code_challenge", challenge);
    web_add(query, sizeof query, "code_challenge_method", "S256");

    char url[2 * URL_MAX];
    snprintf(url, sizeof url, "%s?%s", text_of(provider, "authorization_endpoint"), query);
    return open_browser(url);
}

static json_t *exchange(const json_t *provider, const char *client_id,
                        const struct attempt *attempt, const char *code)
{
    char form[URL_MAX] = "grant_type=authorization_code";
    web_add(form, sizeof form, "client_id", client_id);
    web_add(form, sizeof form, "redirect_uri", attempt->redirect_uri);
    web_add(form, sizeof form, "code", code);
    web_add(form, sizeof form, "code_verifier", attempt->verifier);
    return web_ask(text_of(provider, "token_endpoint"), form, NULL);
}

static bool good(const json_t *claims, const char *issuer, const char *client_id,
                 const struct attempt *attempt)
{
    bool fits = is(claims, "iss", issuer) && is(claims, "aud", client_id) &&
                is(claims, "nonce", attempt->nonce) && text_of(claims, "sub")[0] != '\0' &&
                json_integer_value(json_object_get(claims, "exp")) > time(NULL);
    if (!fits)
        fprintf(stderr, "The provider's token is not for this sign-in\n");
    return fits;
}

/* ---- who it is, in CIS2's claims ---- */

/* The member of that list whose name is value; NULL. */
static const json_t *among(const json_t *claims, const char *list, const char *name,
                           const char *value)
{
    const json_t *each;
    size_t i;
    json_array_foreach(json_object_get(claims, list), i, each)
    {
        if (is(each, name, value))
            return each;
    }
    return NULL;
}

static void describe(const json_t *claims, const json_t *more, struct oidc_person *person)
{
    const json_t *role =
        among(more, "nhsid_nrbac_roles", "person_roleid", text_of(more, "selected_roleid"));
    const json_t *place = among(more, "nhsid_user_orgs", "org_code", text_of(role, "org_code"));
    const char *named = text_of(role, "role_name"); /* "Clinical":"Clinical Provision":"Nurse" */
    const char *last = strrchr(named, ':');
    size_t quoted = strlen(last ? last : "");
    snprintf(person->uid, sizeof person->uid, "%s", text_of(claims, "sub"));
    snprintf(person->name, sizeof person->name, "%s", text_of(more, "display_name"));
    if (quoted > 3)
        snprintf(person->role, sizeof person->role, "%.*s", (int)quoted - 3, last + 2);
    snprintf(person->organisation, sizeof person->organisation, "%s", text_of(place, "org_name"));
    snprintf(person->acr, sizeof person->acr, "%s", text_of(claims, "acr"));
}

/* ---- all of it ---- */

static bool sign_in(const json_t *provider, const char *client_id, const struct attempt *attempt,
                    int listener, struct oidc_person *person)
{
    char code[1024];
    if (!send_person(provider, client_id, attempt) ||
        loopback_wait(listener, attempt->state, PERSON_MS, code, sizeof code) < 0)
        return false;
    json_auto_t *tokens = exchange(provider, client_id, attempt, code);
    json_auto_t *claims = claims_of(text_of(tokens, "id_token"));
    if (!good(claims, text_of(provider, "issuer"), client_id, attempt))
        return false;
    json_auto_t *more =
        web_ask(text_of(provider, "userinfo_endpoint"), NULL, text_of(tokens, "access_token"));
    if (!more || !is(more, "sub", text_of(claims, "sub")))
        return false;
    describe(claims, more, person);
    return true;
}

bool oidc_sign_in(const char *issuer, const char *client_id, struct oidc_person *person)
{
    *person = (struct oidc_person){0};
    struct attempt attempt;
    if (!draw(attempt.state) || !draw(attempt.nonce) || !draw(attempt.verifier))
        return false;
    json_auto_t *provider = discover(issuer);
    if (!provider)
        return false;
    int listener = loopback_open(attempt.redirect_uri, sizeof attempt.redirect_uri);
    if (listener < 0)
        return false;
    bool signed_in = sign_in(provider, client_id, &attempt, listener, person);
    close(listener);
    return signed_in;
}
