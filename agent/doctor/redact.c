/* SPDX-License-Identifier: MIT */
/*
 * One walk through the text. At each place the rules are asked in their order how much of what
 * begins there has to go; where none wants anything, one character is copied. It rather takes too
 * much than too little.
 */
#include "agent/doctor/redact.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool is_body(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("+/_=-", c));
}

/* -----BEGIN CERTIFICATE----- ... -----END CERTIFICATE-----, or the rest when it does not end. */
static size_t pem(const char *at)
{
    static const char begin[] = "-----BEGIN ", end[] = "-----END ";
    if (strncmp(at, begin, sizeof begin - 1) != 0)
        return 0;
    const char *last = strstr(at, end);
    const char *behind = last ? strstr(last + sizeof end - 1, "-----") : NULL;
    return behind ? (size_t)(behind - at) + 5 : strlen(at);
}

/* A path has short names between its slashes, and no digit, capital and small letter in one of 32.
 */
static bool is_random(const char *at, size_t len)
{
    bool digit = false, lower = false, upper = false, other = false;
    for (size_t i = 0; i < len; i++) {
        digit = digit || isdigit((unsigned char)at[i]);
        lower = lower || islower((unsigned char)at[i]);
        upper = upper || isupper((unsigned char)at[i]);
        other = other || !isxdigit((unsigned char)at[i]);
    }
    return (digit && !other) || (lower && upper && (digit || len >= 2 * REDACT_BODY_MIN));
}

/* A body, or several with points between them, as a JWS has. */
static size_t body(const char *start, const char *at)
{
    size_t len = 0;
    if (at > start && is_body(at[-1]))
        return 0;
    while (is_body(at[len]) || (len > 0 && at[len] == '.' && is_body(at[len + 1])))
        len++;
    return len >= REDACT_BODY_MIN && is_random(at, len) ? len : 0;
}

static size_t digits(const char *start, const char *at)
{
    if (at > start && isdigit((unsigned char)at[-1]))
        return 0;
    size_t len = strspn(at, "0123456789");
    return len >= REDACT_DIGITS_MIN ? len : 0;
}

static size_t name_of(const char *start, const char *at, char *const *names, size_t count)
{
    if (at > start && is_word(at[-1]))
        return 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (len >= REDACT_NAME_MIN && strncasecmp(at, names[i], len) == 0 && !is_word(at[len]))
            return len;
    }
    return 0;
}

static bool ends_in(const char *start, const char *end, const char *name)
{
    size_t len = strlen(name);
    return (size_t)(end - start) >= len && strncasecmp(end - len, name, len) == 0;
}

/* Of a distinguished name: "CN=Alice Adams,". */
static bool is_attribute(const char *start, const char *end)
{
    static const char *const attributes[] = {"CN",       "GN",           "SN",   "givenName",
                                             "surname",  "UID",          "name", "displayName",
                                             "userName", "emailAddress", "mail", "subject"};
    const char *word = end;
    while (word > start && is_word(word[-1]))
        word--;
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if ((size_t)(end - word) == strlen(attributes[i]) &&
            strncasecmp(word, attributes[i], (size_t)(end - word)) == 0)
            return true;
    return false;
}

static bool is_secret(const char *start, const char *end)
{
    static const char *const secrets[] = {"pin",    "puk",        "password",
                                          "passwd", "passphrase", "secret",
                                          "token",  "cookie",     "authorization"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (ends_in(start, end, secrets[i]))
            return true;
    return false;
}

/* The value that begins here, if what stands before says that it has to go. */
static size_t value(const char *start, const char *at)
{
    const char *before = at;
    while (before > start && strchr(" \t\"'", before[-1]))
        before--;
    if (before == start || !strchr("=:", before[-1]) || *at == '\0' || strchr(" \t\n\"'", *at))
        return 0;
    bool equals = before[-1] == '=';
    const char *end = before - 1;
    while (end > start && strchr(" \t\"'", end[-1]))
        end--;
    if (is_secret(start, end))
        return strcspn(at, "\n\"',;}");
    return (equals || at[-1] == '"') && is_attribute(start, end) ? strcspn(at, "\n\"',;}") : 0;
}

void redact(const char *text, char *const *names, size_t name_count, struct bytes *out)
{
    for (const char *at = text; *at;) {
        const char *instead = "[removed]";
        size_t len = pem(at);
        if (len == 0)
            len = value(text, at);
        if (len == 0)
            len = body(text, at);
        if (len == 0 && (len = digits(text, at)) > 0)
            instead = "[number]";
        if (len == 0 && (len = name_of(text, at, names, name_count)) > 0)
            instead = "[name]";
        if (len > 0)
            bytes_append_text(out, instead);
        else
            bytes_append(out, at, len = 1);
        at += len;
    }
}
