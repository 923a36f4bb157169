/* SPDX-License-Identifier: MIT */
/* mktime makes the third of March of the 31st of February; whoever wrote that is asked again. */
#include "agent/cli/audit_since.h"

#include <stdlib.h>
#include <string.h>

static bool ago(const char *text, time_t now, time_t *moment)
{
    static const struct {
        char letter;
        long seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 6 || strlen(text) != digits + 1)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text[digits] == units[i].letter) {
            *moment = now - strtol(text, NULL, 10) * units[i].seconds;
            return true;
        }
    return false;
}

static bool midnight(const char *text, time_t now, time_t *moment)
{
    bool yesterday = strcmp(text, "yesterday") == 0;
    struct tm day;
    if ((!yesterday && strcmp(text, "today") != 0) || !localtime_r(&now, &day))
        return false;
    day.tm_mday -= yesterday;
    day.tm_hour = day.tm_min = day.tm_sec = 0;
    day.tm_isdst = -1;
    *moment = mktime(&day);
    return true;
}

static bool date(const char *text, time_t *moment)
{
    struct tm parts = {.tm_isdst = -1};
    const char *at = strptime(text, "%Y-%m-%d", &parts);
    if (at && (*at == ' ' || *at == 'T') && at[1] != '\0')
        at = strptime(at + 1, "%H:%M", &parts);
    if (at && *at == ':')
        at = strptime(at + 1, "%S", &parts);
    bool utc = at && strcmp(at, "Z") == 0;
    if (!at || (*at != '\0' && !utc))
        return false;
    int day = parts.tm_mday;
    *moment = utc ? timegm(&parts) : mktime(&parts);
    return parts.tm_mday == day;
}

bool audit_since(const char *text, time_t now, uint64_t *microseconds)
{
    time_t moment = -1;
    if (!ago(text, now, &moment) && !midnight(text, now, &moment) && !date(text, &moment))
        return false;
    *microseconds = moment > 0 ? (uint64_t)moment * 1000000 : 0;
    return true;
}
