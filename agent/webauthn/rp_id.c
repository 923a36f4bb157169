/* SPDX-License-Identifier: MIT */
/*
 * Origins come in one spelling (ipc/door/origin.c), and so do names here: nothing is parsed into
 * something else and then compared, so there is nothing that two parsers could read differently. A
 * suffix of the host is registrable exactly if it is no shorter than the host's registrable domain.
 *
 * An appid is a URL that a site chose long ago, and its text as a whole is what a key was
 * registered for. Only its host matters here, and it too has to be in the spelling of origins, with
 * or without a port: what stands before it, or what another reader might take for the host's end,
 * is refused.
 */
#include "agent/webauthn/rp_id.h"

#include "ipc/base/log.h"
#include "ipc/door/door.h"

#include <libpsl.h>
#include <pthread.h>
#include <string.h>

enum { HOST_MAX = 253 };

static const char https[] = "https://";

static pthread_once_t list_once = PTHREAD_ONCE_INIT;
static psl_ctx_t *list; /* for the life of the process */

static void load_list(void)
{
    list = psl_latest(NULL);
    if (!list)
        log_warning("no public suffix list: sites may use security keys of their own host only");
}

/* The host of a canonical origin, copied; false: it is an address, which is no name. */
static bool host_of(const char *origin, char host[HOST_MAX + 1])
{
    const char *start = strstr(origin, "://");
    if (!start || !origin_canonical(origin, strlen(origin)))
        return false;
    start += strlen("://");
    size_t len = strcspn(start, ":");
    if (start[0] == '[' || len == 0 || len > HOST_MAX)
        return false;
    memcpy(host, start, len);
    host[len] = '\0';
    /* A canonical host whose last label is of digits is an IPv4 address. */
    const char *last = strrchr(host, '.');
    last = last ? last + 1 : host;
    return strspn(last, "0123456789") != strlen(last);
}

/* Borrowed from host; NULL: there is none, the host is a public suffix itself. */
static const char *registrable_domain(const char *host)
{
    pthread_once(&list_once, load_list);
    return list ? psl_registrable_domain(list, host) : NULL;
}

static bool registrable_suffix(const char *host, const char *suffix)
{
    size_t host_len = strlen(host), len = strlen(suffix);
    if (len == 0 || len >= host_len || host[host_len - len - 1] != '.' ||
        strcmp(host + host_len - len, suffix) != 0)
        return false;
    const char *domain = registrable_domain(host);
    return domain && len >= strlen(domain);
}

bool rp_id_settle(const char *origin, const char *wanted, char rp_id[FIDO_RP_ID_MAX + 1])
{
    char host[HOST_MAX + 1];
    if (!host_of(origin, host))
        return false;
    const char *settled = *wanted ? wanted : host;
    if (strcmp(settled, host) != 0 && !registrable_suffix(host, settled))
        return false;
    memcpy(rp_id, settled, strlen(settled) + 1); /* no longer than host */
    return true;
}

/* Of the URL's scheme, host and port, which must read as an origin. */
static bool appid_host(const char *appid, char host[HOST_MAX + 1])
{
    char origin[ORIGIN_TEXT_MAX + 1];
    if (strncmp(appid, https, strlen(https)) != 0)
        return false;
    for (const char *c = appid; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '\\')
            return false;
    size_t len = strlen(https) + strcspn(appid + strlen(https), "/?#");
    if (len > ORIGIN_TEXT_MAX)
        return false;
    memcpy(origin, appid, len);
    origin[len] = '\0';
    return host_of(origin, host);
}

bool rp_appid_allowed(const char *origin, const char *appid)
{
    char site[HOST_MAX + 1], other[HOST_MAX + 1];
    if (strncmp(origin, https, strlen(https)) != 0 || !host_of(origin, site) ||
        !appid_host(appid, other))
        return false;
    const char *domain = registrable_domain(site), *its = registrable_domain(other);
    return domain && its && strcmp(domain, its) == 0;
}
