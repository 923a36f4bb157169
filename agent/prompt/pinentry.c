/* SPDX-License-Identifier: MIT */
/*
 * libassuan reads the PIN into a line buffer inside its context, decodes it there and hands it to
 * take_pin. That buffer cannot be reached, but the memory it lies in can be ours: the context is
 * given an allocator in which every piece is a secret, so that it is locked, left out of core files
 * and wiped when the context is released. Its logging, which would write the same lines to a file
 * when the environment asks for it (ASSUAN_DEBUG), is off.
 *
 * Pinentry is never told that it may cache: no SETKEYINFO, no allow-external-password-cache.
 */
#include "agent/prompt/pinentry.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/harden.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <assuan.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- memory ---- */

enum { PIECE_HEADER = 16 }; /* the secret's own address, and malloc's alignment kept */

static void *piece_new(size_t size)
{
    struct secret *piece = secret_new(size + PIECE_HEADER);
    if (!piece)
        return NULL;
    uint8_t *at = secret_bytes(piece);
    memcpy(at, &piece, sizeof piece);
    return at + PIECE_HEADER;
}

static void piece_free(void *at)
{
    struct secret *piece;
    if (!at)
        return;
    memcpy(&piece, (uint8_t *)at - PIECE_HEADER, sizeof piece);
    secret_free(&piece);
}

static void *piece_resize(void *at, size_t size)
{
    uint8_t *larger = piece_new(size);
    if (!at || !larger)
        return larger;
    struct secret *piece;
    memcpy(&piece, (uint8_t *)at - PIECE_HEADER, sizeof piece);
    size_t old = secret_capacity(piece) - PIECE_HEADER;
    memcpy(larger, at, old < size ? old : size);
    secret_free(&piece);
    return larger;
}

static int say_nothing(assuan_context_t context, void *hook, unsigned category, const char *text)
{
    (void)context;
    (void)hook;
    (void)category;
    (void)text;
    return 0;
}

/* ---- the conversation ---- */

struct pinentry {
    assuan_context_t assuan;
    struct secret *pin; /* while a PIN is asked for: borrowed */
    bool overflow;
};

/* The value of the first of these variables that has one; NULL: none has. */
static const char *first_set(const char *const names[])
{
    for (; *names; names++) {
        const char *value = getenv(*names);
        if (value && value[0] != '\0')
            return value;
    }
    return NULL;
}

/* Where a prompt can appear. Without any of them pinentry's own complaint names a false cause; a
 * pinentry that needs none of them is let do its work. */
static const char *const places[] = {"DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY", NULL};

/* The one mapping from Assuan's errors (GnuPG's codes) to outcomes. */
static int outcome_from(gpg_error_t error)
{
    switch (gpg_err_code(error)) {
    case GPG_ERR_NO_ERROR:
        return OUTCOME_OK;
    case GPG_ERR_CANCELED:
    case GPG_ERR_FULLY_CANCELED:
    case GPG_ERR_NOT_CONFIRMED:
        return OUTCOME_CANCELLED;
    case GPG_ERR_TIMEOUT:
        return OUTCOME_TIMED_OUT;
    default:
        log_warning("pinentry: %s", gpg_strerror(error));
        if (!first_set(places))
            log_warning("no DISPLAY, WAYLAND_DISPLAY or GPG_TTY in the agent's environment: the "
                        "PIN prompt has nowhere to appear");
        return OUTCOME_PROMPT_UNAVAILABLE;
    }
}

static gpg_error_t take_pin(void *context, const void *data, size_t len)
{
    struct pinentry *p = context;
    size_t room = p->pin ? secret_capacity(p->pin) - secret_len(p->pin) : 0;
    p->overflow = p->overflow || len > room;
    if (p->pin)
        secret_append(p->pin, data, len < room ? len : room);
    return 0;
}

static gpg_error_t transact(struct pinentry *p, const char *command)
{
    return assuan_transact(p->assuan, command, take_pin, p, NULL, NULL, NULL, NULL);
}

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

/* Older pinentries do not know every option; none of them is needed. */
static void offer_option(struct pinentry *p, const char *name, const char *value)
{
    char line[ASSUAN_LINELENGTH];
    if (!value || value[0] == '\0' || !is_plain(value))
        return;
    int len = snprintf(line, sizeof line, "OPTION %s=%s", name, value);
    if (len > 0 && (size_t)len < sizeof line)
        transact(p, line);
}

static void describe_desktop(struct pinentry *p)
{
    static const char *const ctype[] = {"LC_ALL", "LC_CTYPE", "LANG", NULL};
    static const char *const messages[] = {"LC_ALL", "LC_MESSAGES", "LANG", NULL};
    offer_option(p, "display", getenv("DISPLAY"));
    offer_option(p, "ttyname", getenv("GPG_TTY"));
    offer_option(p, "ttytype", getenv("TERM"));
    offer_option(p, "lc-ctype", first_set(ctype));
    offer_option(p, "lc-messages", first_set(messages));
    transact(p, "OPTION grab");
}

/* In the new process, before the program is loaded. */
static void die_with_parent(void *parent, int reserved)
{
    (void)reserved;
    harden_die_with_parent(*(const pid_t *)parent);
}

int pinentry_start(const char *program, struct pinentry **out)
{
    struct assuan_malloc_hooks memory = {piece_new, piece_resize, piece_free};
    CLEANUP(pinentry_stop) struct pinentry *p = calloc(1, sizeof *p);
    unsetenv("ASSUAN_DEBUG");
    if (access(program, X_OK) < 0) { /* libassuan would say that a call has failed */
        log_warning("pinentry: %s: %s", program, strerror(errno));
        return OUTCOME_PROMPT_UNAVAILABLE;
    }
    if (!p || assuan_new_ext(&p->assuan, GPG_ERR_SOURCE_DEFAULT, &memory, say_nothing, NULL) != 0)
        return OUTCOME_PROMPT_UNAVAILABLE;
    assuan_set_flag(p->assuan, ASSUAN_NO_LOGGING, 1);
    assuan_begin_confidential(p->assuan);

    pid_t self = getpid();
    const char *arguments[] = {program, NULL};
    gpg_error_t error =
        assuan_pipe_connect(p->assuan, program, arguments, NULL, die_with_parent, &self, 0);
    if (error != 0)
        return outcome_from(error);
    describe_desktop(p);
    *out = STEAL(p);
    return OUTCOME_OK;
}

void pinentry_stop(struct pinentry **pinentry)
{
    if (*pinentry)
        assuan_release((*pinentry)->assuan);
    free(*pinentry);
    *pinentry = NULL;
}

/* ---- what is shown ---- */

static const char *const commands[] = {
    [PINENTRY_TITLE] = "SETTITLE",  [PINENTRY_DESCRIPTION] = "SETDESC",
    [PINENTRY_LABEL] = "SETPROMPT", [PINENTRY_ERROR] = "SETERROR",
    [PINENTRY_OK] = "SETOK",        [PINENTRY_CANCEL] = "SETCANCEL",
    [PINENTRY_OTHER] = "SETNOTOK",
};

/* "COMMAND text" with '%', CR and LF escaped; false: it does not fit. */
static bool compose(char line[ASSUAN_LINELENGTH], const char *command, const char *text)
{
    size_t used = (size_t)snprintf(line, ASSUAN_LINELENGTH, "%s ", command);
    for (; *text; text++) {
        bool escape = *text == '%' || *text == '\r' || *text == '\n';
        size_t len = escape ? 3 : 1;
        if (used + len > ASSUAN_LINELENGTH - 2) /* Assuan's CR and LF */
            return false;
        snprintf(line + used, len + 1, escape ? "%%%02X" : "%c", *text);
        used += len;
    }
    return true;
}

int pinentry_say(struct pinentry *pinentry, enum pinentry_text which, const char *text)
{
    char line[ASSUAN_LINELENGTH];
    if (text[0] == '\0')
        return OUTCOME_OK;
    if (!compose(line, commands[which], text)) {
        log_warning("pinentry: %s is too long to be shown", commands[which]);
        return OUTCOME_PROMPT_UNAVAILABLE;
    }
    return outcome_from(transact(pinentry, line));
}

int pinentry_limit(struct pinentry *pinentry, unsigned seconds)
{
    char line[ASSUAN_LINELENGTH];
    snprintf(line, sizeof line, "SETTIMEOUT %u", seconds);
    return outcome_from(transact(pinentry, line));
}

/* ---- what is asked ---- */

int pinentry_get_pin(struct pinentry *pinentry, struct secret *pin, bool *whole)
{
    secret_wipe(pin);
    pinentry->pin = pin;
    pinentry->overflow = false;
    int result = outcome_from(transact(pinentry, "GETPIN"));
    pinentry->pin = NULL;
    if (result != OUTCOME_OK)
        secret_wipe(pin);
    *whole = !pinentry->overflow;
    return result;
}

int pinentry_confirm(struct pinentry *pinentry, bool *other)
{
    gpg_error_t error = transact(pinentry, "CONFIRM");
    bool third = other && gpg_err_code(error) == GPG_ERR_NOT_CONFIRMED;
    if (other)
        *other = third;
    return third ? OUTCOME_OK : outcome_from(error);
}

int pinentry_notice(struct pinentry *pinentry)
{
    return outcome_from(transact(pinentry, "CONFIRM --one-button"));
}
