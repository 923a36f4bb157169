/* SPDX-License-Identifier: MIT */
/*
 * Reads a card's folder. The folder is never written to: a changed PIN, a blocked card and a reset
 * one live in memory, so that each run of the sandbox starts from the cards as they were issued.
 *
 * card.conf has one "name = value" per line: pin, puk and guid (32 hexadecimal digits).
 */
#include "card.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* T=1 only; the historical bytes are a name that no driver's table knows, so that OpenSC finds the
 * card by its application, as it does with the series 9 cards. The last byte is the checksum. */
const uint8_t card_atr[] = {0x3b, 0x87, 0x80, 0x01, 'L', 'a', 'n', 'y', 'a', 'r', 'd', 0x4b};
const size_t card_atr_size = sizeof card_atr;

static const char *const slot_files[PIV_SLOTS] = {
    [PIV_AUTHENTICATION] = "9a",
    [PIV_SIGNATURE] = "9c",
    [PIV_KEY_MANAGEMENT] = "9d",
    [PIV_CARD_AUTHENTICATION] = "9e",
};

#define SETTING_MAX 64

struct settings {
    char pin[SETTING_MAX]; /* piv_new looks at their lengths */
    char puk[SETTING_MAX];
    uint8_t guid[PIV_GUID_SIZE];
};

bool card_name_valid(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return size > 0 && size < CARD_NAME_MAX && name[size] == '\0';
}

static bool parse_guid(const char *text, uint8_t guid[static PIV_GUID_SIZE])
{
    long size;
    unsigned char *bytes = OPENSSL_hexstr2buf(text, &size);
    bool ok = bytes && size == PIV_GUID_SIZE;

    if (ok)
        memcpy(guid, bytes, PIV_GUID_SIZE);
    OPENSSL_free(bytes);
    return ok;
}

static bool read_settings(const char *folder, struct settings *settings)
{
    char path[PATH_MAX + 64], line[128], name[16], value[SETTING_MAX];
    bool guid = false;
    FILE *file;

    snprintf(path, sizeof path, "%s/card.conf", folder);
    file = fopen(path, "re");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, " %15[a-z] = %63s", name, value) != 2)
            continue;
        if (strcmp(name, "pin") == 0)
            snprintf(settings->pin, sizeof settings->pin, "%s", value);
        else if (strcmp(name, "puk") == 0)
            snprintf(settings->puk, sizeof settings->puk, "%s", value);
        else if (strcmp(name, "guid") == 0)
            guid = parse_guid(value, settings->guid);
    }
    fclose(file);
    return guid;
}

static void read_certificate(const char *path, struct piv_slot *slot)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    unsigned char *der = NULL;
    int size = certificate ? i2d_X509(certificate, &der) : 0;

    if (size > 0 && der)
        slot->certificate = malloc((size_t)size);
    if (slot->certificate) {
        memcpy(slot->certificate, der, (size_t)size);
        slot->certificate_size = (size_t)size;
    }
    OPENSSL_free(der);
    X509_free(certificate);
    ERR_clear_error();
    if (file)
        fclose(file);
}

static void read_slot(const char *folder, const char *slot_file, struct piv_slot *slot)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/%s.key.pem", folder, slot_file);
    slot->key = key_load(path);
    snprintf(path, sizeof path, "%s/%s.cert.pem", folder, slot_file);
    read_certificate(path, slot);
}

static void free_slots(struct piv_slot slots[static PIV_SLOTS])
{
    for (size_t i = 0; i < PIV_SLOTS; i++) {
        key_free(slots[i].key);
        free(slots[i].certificate);
    }
}

struct card *card_load(const char *folder, const char *name, const char **why)
{
    struct piv_slot slots[PIV_SLOTS] = {0};
    struct settings settings = {0};
    char path[PATH_MAX];
    struct card *card;

    *why = "no such card";
    if (!card_name_valid(name))
        return NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!read_settings(path, &settings))
        return NULL;
    *why = "the card's folder is incomplete";
    card = calloc(1, sizeof *card);
    if (!card)
        return NULL;
    snprintf(card->name, sizeof card->name, "%s", name);
    for (size_t i = 0; i < PIV_SLOTS; i++)
        read_slot(path, slot_files[i], &slots[i]);
    card->piv = piv_new(settings.pin, settings.puk, settings.guid, slots);
    if (!card->piv) {
        free_slots(slots);
        free(card);
        return NULL;
    }
    return card;
}

void card_free(struct card *card)
{
    if (!card)
        return;
    piv_free(card->piv);
    free(card);
}
