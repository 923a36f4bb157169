/* SPDX-License-Identifier: MIT */
/*
 * Requests to the provider, with libcurl. Everything blocks, for at most ten seconds.
 */
#pragma once

#include <jansson.h>

/* GET, or where there is a form POST of it. bearer: an access token, or NULL. Returns the answer's
 * JSON, owned; NULL, with a line on standard error, when the answer is anything but 200 with JSON.
 */
json_t *web_ask(const char *url, const char *form, const char *bearer);

/* Puts name=value, escaped, behind what text holds, with a & before it where needed. text: an array
 * of size bytes. Where there is no room text becomes empty and stays so. */
void web_add(char *text, size_t size, const char *name, const char *value);
