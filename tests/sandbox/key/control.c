/* SPDX-License-Identifier: MIT */
/*
 * A command is carried out completely before its answer leaves: a test that has read "ok" knows
 * that the programs which have the key open were told. A few are questions that wait for their
 * answer. Bytes are base64url, as in Web Authentication's JSON.
 */
#include "control.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/lines/lines.h"

#define MILLISECONDS_MAX 600000
#define COUNTER_MAX 4000000000UL
#define ID_TEXT_MAX 200

struct request {
    struct key_ring *ring;
    char **words; /* after the command's own, and the key's */
    int count;
    struct key *key;
    char *answer;
    bool later; /* ask again */
};

__attribute__((format(printf, 2, 3))) static void reply(struct request *request, const char *format,
                                                        ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(request->answer, LINES_ANSWER_MAX, format, arguments);
    va_end(arguments);
}

static bool number(const char *word, unsigned long max, unsigned long *value)
{
    char *end;

    *value = strtoul(word, &end, 10);
    return end != word && *end == '\0' && *value <= max;
}

/* --- hands ----------------------------------------------------------------------------------- */

static void do_plug(struct request *request)
{
    if (key_plug(request->key))
        reply(request, "ok %s", request->key->link->path);
    else
        reply(request, "error it is plugged in, or cannot be");
}

static void do_unplug(struct request *request)
{
    if (key_unplug(request->key))
        reply(request, "ok unplugged");
    else
        reply(request, "error already unplugged");
}

static void do_touch(struct request *request)
{
    bool waited = authenticator_touch(&request->key->authenticator);

    key_settle(request->key);
    reply(request, waited ? "ok touched" : "ok will be touched when it blinks");
}

static void do_delay(struct request *request)
{
    struct settings *settings = &request->key->authenticator.settings;
    const char *word = request->words[0];
    unsigned long delay = 0;

    if (strcmp(word, "never") == 0) {
        settings->touch = TOUCH_NEVER;
    } else if (strcmp(word, "command") == 0) {
        settings->touch = TOUCH_COMMAND;
    } else if (number(word, MILLISECONDS_MAX, &delay)) {
        settings->touch = TOUCH_AFTER;
        settings->touch_after_ms = (unsigned)delay;
    } else {
        reply(request, "error a delay is 0 to %d milliseconds, never or command", MILLISECONDS_MAX);
        return;
    }
    key_settle(request->key);
    reply(request, "ok %s", word);
}

static void do_patience(struct request *request)
{
    unsigned long patience;

    if (!number(request->words[0], MILLISECONDS_MAX, &patience)) {
        reply(request, "error a patience is 0 to %d milliseconds", MILLISECONDS_MAX);
        return;
    }
    request->key->authenticator.settings.wait_ms = (unsigned)patience;
    reply(request, "ok %lu ms", patience);
}

static void wait_for(struct request *request, bool so)
{
    request->later = !so;
    reply(request, "ok");
}

static void do_blinks(struct request *request)
{
    wait_for(request, hid_blinks(&request->key->hid));
}

static void do_rests(struct request *request)
{
    wait_for(request, !hid_blinks(&request->key->hid));
}

static void do_closed(struct request *request)
{
    wait_for(request, request->key->link->openers == 0);
}

/* --- what the key is ------------------------------------------------------------------------- */

static void set_pin(struct request *request, const char *pin)
{
    struct store *store = &request->key->authenticator.store;
    uint8_t hash[HASH_SIZE];
    size_t length = 0;

    for (const char *c = pin; *c; c++)
        length += (*c & 0xc0) != 0x80;
    if (length < store->min_pin_length || strlen(pin) > 63) {
        reply(request, "error a PIN is %u characters to 63 bytes", store->min_pin_length);
        return;
    }
    sha256(pin, strlen(pin), hash);
    memcpy(store->pin_hash, hash, PIN_HASH_SIZE);
    store->pin_set = true;
    store->pin_change_owed = false;
    store->pin_length = (uint8_t)length;
    store->pin_tries = PIN_TRIES_MAX;
    reply(request, "ok the PIN of %s is new", request->key->name);
}

static void clear_pin(struct request *request)
{
    struct store *store = &request->key->authenticator.store;

    store->pin_set = store->pin_change_owed = false;
    store->pin_tries = PIN_TRIES_MAX;
    memset(store->pin_hash, 0, sizeof store->pin_hash);
    reply(request, "ok %s has no PIN", request->key->name);
}

static void set_pin_number(struct request *request, uint8_t *what, unsigned long max)
{
    unsigned long value;

    if (request->count < 2 || !number(request->words[1], max, &value)) {
        reply(request, "error that is a number up to %lu", max);
        return;
    }
    *what = (uint8_t)value;
    reply(request, "ok %lu", value);
}

static void do_pin(struct request *request)
{
    struct store *store = &request->key->authenticator.store;
    const char *word = request->words[0];

    if (strcmp(word, "set") == 0 && request->count == 2)
        set_pin(request, request->words[1]);
    else if (strcmp(word, "clear") == 0)
        clear_pin(request);
    else if (strcmp(word, "tries") == 0)
        set_pin_number(request, &store->pin_tries, PIN_TRIES_MAX);
    else if (strcmp(word, "minimum") == 0)
        set_pin_number(request, &store->min_pin_length, 63);
    else if (strcmp(word, "owed") == 0) {
        store->pin_change_owed = true;
        reply(request, "ok the PIN must be changed");
    } else {
        reply(request, "error pin set, clear, tries, minimum or owed");
    }
    forget_tokens(&request->key->authenticator);
    store_save(store);
}

static void do_finger(struct request *request)
{
    struct settings *settings = &request->key->authenticator.settings;
    const char *word = request->words[0];
    unsigned long count = 1;

    if (strcmp(word, "on") == 0 || strcmp(word, "off") == 0) {
        settings->verifies = strcmp(word, "on") == 0;
        request->key->authenticator.store.uv_tries = UV_TRIES_MAX;
    } else if (strcmp(word, "wrong") == 0 &&
               (request->count == 1 || number(request->words[1], 100, &count))) {
        settings->wrong_fingers = (unsigned)count;
    } else {
        reply(request, "error finger on, off or wrong");
        return;
    }
    reply(request, "ok %s", word);
}

static void do_option(struct request *request)
{
    struct authenticator *key = &request->key->authenticator;
    const struct {
        const char *name;
        bool *value;
    } options[] = {
        {"u2f-only", &key->settings.u2f_only},
        {"make-needs-pin", &key->settings.make_needs_pin},
        {"self-attestation", &key->settings.self_attestation},
        {"always-uv", &key->store.always_uv},
    };
    bool on = strcmp(request->words[1], "on") == 0;

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(options[i].name, request->words[0]) != 0)
            continue;
        *options[i].value = on;
        store_save(&key->store);
        reply(request, "ok %s %s", options[i].name, on ? "on" : "off");
        return;
    }
    reply(request, "error no such option");
}

static void do_room(struct request *request)
{
    unsigned long room;

    if (!number(request->words[0], STORE_CREDENTIALS_MAX, &room)) {
        reply(request, "error room for 0 to %d", STORE_CREDENTIALS_MAX);
        return;
    }
    request->key->authenticator.settings.resident_room = room;
    reply(request, "ok %lu", room);
}

static void do_new(struct request *request)
{
    struct authenticator *key = &request->key->authenticator;

    hid_give_up(&request->key->hid);
    key->more.count = 0;
    store_reset(&key->store);
    store_save(&key->store);
    pin_power_up(key);
    reply(request, "ok as it left the factory");
}

static void do_state(struct request *request)
{
    const struct key *key = request->key;
    const struct store *store = &key->authenticator.store;

    reply(request,
          "ok plugged=%d blinking=%d open=%u messages=%u winks=%u pin=%s tries=%u in-row=%u "
          "owed=%d minimum=%u finger=%s uv-tries=%u always-uv=%d credentials=%zu resident=%zu "
          "blobs=%zu path=%s",
          key->link->plugged, hid_blinks(&key->hid), key->link->openers, key->hid.messages,
          key->hid.winks, store->pin_set ? "set" : "none", store->pin_tries,
          key->authenticator.pin.wrong_in_row, store->pin_change_owed, store->min_pin_length,
          key->authenticator.settings.verifies ? "on" : "off", store->uv_tries, store->always_uv,
          store->count, store_resident_count(store), store->blobs_size, key->link->path);
}

/* --- credentials ----------------------------------------------------------------------------- */

static void describe(const struct credential *credential, char *text, size_t room)
{
    char id[ID_TEXT_MAX], user[ID_TEXT_MAX];

    base64url(credential->id, credential->id_size, id, sizeof id);
    base64url(credential->user_id, credential->user_id_size, user, sizeof user);
    snprintf(text, room, "id=%s rp=%s user=%s resident=%d protection=%u counter=%u", id,
             credential->rp_id[0] ? credential->rp_id : "-", user[0] ? user : "-",
             credential->resident, credential->protection, credential->counter);
}

static void do_credentials(struct request *request)
{
    const struct store *store = &request->key->authenticator.store;
    size_t used = (size_t)snprintf(request->answer, LINES_ANSWER_MAX, "ok");

    for (size_t i = 0; i < store->count && used < LINES_ANSWER_MAX; i++) {
        char text[1024];

        describe(store->credentials[i], text, sizeof text);
        used += (size_t)snprintf(request->answer + used, LINES_ANSWER_MAX - used, "%s %s",
                                 i == 0 ? "" : ";", text);
    }
}

static struct credential *named(struct request *request)
{
    uint8_t id[CREDENTIAL_ID_MAX];
    int size = base64url_decode(request->words[0], id, sizeof id);
    struct credential *credential =
        size > 0 ? store_find(&request->key->authenticator.store, id, (size_t)size) : NULL;

    if (!credential)
        reply(request, "error no such credential");
    return credential;
}

static void do_export(struct request *request)
{
    const struct credential *credential = named(request);
    uint8_t der[PKCS8_MAX];
    char text[1024], private[2 * PKCS8_MAX];
    size_t size;

    if (!credential)
        return;
    if (!private_key_pkcs8(credential->key, der, &size)) {
        reply(request, "error no private key");
        return;
    }
    describe(credential, text, sizeof text);
    base64url(der, size, private, sizeof private);
    reply(request, "ok %s private=%s", text, private);
}

static void do_forget(struct request *request)
{
    struct authenticator *key = &request->key->authenticator;
    struct credential *credential = named(request);

    if (!credential)
        return;
    key->more.count = 0;
    store_remove(&key->store, credential);
    store_save(&key->store);
    reply(request, "ok forgotten");
}

static bool fill_in(struct credential *credential, char *const words[], int count)
{
    uint8_t der[PKCS8_MAX];
    int id = base64url_decode(words[1], credential->id, sizeof credential->id);
    int key = base64url_decode(words[2], der, sizeof der);
    int user = strcmp(words[3], "-") == 0
                   ? 0
                   : base64url_decode(words[3], credential->user_id, sizeof credential->user_id);
    unsigned long counter = 0;

    if (id <= 0 || key <= 0 || user < 0 || strlen(words[0]) > RP_ID_MAX ||
        (count > 5 && !number(words[5], COUNTER_MAX, &counter)))
        return false;
    memcpy(credential->rp_id, words[0], strlen(words[0]) + 1);
    sha256(words[0], strlen(words[0]), credential->rp_hash);
    credential->id_size = (size_t)id;
    credential->user_id_size = (size_t)user;
    credential->resident = count > 4 && strcmp(words[4], "resident") == 0;
    credential->counter = (uint32_t)counter;
    credential->protection = 1;
    credential->hmac_secret = true;
    random_bytes(credential->secret_with_uv, 32);
    random_bytes(credential->secret_without_uv, 32);
    credential->key = private_key_parse(der, (size_t)key);
    return credential->key && (!credential->resident || user > 0);
}

static void do_import(struct request *request)
{
    struct authenticator *key = &request->key->authenticator;
    struct credential *credential = calloc(1, sizeof *credential);

    if (!credential || !fill_in(credential, request->words, request->count)) {
        credential_free(credential);
        reply(request, "error that is no credential");
        return;
    }
    key->more.count = 0;
    if (!store_add(&key->store, credential)) {
        reply(request, "error no room");
        return;
    }
    store_save(&key->store);
    reply(request, "ok imported");
}

/* --- trouble --------------------------------------------------------------------------------- */

static void do_fault(struct request *request)
{
    struct fault fault;

    if (!fault_parse(request->words, request->count, &fault)) {
        reply(request, "error no such fault");
        return;
    }
    request->key->hid.fault = fault;
    reply(request, "ok armed");
}

static void do_clear(struct request *request)
{
    request->key->hid.fault = (struct fault){0};
    hid_give_up(&request->key->hid);
    request->key->authenticator.presence.touched = false;
    reply(request, "ok clear");
}

/* --- all keys -------------------------------------------------------------------------------- */

static void do_list(struct request *request)
{
    const struct key_ring *ring = request->ring;
    size_t used = (size_t)snprintf(request->answer, LINES_ANSWER_MAX, "ok");

    for (size_t i = 0; i < ring->count; i++)
        used += (size_t)snprintf(request->answer + used, LINES_ANSWER_MAX - used, " %s=%s",
                                 ring->keys[i]->name,
                                 ring->keys[i]->link->plugged ? ring->keys[i]->link->path : "out");
}

static void do_quit(struct request *request)
{
    request->ring->quit = true;
    reply(request, "ok");
}

static const struct command {
    const char *name;
    int least, most; /* words after the key's name; -1: no key is named */
    void (*run)(struct request *request);
} commands[] = {
    {"plug", 0, 0, do_plug},
    {"unplug", 0, 0, do_unplug},
    {"touch", 0, 0, do_touch},
    {"delay", 1, 1, do_delay},
    {"patience", 1, 1, do_patience},
    {"blinks", 0, 0, do_blinks},
    {"rests", 0, 0, do_rests},
    {"closed", 0, 0, do_closed},
    {"pin", 1, 2, do_pin},
    {"finger", 1, 2, do_finger},
    {"option", 2, 2, do_option},
    {"room", 1, 1, do_room},
    {"new", 0, 0, do_new},
    {"state", 0, 0, do_state},
    {"credentials", 0, 0, do_credentials},
    {"export", 1, 1, do_export},
    {"forget", 1, 1, do_forget},
    {"import", 4, 6, do_import},
    {"fault", 1, 4, do_fault},
    {"clear", 0, 0, do_clear},
    {"list", -1, 0, do_list},
    {"quit", -1, 0, do_quit},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static struct key *find_key(const struct key_ring *ring, const char *name)
{
    for (size_t i = 0; i < ring->count; i++)
        if (strcmp(ring->keys[i]->name, name) == 0)
            return ring->keys[i];
    return NULL;
}

bool control_command(void *context, char *line, char *answer)
{
    char *words[LINES_WORDS_MAX];
    int count = lines_split(line, words);
    const struct command *command = count > 0 ? find_command(words[0]) : NULL;
    struct request request = {.ring = context, .words = words + 1, .answer = answer};

    request.count = count - 1;
    if (command && command->least >= 0 && request.count > 0) {
        request.key = find_key(request.ring, words[1]);
        request.words++;
        request.count--;
    }
    if (!command)
        reply(&request, "error no such command");
    else if (command->least >= 0 && !request.key)
        reply(&request, "error no such key");
    else if (request.count < command->least || request.count > command->most)
        reply(&request, "error %s: wrong number of words", command->name);
    else
        command->run(&request);
    return !request.later;
}
