/* SPDX-License-Identifier: MIT */
/*
 * What browsers' managed policies say of a page that wants to talk to this computer. Sans-I/O: the
 * texts are given. Any thread; nothing blocks.
 *
 * Chromium and its relatives: of several lists the first that has the origin decides, in the order
 * loopback blocked, loopback allowed, local blocked, local allowed (policy list of Chromium, 146).
 * Firefox: LocalNetworkAccess of policies.json (policy templates, 150).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

enum policy_verdict { POLICY_SILENT, POLICY_ALLOWS, POLICY_BLOCKS };

/* origin: "https://login.example.nhs.uk". *list: which policy decided, static. */
enum policy_verdict policy_of_chromium(const json_t *policies, const char *origin,
                                       const char **list);
/* file: a policies.json. */
enum policy_verdict policy_of_firefox(const json_t *file, const char *origin, const char **list);

/* Only what is about this, for an archive. Returns owned; NULL without memory. */
json_t *policy_excerpt(const json_t *policies);

/* Whether the pattern of a policy ("https://a.example", "[*.]example", "*", "a.example:8443") is
 * for that origin. */
bool policy_pattern_fits(const char *pattern, const char *origin);
