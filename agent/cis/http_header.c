/* SPDX-License-Identifier: MIT */
/*
 * WWW-Authenticate mixes schemes and parameters with the same comma (RFC 9110 §11.6.1), so a word
 * is a parameter's name when "=" follows and a scheme when it does not. What cannot be understood
 * is skipped up to the next comma that is not quoted: another scheme's credentials are none of our
 * business.
 */
#include "agent/cis/http_header.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char token_characters[] = "!#$%&'*+-.^_`|~0123456789"
                                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* A piece of a value, borrowed. */
struct word {
    const char *at;
    size_t len;
};

static bool word_is(struct word word, const char *text)
{
    return word.len == strlen(text) && strncasecmp(word.at, text, word.len) == 0;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

static struct word take_token(const char **at)
{
    struct word word = {*at, strspn(*at, token_characters)};
    *at += word.len;
    return word;
}

/* Without its quotes; empty where a character is escaped: nothing that is looked for has one. */
static struct word take_quoted(const char **at)
{
    const char *s = *at + 1;
    struct word word = {s, strcspn(s, "\"\\")};
    if (s[word.len] == '\\')
        word.len = 0;
    while (*s && *s != '"')
        s += s[0] == '\\' && s[1] ? 2 : 1;
    *at = *s ? s + 1 : s;
    return word;
}

static struct word take_value(const char **at)
{
    *at = skip_blanks(*at);
    return **at == '"' ? take_quoted(at) : take_token(at);
}

/* To behind the next comma that is not quoted. */
static const char *skip_element(const char *at)
{
    while (*at && *at != ',')
        if (*at == '"')
            take_quoted(&at);
        else
            at++;
    return *at ? at + 1 : at;
}

bool http_header_wants_dpop_nonce(const char *value)
{
    bool dpop = false; /* the parameters that come now are of that scheme */
    const char *at = value;
    while (*at) {
        at = skip_blanks(at);
        struct word word = take_token(&at);
        const char *behind = skip_blanks(at);
        if (word.len > 0 && *behind == '=') {
            at = behind + 1;
            if (word_is(take_value(&at), "use_dpop_nonce") && dpop && word_is(word, "error"))
                return true;
        } else if (word.len > 0) {
            dpop = word_is(word, "DPoP");
            if (behind > at) { /* its first parameter follows without a comma */
                at = behind;
                continue;
            }
        }
        at = skip_element(at);
    }
    return false;
}

bool http_header_nonce_valid(const char *value, unsigned max)
{
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++)
        if (value[i] <= ' ' || value[i] > '~' || value[i] == '"' || value[i] == '\\')
            return false;
    return len > 0 && len <= max;
}

bool http_header_delay(const char *value, unsigned max, unsigned *seconds)
{
    size_t len = strspn(value, "0123456789");
    if (len == 0 || value[len] != '\0')
        return false;
    *seconds = 0;
    for (size_t i = 0; i < len; i++) {
        *seconds = *seconds * 10 + (unsigned)(value[i] - '0');
        if (*seconds > max)
            *seconds = max; /* and more digits keep it there */
    }
    return true;
}
