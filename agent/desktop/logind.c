/* SPDX-License-Identifier: MIT */
/*
 * Which session. XDG_SESSION_ID names it where the agent was started inside one, else the session
 * of our process; but the agent is a service of the user's, which is in none, so as a rule it is
 * the one that logind calls the user's Display, and that may change: sessions come and go, and a
 * session becomes graphical after it was opened. Each answer leads to the next question; one call
 * at a time does the looking, and starting again forgets it.
 *
 * Its end. SessionRemoved tells it, but comes only when the session's last process has gone; until
 * then its State is "closing", and logind does not say when that begins. So State is read again at
 * what a log-out brings about: another session (the greeter's, the next person's), Active, Display.
 * The session whose end was told is remembered: it is told once, and not anew by a logind that was
 * restarted. logind's own going is no end.
 *
 * Its facts are LockedHint and Active, and Remote and Seat, which never change. The signals Lock
 * and Unlock are requests to a locker and are not listened to. A property of another type than it
 * should have is as if it were not there.
 *
 * Sleep. logind waits for those that hold a "delay" inhibitor, which is a descriptor; closing it
 * lets go. It is taken when logind is there, given back once the others have been told, and taken
 * again when the computer is awake.
 */
#include "agent/desktop/logind.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "org.freedesktop.login1"
#define PATH "/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"
#define SESSION "org.freedesktop.login1.Session"
#define USER "org.freedesktop.login1.User"
#define PROPERTIES "org.freedesktop.DBus.Properties"

struct logind {
    struct logind_setup setup;
    struct peer *peer;

    struct call looking; /* for the session, then for its properties */
    bool looks;          /* until they are known, or there is none */
    bool by_display;     /* it was found so, and may change */
    char *path;          /* the session; NULL: none */
    char *id;            /* known with its properties */
    struct listener session_new, session_removed, session_changed, user_changed;
    struct call checking; /* whether that is closing: */
    char *checked;
    char *ended; /* the last session whose end was told; NULL: none */
    bool locked, has_hint, away, remote;
    char seat[LOGIND_SEAT_MAX + 1];
    bool known; /* it has spoken, or is not there */

    struct listener sleep;
    struct call sleep_state, inhibiting;
    int inhibitor;
    bool sleeping;

    struct call locking;
    char refusal[128]; /* what logind answered; "": nothing yet */
    enum { LOCK_NOT_WANTED, LOCK_WAITS, LOCK_SENT } lock; /* it waits for the session */
};

/* ---- properties ---- */

struct properties {
    int locked, active, remote;    /* -1: not told */
    const char *id, *state, *seat; /* borrowed from the message; NULL: not told. seat "": it has
                                      none */
};

/* Reads one value, a variant, if it has the type; else passes over it. */
static int read_variant(sd_bus_message *m, const char *type, void *value)
{
    const char *contents = NULL;
    int r = sd_bus_message_peek_type(m, NULL, &contents);
    if (r <= 0)
        return -EBADMSG;
    if (!type || !contents || strcmp(contents, type) != 0)
        return sd_bus_message_skip(m, "v");
    return sd_bus_message_read(m, "v", type, value);
}

/* A seat is its name and its path. */
static int read_seat(sd_bus_message *m, const char **seat)
{
    const char *contents = NULL, *path;
    int r = sd_bus_message_peek_type(m, NULL, &contents);
    if (r <= 0)
        return -EBADMSG;
    if (!contents || strcmp(contents, "(so)") != 0)
        return sd_bus_message_skip(m, "v");
    return sd_bus_message_read(m, "v", "(so)", seat, &path);
}

static int read_property(sd_bus_message *m, struct properties *out)
{
    const char *name;
    int r = sd_bus_message_read_basic(m, 's', &name);
    if (r <= 0)
        return -EBADMSG;
    if (strcmp(name, "LockedHint") == 0)
        return read_variant(m, "b", &out->locked);
    if (strcmp(name, "Active") == 0)
        return read_variant(m, "b", &out->active);
    if (strcmp(name, "Remote") == 0)
        return read_variant(m, "b", &out->remote);
    if (strcmp(name, "Seat") == 0)
        return read_seat(m, &out->seat);
    if (strcmp(name, "Id") == 0)
        return read_variant(m, "s", &out->id);
    if (strcmp(name, "State") == 0)
        return read_variant(m, "s", &out->state);
    return read_variant(m, NULL, NULL);
}

/* An a{sv}. */
static struct properties read_properties(sd_bus_message *m)
{
    struct properties out = {.locked = -1, .active = -1, .remote = -1};
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");
    while (r > 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = read_property(m, &out);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    if (r >= 0)
        sd_bus_message_exit_container(m);
    return out;
}

/* ---- its end ---- */

static void end_session(struct logind *l, const char *path)
{
    if (l->ended && strcmp(l->ended, path) == 0)
        return;
    log_info("the desktop's session %s is over", path);
    free(l->ended);
    l->ended = strdup(path); /* if that fails it is told again, which does no harm */
    l->setup.ended(l->setup.context);
}

static bool is_closing(const char *state)
{
    return state && strcmp(state, "closing") == 0;
}

static int on_state(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct logind *l = context;
    const char *state = NULL;
    (void)error;
    if (variant_is(m, "s") && sd_bus_message_read(m, "v", "s", &state) > 0 && is_closing(state))
        end_session(l, l->checked);
    return 1;
}

/* Also as the last question about a session that another takes the place of: logind answers it
 * before it answers what is asked about the other. A fault needs no word, as SessionRemoved comes
 * all the same. */
static void check_state(struct logind *l)
{
    char *path = l->path ? strdup(l->path) : NULL;
    if (!path)
        return;
    free(l->checked);
    l->checked = path;
    peer_call(l->peer, &l->checking, path, PROPERTIES, "Get", on_state, l, "ss", SESSION, "State");
}

/* Its end comes first: nobody shall be answered because of what comes with it. */
static void take(struct logind *l, const struct properties *properties)
{
    if (is_closing(properties->state))
        end_session(l, l->path);
    if (properties->locked >= 0)
        l->locked = properties->locked;
    l->has_hint = l->has_hint || l->locked;
    if (properties->active >= 0)
        l->away = !properties->active;
    l->setup.changed(l->setup.context);
}

/* All that it says of a session. */
static void take_all(struct logind *l, const struct properties *properties)
{
    const char *seat = properties->seat;
    l->remote = properties->remote == 1 || (seat && seat[0] == '\0');
    snprintf(l->seat, sizeof l->seat, "%s", seat && strlen(seat) <= LOGIND_SEAT_MAX ? seat : "");
    l->known = true;
    take(l, properties);
}

/* ---- the session ---- */

static void look(struct logind *l);

static void refuse_lock(struct logind *l)
{
    if (l->lock == LOCK_NOT_WANTED)
        return;
    l->lock = LOCK_NOT_WANTED;
    l->setup.cannot_lock(l->setup.context);
}

static int on_lock(sd_bus_message *m, void *context, sd_bus_error *error)
{
    (void)error;
    if (sd_bus_message_is_method_error(m, NULL)) {
        struct logind *l = context;
        snprintf(l->refusal, sizeof l->refusal, "%s", sd_bus_message_get_error(m)->name);
        refuse_lock(l);
    }
    return 1;
}

/* False: it is not known what to lock, or logind is away. */
static bool send_lock(struct logind *l)
{
    return l->id && peer_call(l->peer, &l->locking, PATH, MANAGER, "LockSession", on_lock, l, "s",
                              l->id) == 0;
}

static void forget_session(struct logind *l)
{
    l->looks = false;
    check_state(l);
    listener_stop(&l->session_changed);
    free(STEAL(l->path));
    free(STEAL(l->id));
    refuse_lock(l);
}

/* There is no session, or it is not known what it is. */
static void found_none(struct logind *l)
{
    forget_session(l);
    l->known = true;
    l->setup.changed(l->setup.context);
}

static int on_properties(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct logind *l = context;
    (void)error;
    if (!reply_is(m, "a{sv}")) {
        log_warning("logind does not describe its session %s", l->path);
        found_none(l);
        return 1;
    }
    struct properties properties = read_properties(m);
    if (!l->id)
        log_info("the desktop's session is %s", l->path);
    free(l->id);
    l->id = properties.id ? strdup(properties.id) : NULL;
    l->looks = false;
    if (l->lock == LOCK_WAITS) {
        l->lock = LOCK_SENT;
        if (!send_lock(l))
            refuse_lock(l);
    }
    take_all(l, &properties);
    return 1;
}

static void ask_properties(struct logind *l)
{
    l->looks = true;
    if (peer_call(l->peer, &l->looking, l->path, PROPERTIES, "GetAll", on_properties, l, "s",
                  SESSION) < 0)
        found_none(l);
}

static bool names_ours(const char *name)
{
    return strcmp(name, "LockedHint") == 0 || strcmp(name, "Active") == 0 ||
           strcmp(name, "State") == 0;
}

static void on_session_changed(void *context, sd_bus_message *m)
{
    struct logind *l = context;
    const char *interface, *name;
    if (sd_bus_message_read(m, "s", &interface) <= 0 || strcmp(interface, SESSION) != 0)
        return;
    struct properties properties = read_properties(m);
    bool stale = false; /* changed, but it does not say to what */
    int r = sd_bus_message_enter_container(m, 'a', "s");
    while (r > 0 && (r = sd_bus_message_read_basic(m, 's', &name)) > 0)
        stale = stale || names_ours(name);
    take(l, &properties);
    if (stale && !l->looks)
        ask_properties(l);
    else if (!l->looks)
        check_state(l);
}

static void found(struct logind *l, const char *path, bool by_display)
{
    l->by_display = by_display;
    check_state(l);
    if (l->path && strcmp(l->path, path) == 0 && l->id) {
        l->looks = false;
        return;
    }
    char *copy = strdup(path);
    if (!copy) {
        log_fault(ENOMEM, "logind session");
        found_none(l);
        return;
    }
    free(l->path);
    l->path = copy;
    free(STEAL(l->id));
    l->has_hint = false;
    peer_listen(l->peer, &l->session_changed, path, PROPERTIES, "PropertiesChanged", "sa{sv}as",
                on_session_changed, l);
    ask_properties(l);
}

static int on_display(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct logind *l = context;
    const char *id = NULL, *path = NULL;
    (void)error;
    if (variant_is(m, "(so)") && sd_bus_message_read(m, "v", "(so)", &id, &path) > 0 &&
        id[0] != '\0')
        found(l, path, true);
    else
        found_none(l);
    return 1;
}

static void on_user_changed(void *context, sd_bus_message *m)
{
    struct logind *l = context;
    (void)m;
    if (!l->path || l->by_display)
        look(l);
    else if (!l->looks)
        check_state(l);
}

static int on_user(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct logind *l = context;
    const char *path = NULL;
    (void)error;
    if (!reply_is(m, "o") || sd_bus_message_read(m, "o", &path) <= 0) {
        found_none(l);
        return 1;
    }
    if (!l->user_changed.slot)
        peer_listen(l->peer, &l->user_changed, path, PROPERTIES, "PropertiesChanged", "sa{sv}as",
                    on_user_changed, l);
    if (peer_call(l->peer, &l->looking, path, PROPERTIES, "Get", on_display, l, "ss", USER,
                  "Display") < 0)
        found_none(l);
    return 1;
}

static void look_by_user(struct logind *l)
{
    if (peer_call(l->peer, &l->looking, PATH, MANAGER, "GetUser", on_user, l, "u",
                  (uint32_t)getuid()) < 0)
        found_none(l);
}

static int on_session_of_process(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct logind *l = context;
    const char *path = NULL;
    (void)error;
    if (reply_is(m, "o") && sd_bus_message_read(m, "o", &path) > 0)
        found(l, path, false);
    else
        look_by_user(l);
    return 1;
}

static void look_by_process(struct logind *l)
{
    if (peer_call(l->peer, &l->looking, PATH, MANAGER, "GetSessionByPID", on_session_of_process, l,
                  "u", (uint32_t)getpid()) < 0)
        found_none(l);
}

static int on_session_of_name(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct logind *l = context;
    const char *path = NULL;
    (void)error;
    if (reply_is(m, "o") && sd_bus_message_read(m, "o", &path) > 0)
        found(l, path, false);
    else
        look_by_process(l);
    return 1;
}

static void look(struct logind *l)
{
    const char *id = getenv("XDG_SESSION_ID");
    l->looks = true;
    if (!id || id[0] == '\0')
        look_by_process(l);
    else if (peer_call(l->peer, &l->looking, PATH, MANAGER, "GetSession", on_session_of_name, l,
                       "s", id) < 0)
        found_none(l);
}

static void on_session_new(void *context, sd_bus_message *m)
{
    struct logind *l = context;
    (void)m;
    if (!l->path)
        look(l);
    else if (!l->looks)
        check_state(l);
}

static void on_session_removed(void *context, sd_bus_message *m)
{
    struct logind *l = context;
    const char *id, *path;
    if (sd_bus_message_read(m, "so", &id, &path) <= 0 || !l->path || strcmp(path, l->path) != 0)
        return;
    call_forget(&l->looking);
    end_session(l, l->path);
    forget_session(l);
    look(l);
}

/* ---- sleep ---- */

static int on_inhibitor(sd_bus_message *m, void *context, sd_bus_error *error)
{
    struct logind *l = context;
    int theirs = -1;
    (void)error;
    if (!reply_is(m, "h") || sd_bus_message_read(m, "h", &theirs) <= 0) {
        const sd_bus_error *why = sd_bus_message_get_error(m);
        log_warning("logind does not let us delay sleep (%s): it may sleep before the session is "
                    "told",
                    why ? why->name : "it is no descriptor");
        return 1;
    }
    int ours = fcntl(theirs, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (ours < 0) {
        log_fault(errno, "inhibitor");
        return 1;
    }
    close_fd(&l->inhibitor);
    l->inhibitor = ours;
    return 1;
}

static void inhibit(struct logind *l)
{
    int r = peer_call(l->peer, &l->inhibiting, PATH, MANAGER, "Inhibit", on_inhibitor, l, "ssss",
                      "sleep", "Lanyard", "The session is told first", "delay");
    if (r < 0)
        log_warning("cannot ask logind to delay sleep: %s", strerror(-r));
}

static void set_sleeping(struct logind *l, bool sleeping)
{
    if (l->sleeping == sleeping)
        return;
    l->sleeping = sleeping;
    if (!sleeping)
        inhibit(l);
    l->setup.changed(l->setup.context);
    if (sleeping) {
        call_forget(&l->inhibiting);
        close_fd(&l->inhibitor);
    }
}

static void on_sleep(void *context, sd_bus_message *m)
{
    int sleeping;
    if (sd_bus_message_read(m, "b", &sleeping) > 0)
        set_sleeping(context, sleeping);
}

/* The signal may have come while nobody was connected. */
static int on_sleep_state(sd_bus_message *m, void *context, sd_bus_error *error)
{
    int sleeping;
    (void)error;
    if (variant_is(m, "b") && sd_bus_message_read(m, "v", "b", &sleeping) > 0)
        set_sleeping(context, sleeping);
    return 1;
}

/* ---- locking ---- */

bool logind_lock(struct logind *l)
{
    l->lock = LOCK_NOT_WANTED;
    l->refusal[0] = '\0';
    if (send_lock(l))
        l->lock = LOCK_SENT;
    else if (peer_pending(l->peer) || (peer_there(l->peer) && l->looks))
        l->lock = LOCK_WAITS;
    return l->lock != LOCK_NOT_WANTED;
}

void logind_lock_problem(const struct logind *l, char *out, size_t size)
{
    if (!bus_ready(l->setup.bus))
        snprintf(out, size, "no system bus");
    else if (!peer_there(l->peer))
        snprintf(out, size, "it is not on the system bus");
    else if (!l->id)
        snprintf(out, size, "it knows no session of this desktop");
    else if (l->refusal[0] != '\0')
        snprintf(out, size, "it answered %s", l->refusal);
    else
        snprintf(out, size, "no locker heard its request in time");
}

void logind_lock_over(struct logind *l)
{
    l->lock = LOCK_NOT_WANTED;
    call_forget(&l->locking);
}

/* ---- its life ---- */

static void forget(struct logind *l)
{
    struct call *calls[] = {&l->looking, &l->checking, &l->sleep_state, &l->inhibiting,
                            &l->locking};
    struct listener *listeners[] = {&l->session_new, &l->session_removed, &l->session_changed,
                                    &l->user_changed, &l->sleep};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        call_forget(calls[i]);
    for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++)
        listener_stop(listeners[i]);
    free(STEAL(l->path));
    free(STEAL(l->id));
    l->looks = false;
}

static void on_peer(void *context)
{
    struct logind *l = context;
    bool lost = l->path;
    forget(l);
    if (!peer_there(l->peer)) {
        if (lost)
            log_info("logind is away");
        refuse_lock(l);
        l->known = true;
        l->setup.changed(l->setup.context);
        return;
    }
    peer_listen(l->peer, &l->session_new, PATH, MANAGER, "SessionNew", "so", on_session_new, l);
    peer_listen(l->peer, &l->session_removed, PATH, MANAGER, "SessionRemoved", "so",
                on_session_removed, l);
    peer_listen(l->peer, &l->sleep, PATH, MANAGER, "PrepareForSleep", "b", on_sleep, l);
    if (!l->sleeping)
        inhibit(l);
    if (peer_call(l->peer, &l->sleep_state, PATH, PROPERTIES, "Get", on_sleep_state, l, "ss",
                  MANAGER, "PreparingForSleep") < 0)
        log_warning("cannot ask logind whether it is about to sleep");
    look(l);
}

struct logind *logind_new(const struct logind_setup *setup)
{
    struct logind *l = calloc(1, sizeof *l);
    if (!l) {
        log_fault(ENOMEM, "logind");
        return NULL;
    }
    l->setup = *setup;
    l->inhibitor = -1;
    l->peer = peer_new(setup->bus, NAME, on_peer, l);
    if (!l->peer)
        logind_free(&l);
    return l;
}

void logind_free(struct logind **logind)
{
    struct logind *l = STEAL(*logind);
    if (!l)
        return;
    forget(l);
    peer_free(&l->peer);
    close_fd(&l->inhibitor);
    free(l->checked);
    free(l->ended);
    free(l);
}

bool logind_locked(const struct logind *l)
{
    return l->locked;
}

bool logind_has_hint(const struct logind *l)
{
    return l->has_hint;
}

bool logind_away(const struct logind *l)
{
    return l->away;
}

bool logind_sleeping(const struct logind *l)
{
    return l->sleeping;
}

bool logind_remote(const struct logind *l)
{
    return l->remote;
}

const char *logind_seat(const struct logind *l)
{
    return l->seat;
}

bool logind_known(const struct logind *l)
{
    return l->known || bus_absent(l->setup.bus);
}
