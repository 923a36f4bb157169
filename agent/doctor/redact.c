/* SPDX-License-Identifier: MIT */
/*
 * One walk through the text. At each place the rules are asked in their order how much of what
 * begins there has to go; where none wants anything, one character is copied. It rather takes too
 * much than too little.
 *
 * The text may be anybody's, so that no rule may look far ahead again and again: whatever one has
 * seen the end of is kept in the walk.
 */
#include "agent/doctor/redact.h"

#include <ctype.h>
#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <wctype.h>

struct walk {
    const char *start, *at;
    bool in_string;          /* a quote has been opened on this line */
    const char *chain;       /* the end of the last bodies with points between them */
    const char *word, *sign; /* the end of the last word with an address in it; its last '@' */
};

/* Not strspn and strcspn: under the address sanitiser each call of those reads the whole rest. */
static size_t span_of(const char *at, const char *set)
{
    size_t len = 0;
    while (at[len] && strchr(set, at[len]))
        len++;
    return len;
}

static size_t span_without(const char *at, const char *set)
{
    size_t len = 0;
    while (at[len] && !strchr(set, at[len]))
        len++;
    return len;
}

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

static bool ends_in(const char *start, const char *end, const char *name)
{
    size_t len = strlen(name);
    return (size_t)(end - start) >= len && strncasecmp(end - len, name, len) == 0;
}

/* The journal's name of a kind of entry, which is ours: how long it is that begins here, or 0. */
static size_t message_id(const char *start, const char *at)
{
    static const char name[] = "MESSAGE_ID";
    size_t len = 0;
    if (at == start || !strchr("=\"", at[-1]))
        return 0;
    while (len <= 32 && isxdigit((unsigned char)at[len]))
        len++;
    if (len != 32 || is_body(at[len]))
        return 0;
    for (unsigned i = 0; i < 4 && at > start && strchr("=:\" ", at[-1]); i++)
        at--;
    return ends_in(start, at, name) ? len : 0;
}

/* A body, or several with points between them, as a JWS has. What is no such chain as a whole has
 * none in its later part; but one piece of it may be hexadecimal. */
static size_t body(struct walk *walk)
{
    const char *at = walk->at;
    size_t len = 0;
    if (at > walk->start && is_body(at[-1]))
        return 0;
    while (is_body(at[len]))
        len++;
    if (len > 0 && at >= walk->chain) {
        while (is_body(at[len]) || (at[len] == '.' && is_body(at[len + 1])))
            len++;
        walk->chain = at + len;
    }
    return len >= REDACT_BODY_MIN && is_random(at, len) ? len : 0;
}

/* In one piece, or a long number in groups, "943 476 5919". */
static size_t digits(const char *start, const char *at)
{
    size_t piece = span_of(at, "0123456789"), len = piece, count = piece;
    if (piece == 0 || (at > start && isdigit((unsigned char)at[-1])))
        return 0;
    while (count < REDACT_GROUPED_MIN && at[len] == ' ' && isdigit((unsigned char)at[len + 1])) {
        size_t more = span_of(at + len + 1, "0123456789");
        count += more;
        len += 1 + more;
    }
    return count >= REDACT_GROUPED_MIN ? len : piece >= REDACT_DIGITS_MIN ? piece : 0;
}

/* The word PIN or PUK, with what may stand at its end: "PIN", "pins", "PUK2", "pin_1". */
static bool is_pin_word(const char *start, const char *at)
{
    if ((strncasecmp(at, "pin", 3) != 0 && strncasecmp(at, "puk", 3) != 0) ||
        (at > start && isalpha((unsigned char)at[-1])))
        return false;
    at += 3;
    at += *at == 's' || *at == 'S';
    return !isalpha((unsigned char)*at);
}

/* Fewer than REDACT_DIGITS_MIN, or in groups, not far behind the word: "PIN entered: 1234", "PUK is
 * 12-34-56". */
static size_t pin(const char *start, const char *at)
{
    size_t len = 0, count = 0;
    if (!isdigit((unsigned char)*at) || (at > start && isdigit((unsigned char)at[-1])))
        return 0;
    const char *word = at;
    while (word > start && at - word < REDACT_PIN_BEHIND && word[-1] != '\n' &&
           !is_pin_word(start, word))
        word--;
    if (!is_pin_word(start, word))
        return 0;
    for (size_t i = 0; at[i] && strchr("0123456789 -./", at[i]); i++)
        if (isdigit((unsigned char)at[i])) {
            len = i + 1;
            count++;
        }
    return count >= REDACT_PIN_MIN ? len : 0;
}

/* Bytes as programs print what they send to a card: "00 20 00 80 08 31 ...". */
static size_t dump(const char *start, const char *at)
{
    size_t len = 0, count = 0;
    if (at > start && isxdigit((unsigned char)at[-1]))
        return 0;
    while (isxdigit((unsigned char)at[len]) && isxdigit((unsigned char)at[len + 1]) &&
           !isxdigit((unsigned char)at[len + 2])) {
        count++;
        len += 2;
        if (!at[len] || !strchr(" :", at[len]) || !isxdigit((unsigned char)at[len + 1]))
            break;
        len++;
    }
    return count >= REDACT_DUMP_MIN ? len : 0;
}

/* What a program shows to be let in (RFC 9110 §11.4): "Bearer abc". */
static size_t credentials(const char *start, const char *at)
{
    static const char *const schemes[] = {"bearer ", "dpop ", "basic "};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (ends_in(start, at, schemes[i]))
            return span_without(at, " \t\r\n\",;");
    return 0;
}

/* Behind "http://": "user:password", to the last '@'. One behind a slash counts where the slash may
 * stand in a password: what is in front of it is no port. */
static size_t user_of_address(struct walk *walk)
{
    const char *at = walk->at;
    if (!ends_in(walk->start, at, "://"))
        return 0;
    if (at >= walk->word) {
        walk->word = at + span_without(at, " \t\r\n\"<>");
        walk->sign = memrchr(at, '@', (size_t)(walk->word - at));
    }
    if (!walk->sign || walk->sign < at)
        return 0;
    size_t host = span_without(at, " \t\r\n\"<>/?#");
    const char *colon = memchr(at, ':', host);
    bool port = !colon || colon + 1 + span_of(colon + 1, "0123456789") == at + host;
    return port && !memchr(at, '@', host) ? 0 : (size_t)(walk->sign - at);
}

/* Capitals and small letters are one, of every alphabet. */
static wint_t fold(uint32_t character)
{
    static locale_t unicode;
    if (!unicode)
        unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return unicode           ? towlower_l(character, unicode)
           : character < 128 ? (wint_t)tolower((int)character)
                             : character;
}

/* How much of the text is this name; 0: it does not begin with it. */
static size_t spells(const char *at, const char *name)
{
    size_t len = 0;
    while (*name) {
        uint32_t wanted, is;
        size_t of_name = utf8_character(name, &wanted), of_text = utf8_character(at + len, &is);
        if (of_name == 0 || of_text == 0 || fold(wanted) != fold(is))
            return 0;
        name += of_name;
        len += of_text;
    }
    return len;
}

static size_t name_of(const char *start, const char *at, char *const *names, size_t count)
{
    if (at > start && is_word(at[-1]))
        return 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]) >= REDACT_NAME_MIN ? spells(at, names[i]) : 0;
        if (len > 0 && !is_word(at[len]))
            return len;
    }
    return 0;
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

/* "pin2", "pin_1": the name is what stands before. */
static const char *without_number(const char *start, const char *end)
{
    while (end > start && (isdigit((unsigned char)end[-1]) || end[-1] == '_'))
        end--;
    return end;
}

static size_t backslashes(const char *start, const char *at)
{
    size_t count = 0;
    while (at - count > start && at[-1 - (ptrdiff_t)count] == '\\')
        count++;
    return count;
}

/* To the quote that closes, which has as many backslashes in front of it as the one that opened
 * has, and behind which no more of a value comes; or to the line's end. */
static size_t quoted_value(const char *at, char quote, size_t escapes)
{
    size_t i = 0;
    for (; at[i] && at[i] != '\n'; i++) {
        if (at[i] != quote)
            continue;
        size_t count = backslashes(at, at + i);
        const char *behind = at + i + 1 + span_of(at + i + 1, " \t\r");
        if (count <= escapes && strchr(",;:}])\n", *behind))
            return i - count;
    }
    return i;
}

/* To a comma, or the '+' between two attributes (RFC 4514), that has no backslash. */
static size_t attribute_value(const char *at)
{
    size_t i = 0;
    while (at[i] && !strchr("\n\"", at[i]) &&
           (!strchr(",+", at[i]) || (i > 0 && at[i - 1] == '\\')))
        i++;
    return i;
}

/* The value that begins here, if what stands before says that it has to go. in_string: a quote has
 * been opened on this line. */
static size_t value(const char *start, const char *at, bool in_string)
{
    static const char between[] = " \t\"'\\";
    if (*at == '\0' || *at == '\n' || strchr(between, *at))
        return 0;
    const char *before = at;
    while (before > start && strchr(between, before[-1]))
        before--;
    if (before == start || !strchr("=:", before[-1]))
        return 0;
    bool equals = before[-1] == '=';
    const char *end = before - 1, *opens = before + span_of(before, " \t\\");
    while (end > start && strchr(between, end[-1]))
        end--;
    bool secret = is_secret(start, without_number(start, end)), quoted = opens < at;
    if (!secret && !((equals || at[-1] == '"') && is_attribute(start, end)))
        return 0;
    if (quoted && opens + 1 < at && opens[1] == *opens && strchr(",;}])", *at))
        return 0; /* "" */
    if (quoted)
        return quoted_value(at, *opens, backslashes(before, opens));
    if (!secret)
        return attribute_value(at);
    return in_string ? quoted_value(at, '"', 0) : span_without(at, "\n");
}

void redact(const char *text, char *const *names, size_t name_count, struct bytes *out)
{
    struct walk walk = {.start = text, .at = text, .chain = text, .word = text};
    while (*walk.at) {
        const char *at = walk.at, *instead = "[removed]";
        size_t ours = message_id(text, at);
        bytes_append(out, at, ours);
        walk.at = at += ours;
        size_t len = pem(at);
        if (len == 0)
            len = value(text, at, walk.in_string);
        if (len == 0)
            len = user_of_address(&walk);
        if (len == 0)
            len = credentials(text, at);
        if (len == 0)
            len = dump(text, at);
        if (len == 0)
            len = body(&walk);
        if (len == 0 && ((len = pin(text, at)) > 0 || (len = digits(text, at)) > 0))
            instead = "[number]";
        if (len == 0 && (len = name_of(text, at, names, name_count)) > 0)
            instead = "[name]";
        if (len > 0) {
            bytes_append_text(out, instead);
        } else {
            bytes_append(out, at, len = 1);
            if (*at == '\n')
                walk.in_string = false;
            else if (*at == '"' && backslashes(text, at) == 0)
                walk.in_string = !walk.in_string;
        }
        walk.at += len;
    }
}
