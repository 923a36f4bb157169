/* SPDX-License-Identifier: MIT */
/*
 * Whose security keys a site may use: the relying party's id is its origin's host, or a domain
 * above it that somebody can register (Web Authentication Level 3 §5.1.3 step 8; HTML, "is a
 * registrable domain suffix of or is equal to"). What can be registered says the public suffix
 * list, the system's or libpsl's own, whichever is newer; without any, only the host itself will
 * do. Any thread; reads a file at the first call, else nothing blocks.
 */
#pragma once

#include "ipc/fido_message.h"

/* wanted: as the site named it; "": its host. True if it may, and rp_id is then what to ask keys
 * for. origin is canonical (origin_canonical), hence a secure context. Compared byte for byte: an
 * upper case letter, a dot at the end, a port or a letter beyond ASCII is another name. An address
 * is none. */
bool rp_id_settle(const char *origin, const char *wanted, char rp_id[FIDO_RP_ID_MAX + 1]);

/* True if the site may ask for U2F credentials of that appid: a URL of https, whose host has the
 * origin's registrable domain (FIDO AppID and Facet Specification §3.1.2 step 2, and as browsers
 * do it, without fetching the list that the URL names). */
bool rp_appid_allowed(const char *origin, const char *appid);
