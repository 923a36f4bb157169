/* SPDX-License-Identifier: MIT */
/* The vocabulary of faults, and what they do to an answer; the rest of them is hid.c's business. */
#include "fault.h"

#include <stdlib.h>
#include <string.h>

#include "crypto.h"
#include "ctap.h"
#include "hid.h"

static const struct {
    const char *word;
    enum fault_action action;
} actions[] = {
    {"stall", FAULT_STALL},
    {"flood", FAULT_FLOOD},
    {"busy", FAULT_BUSY},
    {"noise", FAULT_NOISE},
    {"disconnect", FAULT_DISCONNECT},
    {"truncated", FAULT_TRUNCATED},
    {"garbage", FAULT_GARBAGE},
    {"non-canonical", FAULT_NON_CANONICAL},
    {"cbor-length", FAULT_CBOR_LENGTH},
    {"empty", FAULT_EMPTY},
    {"status", FAULT_STATUS},
    {"wrong-channel", FAULT_WRONG_CHANNEL},
    {"others", FAULT_OTHERS},
    {"sequence", FAULT_SEQUENCE},
    {"long", FAULT_LONG},
    {"huge", FAULT_HUGE},
    {"signature", FAULT_SIGNATURE},
    {"credential", FAULT_CREDENTIAL},
    {"counter", FAULT_COUNTER},
};

/* A command of CTAPHID, of CTAP (0: any), and a subcommand of authenticatorClientPIN (0: any). */
static const struct place {
    const char *word;
    uint8_t hid, ctap, subcommand;
} places[] = {
    {"init", HID_INIT, 0, 0},
    {"ping", HID_PING, 0, 0},
    {"msg", HID_MSG, 0, 0},
    {"wink", HID_WINK, 0, 0},
    {"cbor", HID_CBOR, 0, 0},
    {"make", HID_CBOR, CTAP_MAKE_CREDENTIAL, 0},
    {"get", HID_CBOR, CTAP_GET_ASSERTION, 0},
    {"next", HID_CBOR, CTAP_GET_NEXT_ASSERTION, 0},
    {"info", HID_CBOR, CTAP_GET_INFO, 0},
    {"pin", HID_CBOR, CTAP_CLIENT_PIN, 0},
    {"tries", HID_CBOR, CTAP_CLIENT_PIN, 1},
    {"agreement", HID_CBOR, CTAP_CLIENT_PIN, 2},
    {"set-pin", HID_CBOR, CTAP_CLIENT_PIN, 3},
    {"change-pin", HID_CBOR, CTAP_CLIENT_PIN, 4},
    {"token", HID_CBOR, CTAP_CLIENT_PIN, 9},
    {"token-by-finger", HID_CBOR, CTAP_CLIENT_PIN, 6},
    {"reset", HID_CBOR, CTAP_RESET, 0},
    {"manage", HID_CBOR, CTAP_CREDENTIAL_MANAGEMENT, 0},
    {"select", HID_CBOR, CTAP_SELECTION, 0},
    {"blobs", HID_CBOR, CTAP_LARGE_BLOBS, 0},
    {"config", HID_CBOR, CTAP_CONFIG, 0},
};

static const struct place *place_of(const char *word)
{
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strcmp(places[i].word, word) == 0)
            return &places[i];
    return NULL;
}

static bool parse_place(const char *word, struct fault *fault)
{
    const struct place *place = place_of(word);
    char *end;
    unsigned long number;

    if (place) {
        fault->at = place->word;
        return true;
    }
    number = strtoul(word, &end, 10);
    fault->number = (unsigned)number;
    return *end == '\0' && number > 0 && number < 100000;
}

static bool parse_status(const char *word, uint8_t *status)
{
    if (strlen(word) != 2 || strspn(word, "0123456789abcdefABCDEF") != 2)
        return false;
    *status = (uint8_t)strtoul(word, NULL, 16);
    return true;
}

bool fault_parse(char *const words[], int count, struct fault *fault)
{
    *fault = (struct fault){0};
    for (size_t i = 0; count > 0 && i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].word, words[0]) == 0)
            fault->action = actions[i].action;
    if (fault->action == FAULT_NONE)
        return false;
    words++;
    count--;
    if (fault->action == FAULT_STATUS) {
        if (count == 0 || !parse_status(words[0], &fault->status))
            return false;
        words++;
        count--;
    }
    return count == 0 ||
           (count == 2 && strcmp(words[0], "at") == 0 && parse_place(words[1], fault));
}

static bool subcommand_is(const uint8_t *message, size_t size, uint8_t subcommand)
{
    struct cbor map, item;
    int64_t value;

    if (subcommand == 0)
        return true;
    if (!cbor_parse(message + 1, size - 1, &map) || !cbor_member(&map, 2, &item) ||
        !cbor_integer(&item, &value))
        return false;
    return value == subcommand || (subcommand == 9 && value == 5); /* the older way to a token */
}

bool fault_applies(const struct fault *fault, unsigned number, uint8_t hid_command,
                   const uint8_t *message, size_t size)
{
    const struct place *place = fault->at ? place_of(fault->at) : NULL;

    if (fault->action == FAULT_NONE)
        return false;
    if (fault->number > 0)
        return fault->number == number;
    if (!place)
        return true;
    if (place->hid != hid_command)
        return false;
    return place->ctap == 0 || (size > 0 && message[0] == place->ctap &&
                                subcommand_is(message, size, place->subcommand));
}

static void lengthen_map_head(struct cbor_writer *answer)
{
    if (answer->size < 2 || answer->size == answer->room || answer->bytes[1] >> 5 != CBOR_MAP)
        return;
    memmove(answer->bytes + 3, answer->bytes + 2, answer->size - 2);
    answer->bytes[2] = answer->bytes[1] & 0x1f;
    answer->bytes[1] = CBOR_MAP << 5 | 24;
    answer->size++;
}

/* A byte string's head is 58 nn or 59 nn nn, of which the first in an answer is never data. */
static void lengthen_string(struct cbor_writer *answer)
{
    for (size_t i = 1; i + 1 < answer->size; i++) {
        if (answer->bytes[i] != 0x58 && answer->bytes[i] != 0x59)
            continue;
        answer->bytes[i + 1] = 0xff;
        return;
    }
}

void fault_spoil(const struct fault *fault, struct cbor_writer *answer)
{
    switch (fault->action) {
    case FAULT_TRUNCATED:
        answer->size = (answer->size + 1) / 2;
        break;
    case FAULT_GARBAGE:
        if (answer->size > 1)
            random_bytes(answer->bytes + 1, answer->size - 1);
        answer->bytes[0] = CTAP_OK;
        break;
    case FAULT_NON_CANONICAL:
        lengthen_map_head(answer);
        break;
    case FAULT_CBOR_LENGTH:
        lengthen_string(answer);
        break;
    case FAULT_EMPTY:
        answer->size = 0;
        break;
    case FAULT_STATUS:
        answer->bytes[0] = fault->status;
        answer->size = 1;
        break;
    default:
        break;
    }
}
