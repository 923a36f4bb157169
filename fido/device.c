/* SPDX-License-Identifier: MIT */
/*
 * libfido2 hands us reports to write, 65 bytes with a leading report number, and asks for reports
 * of 64. A hidraw device takes and gives exactly those; a redirected key's stream (fido/redirect.h)
 * has no report number. All waiting happens in wait_for, on both the key and the agent.
 *
 * Every report of the key is looked at before libfido2 sees it, for three things only: whether it
 * is for us, whether it is a keep-alive, and what that one says (CTAP 2.1 §11.2.9.2.1). The time a
 * key may take is counted from there. What the key says to others who have it open, a browser or a
 * process of ours that is about to end, is passed over; libfido2 would take it for a broken answer.
 * A key can still keep us busy with nonsense on other channels or with messages without end (a
 * large blob has no length), so the number of reports in a call is limited as well.
 *
 * A key that has another program's request at hand says that it is busy. It has not taken ours
 * then, and it gets the same reports again a moment later; but not those that may carry a PIN.
 *
 * libfido2 asks a key what it is when it opens it, and keeps little of the answer. We want all of
 * it, which only a call can have that asks again; so the reports of the first answer are kept, and
 * that call reads them. A key with a long answer is asked twice.
 */
#include "fido/device.h"

#include "fido/error.h"
#include "fido/opener.h"
#include "fido/redirect.h"
#include "fido/text.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/clock.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
    INITIAL = 0x80, /* first report of a message: bit 7 of its command */
    CHANNEL_AT = 0,
    COMMAND_AT = 4,
    LENGTH_AT = 5,
    DATA_AT = 7,
    NONCE_BYTES = 8,
    KEEPALIVE_WANTS_PERSON = 2,
    ERROR = 0x3f, /* CTAP 2.1 §11.2.9.1.6 */
    ERROR_BUSY = 6,
    BUSY_NAP_MS = 100,
};

static struct key *opening; /* libfido2's open knows a path only */

/* ---- waiting ---- */

/* Tells the key to stop, once. A U2F key cannot be told, it blinks only as long as it is asked. */
static void stop(struct key *key)
{
    if (key->cancelled)
        return;
    key->cancelled = true;
    key->yielded = !key->link->cancelled;
    key->silence_until = key->work_until = clock_ms() + KEY_CANCEL_MS;
    if (!fido_dev_is_fido2(key->dev) || fido_dev_cancel(key->dev) != FIDO_OK)
        key->silence_until = 0;
}

static bool is_to_stop(const struct key *key)
{
    return key->link->cancelled || (key->yields && key->link->keys_changed);
}

/* Until the key is ready for that, or at most ms (-1: as long as a key may take). True if ready. */
static bool wait_for(struct key *key, short events, int ms)
{
    int64_t given = ms < 0 ? INT64_MAX : clock_ms() + ms;
    for (;;) {
        if (is_to_stop(key))
            stop(key);
        int64_t until = key->silence_until;
        if (key->work_until < until)
            until = key->work_until;
        if (given < until)
            until = given;
        int64_t left = until - clock_ms();
        if (left <= 0)
            return false;
        struct pollfd ready[] = {{.fd = key->fd, .events = events},
                                 {.fd = key->link->failed ? -1 : key->link->fd, .events = POLLIN}};
        int r = poll(ready, 2, (int)left);
        if (r < 0 && errno != EINTR)
            return false;
        if (r > 0 && ready[1].revents)
            link_hear(key->link);
        if (r > 0 && ready[0].revents)
            return true;
    }
}

/* ---- reading ---- */

static bool on_our_channel(const struct key *key)
{
    return memcmp(key->report + CHANNEL_AT, key->channel, sizeof key->channel) == 0;
}

/* Everybody who has the key open reads all that it says, and everybody's channels are given on the
 * same one: whose that is, the eight bytes tell which came with the question (CTAP 2.1
 * §11.2.9.1.3). */
static bool is_ours(const struct key *key)
{
    const uint8_t *report = key->report;
    return on_our_channel(key) &&
           (report[COMMAND_AT] != (INITIAL | CTAP_CMD_INIT) ||
            memcmp(report + DATA_AT, key->sent[0] + 1 + DATA_AT, NONCE_BYTES) == 0);
}

static void say_touch(struct key *key)
{
    if (key->quiet)
        return;
    /* A key with tokens wants to know who it is before, and then to be touched for it. */
    bool who = key->command == CTAP_CBOR_CLIENT_PIN || (key->verifies && !key->traits.permissions);
    link_say(key->link, who ? FIDO_WAITING_VERIFICATION : FIDO_WAITING_TOUCH, key->path,
             key->product);
}

/* U2F has no keep-alive: the key refuses at once, and libfido2 asks again ten times a second. */
static bool refuses_for_touch(const struct key *key)
{
    const uint8_t *report = key->report;
    return report[COMMAND_AT] == (INITIAL | CTAP_CMD_MSG) && report[LENGTH_AT] == 0 &&
           report[LENGTH_AT + 1] == 2 &&
           (report[DATA_AT] << 8 | report[DATA_AT + 1]) == SW_CONDITIONS_NOT_SATISFIED;
}

/* Takes from a whole report how much longer the key may take. False: it has had enough. */
static bool consider(struct key *key)
{
    if (key->reports_left == 0)
        return false;
    key->reports_left--;
    bool ours = is_ours(key);
    bool keepalive = key->report[COMMAND_AT] == (INITIAL | CTAP_KEEPALIVE);
    bool wants = ours && (keepalive ? key->report[DATA_AT] == KEEPALIVE_WANTS_PERSON
                                    : key->touch && refuses_for_touch(key));
    if (!ours || (keepalive && !wants)) {
        if (key->idle_left == 0)
            return false;
        key->idle_left--;
    }
    if (key->cancelled || !ours)
        return true;
    int64_t now = clock_ms();
    key->silence_until = now + KEY_SILENCE_MS;
    if (wants) {
        key->work_until = now + KEY_WORK_MS;
        key->idle_left = KEY_IDLE_MAX;
        say_touch(key);
    }
    return true;
}

/* A whole report into key->report; what has come of one stays for the next time. */
static bool read_report(struct key *key, int ms)
{
    while (key->report_len < sizeof key->report) {
        if (!wait_for(key, POLLIN, ms))
            return false;
        uint8_t *space = key->report + key->report_len;
        ssize_t got = read(key->fd, space, sizeof key->report - key->report_len);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0) {
            key->removed = true;
            return false;
        }
        key->report_len += (size_t)got;
    }
    key->report_len = 0;
    return consider(key);
}

static bool write_report(struct key *key, const uint8_t *report, bool cancel)
{
    const uint8_t *at = report + key->redirected;
    size_t left = KEY_REPORT_BYTES + 1 - key->redirected;
    while (left > 0) {
        ssize_t sent = write(key->fd, at, left);
        if (sent > 0) {
            at += sent;
            left -= (size_t)sent;
        } else if (sent < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = key->fd, .events = POLLOUT};
            if (cancel ? poll(&room, 1, KEY_CANCEL_MS) <= 0 : !wait_for(key, POLLOUT, -1))
                return false;
        } else if (sent == 0 || errno != EINTR) {
            key->removed = true;
            return false;
        }
    }
    return true;
}

static bool is_busy(const struct key *key)
{
    return on_our_channel(key) && key->report[COMMAND_AT] == (INITIAL | ERROR) &&
           key->report[DATA_AT] == ERROR_BUSY;
}

static bool send_again(struct key *key)
{
    if (key->cancelled || key->command == CTAP_CBOR_CLIENT_PIN || key->kept > KEY_KEPT_MAX ||
        clock_ms() > key->busy_until)
        return false;
    struct pollfd nap = {.fd = key->link->fd, .events = POLLIN};
    if (poll(&nap, 1, BUSY_NAP_MS) > 0)
        link_hear(key->link);
    if (is_to_stop(key))
        return false;
    for (size_t i = 0; i < key->kept; i++)
        if (!write_report(key, key->sent[i], false))
            return false;
    return true;
}

/* Keeps the answer that libfido2 reads as it opens the key. */
static void keep_info(struct key *key)
{
    if (key != opening || key->command != CTAP_CBOR_GETINFO)
        return;
    if (key->info_count < KEY_INFO_MAX)
        memcpy(key->info[key->info_count], key->report, sizeof key->report);
    key->info_count++;
}

/* The call under way is the one that reads it. */
static bool reads_kept(const struct key *key)
{
    return key != opening && key->command == CTAP_CBOR_GETINFO &&
           key->info_next < key->info_count && key->info_count <= KEY_INFO_MAX;
}

static int io_read(void *handle, unsigned char *out, size_t len, int ms)
{
    struct key *key = handle;
    if (len != sizeof key->report)
        return -1;
    if (reads_kept(key)) {
        memcpy(out, key->info[key->info_next++], len);
        return (int)len;
    }
    do {
        if (!read_report(key, ms))
            return -1;
    } while (!is_ours(key) || (is_busy(key) && send_again(key)));
    keep_info(key);
    memcpy(out, key->report, len);
    return (int)len;
}

/* ---- writing ---- */

/* Notes what is asked from the first report of a message, and keeps all of it. */
static void note(struct key *key, const uint8_t *data)
{
    const uint8_t *report = data + 1;
    memcpy(key->channel, report + CHANNEL_AT, sizeof key->channel);
    if (report[COMMAND_AT] & INITIAL) {
        key->command = report[COMMAND_AT] == (INITIAL | CTAP_CMD_CBOR) ? report[DATA_AT] : 0;
        key->silence_until = clock_ms() + KEY_SILENCE_MS;
        key->busy_until = clock_ms() + KEY_BUSY_MS;
        key->idle_left = KEY_IDLE_MAX;
        key->kept = 0;
    }
    if (key->kept < KEY_KEPT_MAX && key->command != CTAP_CBOR_CLIENT_PIN)
        memcpy(key->sent[key->kept], data, sizeof key->sent[0]);
    key->kept++;
}

static int io_write(void *handle, const unsigned char *data, size_t len)
{
    struct key *key = handle;
    if (len != KEY_REPORT_BYTES + 1)
        return -1;
    bool cancel = data[1 + COMMAND_AT] == (INITIAL | CTAP_CMD_CANCEL);
    if (!cancel) {
        if (is_to_stop(key))
            stop(key);
        if (key->cancelled)
            return -1;
        note(key, data);
        if (reads_kept(key))
            return (int)len;
    }
    return write_report(key, data, cancel) ? (int)len : -1;
}

/* ---- opening ---- */

static void *io_open(const char *path)
{
    struct key *key = opening;
    key->fd = key->redirected ? redirect_connect(path) : opener_open(path);
    return key->fd < 0 ? NULL : key;
}

static void io_close(void *handle)
{
    struct key *key = handle;
    close_fd(&key->fd);
}

static const fido_dev_io_t reading = {
    .open = io_open, .close = io_close, .read = io_read, .write = io_write};

/* ---- what it is ---- */

static void read_options(const fido_cbor_info_t *info, struct key_traits *traits)
{
    char **names = fido_cbor_info_options_name_ptr(info);
    const bool *values = fido_cbor_info_options_value_ptr(info);
    const struct {
        const char *name;
        bool *possible, *set;
    } options[] = {
        {"clientPin", &traits->pin_possible, &traits->pin_set},
        {"uv", &traits->verification_possible, &traits->verification_set},
        {"alwaysUv", NULL, &traits->verification_always},
        {"pinUvAuthToken", NULL, &traits->permissions},
        {"rk", NULL, &traits->resident},
        {"credMgmt", NULL, &traits->credential_management},
        {"credentialMgmtPreview", NULL, &traits->credential_management},
        {"largeBlobs", NULL, &traits->large_blobs},
        {"makeCredUvNotRqd", NULL, &traits->unverified_creation},
    };
    for (size_t i = 0; i < fido_cbor_info_options_len(info); i++)
        for (size_t k = 0; k < sizeof options / sizeof *options; k++)
            if (strcmp(names[i], options[k].name) == 0) {
                if (options[k].possible)
                    *options[k].possible = true;
                *options[k].set |= values[i];
            }
}

static void read_extensions(const fido_cbor_info_t *info, struct key_traits *traits)
{
    char **names = fido_cbor_info_extensions_ptr(info);
    for (size_t i = 0; i < fido_cbor_info_extensions_len(info); i++) {
        traits->hmac_secret |= strcmp(names[i], "hmac-secret") == 0;
        traits->cred_protect |= strcmp(names[i], "credProtect") == 0;
        traits->min_pin |= strcmp(names[i], "minPinLength") == 0;
    }
}

static void read_versions(const fido_cbor_info_t *info, struct key_traits *traits)
{
    CLEANUP(bytes_deinit) struct bytes words = {0};
    char **names = fido_cbor_info_versions_ptr(info);
    for (size_t i = 0; i < fido_cbor_info_versions_len(info); i++) {
        bytes_append(&words, " ", i > 0);
        bytes_append_text(&words, names[i]);
    }
    bytes_append(&words, "", 1);
    text_copy(traits->versions, sizeof traits->versions,
              words.failed ? "" : (const char *)words.data);
}

static void read_limits(const fido_cbor_info_t *info, struct key_traits *traits)
{
    uint64_t min = fido_cbor_info_minpinlen(info);
    traits->min_pin_length = min < 4 ? 4 : min > FIDO_PIN_BYTES_MAX ? FIDO_PIN_BYTES_MAX : min;
    uint64_t list = fido_cbor_info_maxcredcntlst(info);
    traits->list_max = list < 1 ? 1 : list > FIDO_LIST_MAX ? FIDO_LIST_MAX : list;
    uint64_t id = fido_cbor_info_maxcredidlen(info);
    traits->id_max = id > FIDO_CREDENTIAL_ID_MAX ? FIDO_CREDENTIAL_ID_MAX : id;
    int64_t left = fido_cbor_info_rk_remaining(info);
    traits->resident_left = left < 0 ? -1 : left > INT32_MAX ? INT32_MAX : (int32_t)left;
    for (size_t i = 0; i < fido_cbor_info_algorithm_count(info); i++)
        if (traits->algorithm_count < FIDO_ALGORITHMS_MAX)
            traits->algorithms[traits->algorithm_count++] = fido_cbor_info_algorithm_cose(info, i);
}

static int read_traits(struct key *key)
{
    struct key_traits *traits = &key->traits;
    if (!fido_dev_is_fido2(key->dev)) {
        snprintf(traits->versions, sizeof traits->versions, "U2F_V2");
        traits->list_max = FIDO_LIST_MAX;
        traits->resident_left = -1;
        return FIDO_OK;
    }
    CLEANUP(fido_cbor_info_free) fido_cbor_info_t *info = fido_cbor_info_new();
    if (!info)
        return FIDO_ERR_INTERNAL;
    key_begin(key);
    int code = fido_dev_get_cbor_info(key->dev, info);
    key->info_count = 0;
    if (code != FIDO_OK)
        return code;
    traits->fido2 = true;
    read_options(info, traits);
    read_extensions(info, traits);
    read_versions(info, traits);
    read_limits(info, traits);
    traits->pin_change_owed = fido_cbor_info_new_pin_required(info);
    traits->firmware = fido_cbor_info_fwversion(info);
    if (fido_cbor_info_aaguid_len(info) == sizeof traits->aaguid)
        memcpy(traits->aaguid, fido_cbor_info_aaguid_ptr(info), sizeof traits->aaguid);
    return FIDO_OK;
}

int key_open(struct key *key, struct agent_link *link, const char *path, const char *product,
             bool redirected)
{
    *key = (struct key){.link = link, .redirected = redirected, .fd = -1};
    snprintf(key->path, sizeof key->path, "%s", path);
    text_copy(key->product, sizeof key->product, product);
    key->dev = fido_dev_new();
    if (!key->dev || fido_dev_set_io_functions(key->dev, &reading) != FIDO_OK)
        return OUTCOME_KEY_FAILED;
    opening = key;
    key_begin(key);
    int code = fido_dev_open(key->dev, path);
    opening = NULL;
    if (code != FIDO_OK && key->fd < -1)
        return key->fd;
    if (code == FIDO_OK)
        code = read_traits(key);
    return key_outcome(key, code);
}

void key_close(struct key *key)
{
    if (key->dev && key->fd >= 0)
        fido_dev_close(key->dev);
    fido_dev_free(&key->dev);
    secret_free(&key->pin);
    key->fd = -1;
}

void key_begin(struct key *key)
{
    key->reports_left = KEY_REPORTS_MAX;
    key->cancelled = key->yielded = false;
    key->silence_until = clock_ms() + KEY_SILENCE_MS;
    key->work_until = clock_ms() + KEY_WORK_MS;
}

int key_outcome(struct key *key, int code)
{
    if (code == FIDO_OK && !key->link->cancelled)
        return OUTCOME_OK;
    key->code = code;
    if (key->link->cancelled)
        return OUTCOME_CANCELLED;
    if (key->removed) /* which is also why KEYS came */
        return OUTCOME_KEY_REMOVED;
    return key->yielded ? OUTCOME_CANCELLED : error_outcome(code);
}
