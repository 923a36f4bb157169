/* SPDX-License-Identifier: MIT */
/*
 * The file has a line for each certificate: its hash in hexadecimal and the day, counted since the
 * epoch, on which it was told last. It is read anew each time, because two agents of one user may
 * have it; what it says wrongly costs a notice too many or too few, and nothing else. So any line
 * that is not one of ours is left out, and at most EXPIRY_REMEMBERED are kept, the newest.
 */
#include "agent/expiry.h"

#include "agent/audit.h"
#include "agent/state_folder.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXPIRY_REMEMBERED = 32, HASH_DIGITS = 2 * CERTIFICATE_HASH_BYTES, SECONDS_A_DAY = 86400 };

static const char file_name[] = "expiry", new_name[] = "expiry.tmp";

struct told {
    char hash[HASH_DIGITS + 1];
    long day;
};

struct expiry {
    const struct cards *cards;
    struct desktop *desktop;
    int folder;      /* -1: none */
    uint64_t looked; /* the newest card's id that was looked at */
    size_t count;
    struct told told[EXPIRY_REMEMBERED]; /* the newest last */
};

const struct certificate *expiry_of(const struct card *card, time_t now, long *days)
{
    const struct certificate *holder = certificate_set_holder(&card->certificates);
    if (!holder || holder->use != CERTIFICATE_AUTHENTICATION)
        return NULL;
    *days = certificate_days_left(holder, now);
    return *days <= EXPIRY_WARNING_DAYS ? holder : NULL;
}

/* ---- what was told ---- */

static void remember(struct expiry *e, const char *hash, long day)
{
    size_t at = 0;
    while (at < e->count && strcmp(e->told[at].hash, hash) != 0)
        at++;
    if (at == e->count && e->count == EXPIRY_REMEMBERED)
        at = 0;
    if (at < e->count)
        memmove(&e->told[at], &e->told[at + 1], (--e->count - at) * sizeof *e->told);
    struct told *last = &e->told[e->count++];
    snprintf(last->hash, sizeof last->hash, "%s", hash);
    last->day = day;
}

static void take_line(struct expiry *e, const char *line)
{
    char hash[HASH_DIGITS + 1], *end;
    if (strspn(line, "0123456789abcdef") != HASH_DIGITS || line[HASH_DIGITS] != ' ')
        return;
    snprintf(hash, sizeof hash, "%s", line); /* cut behind the digits */
    long day = strtol(line + HASH_DIGITS + 1, &end, 10);
    if (day > 0 && strcmp(end, "\n") == 0)
        remember(e, hash, day);
}

static void load(struct expiry *e)
{
    int fd = e->folder < 0
                 ? -1
                 : openat(e->folder, file_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat is;
    FILE *file = fd >= 0 && fstat(fd, &is) == 0 && S_ISREG(is.st_mode) ? fdopen(fd, "r") : NULL;
    if (!file) {
        close_fd(&fd);
        return;
    }
    e->count = 0;
    char line[HASH_DIGITS + 16];
    for (int i = 0; i < EXPIRY_REMEMBERED && fgets(line, sizeof line, file); i++)
        take_line(e, line);
    fclose(file);
}

static void save(const struct expiry *e)
{
    if (e->folder < 0)
        return;
    int fd =
        openat(e->folder, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        log_fault(errno, file_name);
        close_fd(&fd);
        return;
    }
    for (size_t i = 0; i < e->count; i++)
        fprintf(file, "%s %ld\n", e->told[i].hash, e->told[i].day);
    bool whole = !ferror(file);
    whole = fclose(file) == 0 && whole;
    if (!whole || renameat(e->folder, new_name, e->folder, file_name) < 0)
        log_fault(errno, file_name);
}

/* True if it is the first time today. */
static bool first_today(struct expiry *e, const struct certificate *certificate, time_t now)
{
    char hash[HASH_DIGITS + 1];
    for (size_t i = 0; i < CERTIFICATE_HASH_BYTES; i++)
        snprintf(hash + 2 * i, 3, "%02x", certificate->hash[i]);
    long today = (long)(now / SECONDS_A_DAY);
    load(e);
    for (size_t i = 0; i < e->count; i++)
        if (strcmp(e->told[i].hash, hash) == 0 && e->told[i].day == today)
            return false;
    remember(e, hash, today);
    save(e);
    return true;
}

/* ---- telling ---- */

static void tell_person(struct desktop *desktop, const struct certificate *certificate, long days)
{
    char summary[96], body[160];
    if (days < 0) {
        desktop_tell(desktop, NOTICE_EXPIRY, outcome_sentence(OUTCOME_CERTIFICATE_EXPIRED),
                     outcome_advice(OUTCOME_CERTIFICATE_EXPIRED));
        return;
    }
    if (days == 0)
        snprintf(summary, sizeof summary, "Your smartcard expires today.");
    else
        snprintf(summary, sizeof summary, "Your smartcard expires in %ld day%s.", days,
                 days == 1 ? "" : "s");
    snprintf(body, sizeof body,
             "It is valid until %.10s. Ask your Registration Authority to renew it before then.",
             certificate->not_after_text);
    desktop_tell(desktop, NOTICE_EXPIRY, summary, body);
}

static void look_at(struct expiry *e, const struct card *card)
{
    time_t now = time(NULL);
    long days;
    const struct certificate *certificate = expiry_of(card, now, &days);
    if (!certificate || !first_today(e, certificate, now))
        return;
    audit_write(&(struct audit_entry){
        .event = AUDIT_CARD_EXPIRY,
        .result = days < 0 ? OUTCOME_CERTIFICATE_EXPIRED : OUTCOME_OK,
        .uid = certificate->uid,
        .reader = card->token.reader,
        .expires = certificate->not_after_text,
    });
    tell_person(e->desktop, certificate, days);
}

void expiry_cards_changed(struct expiry *e)
{
    uint64_t newest = e->looked;
    for (size_t i = 0; i < cards_count(e->cards); i++) {
        const struct card *card = cards_at(e->cards, i);
        if (card->id <= e->looked)
            continue;
        if (card->id > newest)
            newest = card->id;
        look_at(e, card);
    }
    e->looked = newest;
}

/* ---- its life ---- */

struct expiry *expiry_new(const struct cards *cards, struct desktop *desktop, const char *folder)
{
    struct expiry *e = calloc(1, sizeof *e);
    if (!e) {
        log_fault(ENOMEM, file_name);
        return NULL;
    }
    *e = (struct expiry){.cards = cards, .desktop = desktop, .folder = -1};
    if (folder)
        e->folder = state_folder_open(folder); /* without it the process remembers */
    return e;
}

void expiry_free(struct expiry **expiry)
{
    struct expiry *e = STEAL(*expiry);
    if (!e)
        return;
    close_fd(&e->folder);
    free(e);
}
