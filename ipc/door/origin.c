/* SPDX-License-Identifier: MIT */
/*
 * Origins are compared byte for byte, and that is only sound when each origin has one spelling.
 * Browsers write one (RFC 6454 §6.2, WHATWG URL): lower case, internationalised names in their
 * xn-- form, addresses shortened, the scheme's own port left out. This file accepts that spelling
 * and no other, for the administrator's list and for what a caller says alike.
 *
 * A page on plain http is a secure context only on this computer, so http goes with three hosts.
 *
 * Hosts ending in a number are IPv4 addresses to a browser, so such a host must be four plain
 * decimal numbers; IPv6 must be as inet_ntop writes it.
 */
#include "ipc/door/door.h"

#include "ipc/base/loopback.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    HOST_NAME_MAX_BYTES = 253, /* RFC 1035 §2.3.4, without the root's dot */
    LABEL_MAX_BYTES = 63,
    PORT_DIGITS_MAX = 5,
    PORT_MAX = 65535,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool label_character(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

/* Names of labels; neither an empty label nor a trailing dot. */
static bool host_name(const char *host, size_t len)
{
    if (len == 0 || len > HOST_NAME_MAX_BYTES)
        return false;
    size_t label = 0;
    for (size_t i = 0; i < len; i++) {
        if (host[i] == '.') {
            if (label == 0 || host[i - 1] == '-')
                return false;
            label = 0;
            continue;
        }
        if (!label_character(host[i]) || (label == 0 && host[i] == '-') ||
            ++label > LABEL_MAX_BYTES)
            return false;
    }
    return label > 0 && host[len - 1] != '-';
}

/* What a browser would read as an IPv4 address: the last label is a number, decimal or 0x. */
static bool ends_in_number(const char *host, size_t len)
{
    size_t start = len;
    while (start > 0 && host[start - 1] != '.')
        start--;
    if (len - start >= 2 && host[start] == '0' && host[start + 1] == 'x')
        return true;
    for (size_t i = start; i < len; i++)
        if (!is_digit(host[i]))
            return false;
    return true;
}

/* True if the address is written exactly as the system would write it. */
static bool address(int family, const char *host, size_t len)
{
    char text[INET6_ADDRSTRLEN], again[INET6_ADDRSTRLEN];
    unsigned char binary[sizeof(struct in6_addr)];
    if (len >= sizeof text)
        return false;
    memcpy(text, host, len);
    text[len] = '\0';
    return inet_pton(family, text, binary) == 1 && inet_ntop(family, binary, again, sizeof again) &&
           strcmp(text, again) == 0;
}

static bool host_canonical(const char *host, size_t len)
{
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']')
        return address(AF_INET6, host + 1, len - 2);
    if (!host_name(host, len))
        return false;
    return !ends_in_number(host, len) || address(AF_INET, host, len);
}

/* A port without leading zeros that is not the scheme's own. */
static bool port_canonical(const char *port, size_t len, unsigned own)
{
    if (len == 0 || len > PORT_DIGITS_MAX || port[0] == '0')
        return false;
    unsigned value = 0;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(port[i]))
            return false;
        value = value * 10 + (unsigned)(port[i] - '0');
    }
    return value <= PORT_MAX && value != own;
}

bool origin_canonical(const char *text, size_t len)
{
    static const struct {
        const char *prefix;
        unsigned port;
        bool (*host)(const char *host, size_t len);
    } schemes[] = {{"https://", 443, host_canonical}, {"http://", 80, host_is_loopback}};

    if (len > ORIGIN_TEXT_MAX)
        return false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t prefix = strlen(schemes[i].prefix);
        if (len <= prefix || memcmp(text, schemes[i].prefix, prefix) != 0)
            continue;
        const char *host = text + prefix;
        size_t left = len - prefix;
        const char *end = host[0] == '[' ? memchr(host, ']', left) : host;
        const char *colon = end ? memchr(end, ':', left - (size_t)(end - host)) : NULL;
        if (!colon)
            return schemes[i].host(host, left);
        size_t host_len = (size_t)(colon - host);
        return schemes[i].host(host, host_len) &&
               port_canonical(colon + 1, left - host_len - 1, schemes[i].port);
    }
    return false;
}
