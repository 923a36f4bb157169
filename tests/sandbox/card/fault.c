/* SPDX-License-Identifier: MIT */
/* The vocabulary of faults. What they do is reader_link.c's business. */
#include "fault.h"

#include <stdlib.h>
#include <string.h>

static bool parse_command(const char *word, struct fault *fault)
{
    static const struct {
        const char *word;
        enum piv_command command;
    } names[] = {
        {"verify", PIV_VERIFY},
        {"sign", PIV_SIGN},
        {"read", PIV_READ},
        {"select", PIV_SELECT},
    };

    fault->at_any = strcmp(word, "any") == 0;
    if (fault->at_any)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(word, names[i].word) == 0) {
            fault->at = names[i].command;
            return true;
        }
    }
    return false;
}

/* Nothing, or "at COMMAND". */
static bool parse_place(char *const words[], int count, struct fault *fault)
{
    fault->at_any = true;
    if (count == 0)
        return true;
    return count == 2 && strcmp(words[0], "at") == 0 && parse_command(words[1], fault);
}

static bool parse_status(const char *word, unsigned *status)
{
    if (strlen(word) != 4 || strspn(word, "0123456789abcdefABCDEF") != 4)
        return false;
    *status = (unsigned)strtoul(word, NULL, 16);
    return true;
}

bool fault_parse(char *const words[], int count, struct fault *fault)
{
    *fault = (struct fault){0};
    if (count == 2 && strcmp(words[0], "remove-at") == 0) {
        fault->action = FAULT_REMOVE;
        return parse_command(words[1], fault);
    }
    if (count == 3 && strcmp(words[0], "swap-at") == 0) {
        fault->action = FAULT_SWAP;
        fault->other_card = words[2];
        return parse_command(words[1], fault);
    }
    if (count >= 1 && strcmp(words[0], "garbage") == 0) {
        fault->action = FAULT_GARBAGE;
        return parse_place(words + 1, count - 1, fault);
    }
    if (count >= 1 && strcmp(words[0], "hang") == 0) {
        fault->action = FAULT_HANG;
        return parse_place(words + 1, count - 1, fault);
    }
    if (count >= 2 && strcmp(words[0], "status") == 0) {
        fault->action = FAULT_STATUS;
        return parse_status(words[1], &fault->status) && parse_place(words + 2, count - 2, fault);
    }
    return false;
}

bool fault_applies(const struct fault *fault, enum piv_command command)
{
    return fault->action != FAULT_NONE && (fault->at_any || fault->at == command);
}
