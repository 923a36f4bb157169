/* SPDX-License-Identifier: MIT */
/*
 * Signing in as a native program does: OpenID Connect's code flow with PKCE in the system's browser
 * (RFC 8252). The program sees neither card nor PIN, and where somebody is signed in on this
 * desktop already the browser comes straight back.
 */
#pragma once

#include <stdbool.h>

/* Empty texts are not known. */
struct oidc_person {
    char uid[64];
    char name[256];
    char role[256];
    char organisation[256];
    char acr[64];
};

/* Opens the browser and waits for it, at most three minutes. False: nobody is signed in, and a line
 * on standard error says why. */
bool oidc_sign_in(const char *issuer, const char *client_id, struct oidc_person *person);
