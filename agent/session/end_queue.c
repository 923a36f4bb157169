/* SPDX-License-Identifier: MIT */
/*
 * One list of ends, the armed and the due, the due ones in their order; and for each provider a
 * lane: the end that is being delivered, or the timer until it is tried again. A lane takes the
 * first due end of its provider, so each server hears of its sessions in order and none waits for
 * another.
 *
 * A due end is taken from the list and from the disk when its server has answered for good, and in
 * no other case but that the list is full. Telling a server twice does no harm (it answers 204 for
 * what it does not know), so nothing needs to be right about a process that is killed between the
 * answer and the removal; nor about a rename that a power cut undoes, since what is armed and
 * nobody's becomes due at the next start.
 */
#include "agent/session/end_queue.h"

#include "agent/audit.h"
#include "agent/session/end_file.h"
#include "agent/state_folder.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/base/outcome.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { ODD_FILES_SAID = 5 }; /* more of them are counted */

struct end {
    struct end *next;
    char name[END_NAME_BYTES]; /* of its file, present or to come */
    bool armed;                /* else due */
    bool on_disk;
    bool delayed; /* a failure has been told */
    struct end_record record;
};

struct lane {
    struct lane *next;
    struct end_queue *queue;
    const struct config_provider *provider;
    struct end *end;       /* under way */
    struct cis_call *call; /* its request; NULL: none */
    struct loop_timer *timer;
    bool waiting;      /* for the timer */
    unsigned failures; /* one after the other */
};

struct end_queue {
    struct loop *loop;
    struct cis *cis;
    const struct config *config;
    loop_fn *changed;
    void *context;
    int folder;       /* -1: in memory */
    uint64_t number;  /* of the next file */
    size_t total;     /* armed or due */
    size_t due, told; /* now, and when changed was last called */
    struct end *first;
    struct lane *lanes; /* one for each provider that the configuration has had */
};

static void pump(struct end_queue *queue);

/* ---- the list ---- */

static void append(struct end_queue *queue, struct end *end)
{
    struct end **at = &queue->first;
    while (*at)
        at = &(*at)->next;
    *at = end;
    end->next = NULL;
    queue->total++;
    queue->due += !end->armed;
}

static void unlink_end(struct end_queue *queue, struct end *end)
{
    struct end **at = &queue->first;
    while (*at != end)
        at = &(*at)->next;
    *at = end->next;
    queue->total--;
    queue->due -= !end->armed;
}

static struct lane *lane_of(struct end_queue *queue, const struct end *end)
{
    for (struct lane *lane = queue->lanes; lane; lane = lane->next)
        if (strcmp(lane->provider->name, end->record.provider) == 0)
            return lane;
    return NULL;
}

/* A provider that has been taken out of the configuration, or its endpoint, is told nothing. */
static bool is_open(const struct lane *lane)
{
    return lane && config_provider_listed(lane->queue->config, lane->provider) &&
           lane->provider->session_endpoint[0] != '\0';
}

static struct end *first_due(struct end_queue *queue, const struct lane *lane)
{
    for (struct end *end = queue->first; end; end = end->next)
        if (!end->armed && lane_of(queue, end) == lane)
            return end;
    return NULL;
}

static struct end *find_armed(const struct end_queue *queue, const char *sid)
{
    for (struct end *end = queue->first; end; end = end->next)
        if (end->armed && strcmp(end->record.sid, sid) == 0)
            return end;
    return NULL;
}

/* Forgets an end, its file and its request. */
static void drop(struct end_queue *queue, struct end *end)
{
    struct lane *lane = lane_of(queue, end);
    if (lane && lane->end == end) {
        cis_call_free(&lane->call);
        lane->end = NULL;
    }
    unlink_end(queue, end);
    if (end->on_disk) {
        int r = end_file_remove(queue->folder, end->name);
        if (r < 0)
            log_fault(-r, end->name);
    }
    free(end);
}

/* The oldest that is due goes, an armed one only where there is no other. */
static void make_room(struct end_queue *queue)
{
    while (queue->total >= END_QUEUE_MAX) {
        struct end *oldest = queue->first;
        for (struct end *end = queue->first; end && oldest->armed; end = end->next)
            oldest = end;
        log_warning("more than %d ends of sessions wait for their servers: the oldest, for "
                    "provider %s, is given up",
                    END_QUEUE_MAX, oldest->record.provider);
        drop(queue, oldest);
    }
}

/* ---- the disk ---- */

/* Whatever is in memory only. 0 or the last fault (logged). */
static int save(struct end_queue *queue)
{
    int result = 0;
    for (struct end *end = queue->first; queue->folder >= 0 && end; end = end->next) {
        if (end->on_disk)
            continue;
        int r = end_file_write(queue->folder, end->name, &end->record);
        end->on_disk = r == 0;
        if (r < 0)
            result = log_fault(-r, "keeping the end of a session on disk");
    }
    return result;
}

static struct end *end_new(const struct end_record *record)
{
    struct end *end = calloc(1, sizeof *end);
    if (end)
        end->record = *record;
    else
        log_fault(ENOMEM, "the end of a session");
    return end;
}

/* 0 or a fault (logged). Numbers end where nobody can have come by himself: names then tie. */
static int next_name(struct end_queue *queue, bool armed, char out[static END_NAME_BYTES])
{
    int r = end_name_make(queue->number, armed, out);
    if (r == 0 && queue->number + 1 < END_NUMBER_END)
        queue->number++;
    return r;
}

/* ---- what an earlier process left ---- */

/* What is in the folder: the names of ends, and how many files are something else. */
struct found {
    char (*names)[END_NAME_BYTES]; /* END_QUEUE_FILES_MAX of them */
    size_t count, seen, odd;
};

static void found_deinit(struct found *found)
{
    free(found->names);
}

/* What cannot be read stays, for whoever looks into the log. */
static void found_odd(struct found *found, const char *name)
{
    if (++found->odd <= ODD_FILES_SAID)
        log_warning("%s, among the ended sessions, is left alone: it is none", name);
}

static void found_one(struct end_queue *queue, struct found *found, const char *name)
{
    uint64_t number;
    bool armed;
    found->seen++;
    if (end_name_parse(name, &number, &armed)) {
        memcpy(found->names[found->count++], name, strlen(name) + 1);
        if (number >= queue->number)
            queue->number = number + 1 < END_NUMBER_END ? number + 1 : number;
    } else if (!end_name_unfinished(name) || end_file_remove(queue->folder, name) < 0) {
        found_odd(found, name);
    }
}

/* 0 or -errno. */
static int find(struct end_queue *queue, struct found *found)
{
    CLEANUP(close_fd) int fd = openat(queue->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(close_folder) DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
    if (!folder)
        return -errno;
    fd = -1;
    struct dirent *entry;
    while (found->seen < END_QUEUE_FILES_MAX && (entry = readdir(folder)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            found_one(queue, found, entry->d_name);
    return 0;
}

static void load_one(struct end_queue *queue, struct found *found, const char *name)
{
    struct end_record record;
    uint64_t number;
    bool armed;
    if (!end_name_parse(name, &number, &armed) || end_file_read(queue->folder, name, &record) < 0) {
        found_odd(found, name);
        return;
    }
    struct end *end = end_new(&record);
    if (!end)
        return;
    memcpy(end->name, name, strlen(name) + 1);
    end->armed = armed;
    end->on_disk = true;
    append(queue, end);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The newest that the list has room for. Older ones stay: there were never as many by themselves,
 * and the next start looks again. */
static void load(struct end_queue *queue)
{
    CLEANUP(found_deinit)
    struct found found = {.names = calloc(END_QUEUE_FILES_MAX, sizeof *found.names)};
    int r = found.names ? find(queue, &found) : -ENOMEM;
    if (r < 0) {
        log_fault(-r, "the folder of ended sessions");
        return;
    }
    qsort(found.names, found.count, sizeof *found.names, by_name);
    size_t left = found.count > END_QUEUE_MAX ? found.count - END_QUEUE_MAX : 0;
    for (size_t i = left; i < found.count; i++)
        load_one(queue, &found, found.names[i]);
    if (found.odd > ODD_FILES_SAID)
        log_warning("%zu more files among the ended sessions are none", found.odd - ODD_FILES_SAID);
    if (left > 0 || found.seen == END_QUEUE_FILES_MAX)
        log_warning("there are too many files among the ended sessions: of %zu%s, %zu ends are "
                    "left for another start",
                    found.seen, found.seen == END_QUEUE_FILES_MAX ? " or more" : "", left);
}

/* Ends that cannot be delivered to anybody. */
static void say_homeless(struct end_queue *queue)
{
    size_t homeless = 0;
    const char *provider = NULL;
    for (const struct end *end = queue->first; end; end = end->next)
        if (!is_open(lane_of(queue, end))) {
            homeless++;
            provider = end->record.provider;
        }
    if (provider)
        log_warning("%zu ends of sessions are kept for a provider that has no session endpoint in "
                    "the configuration: %s",
                    homeless, provider);
}

/* ---- delivery ---- */

static void audit(const struct end *end, enum audit_event event, int result)
{
    audit_write(&(struct audit_entry){.event = event,
                                      .result = result,
                                      .provider = end->record.provider,
                                      .session = end->record.sid});
}

/* A part of it that nobody can foresee, so that the computers of a ward do not come back to a
 * server all at once. */
static uint64_t part_of(uint64_t milliseconds)
{
    uint32_t random = 0;
    if (RAND_bytes((unsigned char *)&random, sizeof random) != 1)
        return 0;
    return milliseconds * random / UINT32_MAX;
}

static void wait_in(struct lane *lane, unsigned retry_after)
{
    uint64_t wait = END_QUEUE_WAIT_MIN_MS;
    for (unsigned i = 0; i < lane->failures && wait < END_QUEUE_WAIT_MAX_MS; i++)
        wait *= 2;
    if (wait > END_QUEUE_WAIT_MAX_MS)
        wait = END_QUEUE_WAIT_MAX_MS;
    lane->failures++;
    wait -= part_of(wait / 4);
    uint64_t pause = (uint64_t)retry_after * 1000;
    if (wait < pause)
        wait = pause + part_of(END_QUEUE_WAIT_MIN_MS);
    lane->waiting = true;
    loop_timer_set(lane->timer, wait);
}

/* Not now, but later; said once of each end. */
static void put_off(struct lane *lane, struct end *end, int result, unsigned retry_after)
{
    if (!end->delayed)
        audit(end, AUDIT_SESSION_END_DELAYED, result);
    end->delayed = true;
    wait_in(lane, retry_after);
}

/* Whether a server that answers so would answer so for ever: it has seen the statement, which does
 * not change, and said no. */
static bool refused_for_good(int result)
{
    switch (result) {
    case OUTCOME_PROVIDER_REFUSED:
    case OUTCOME_PERSON_UNKNOWN:
    case OUTCOME_CERTIFICATE_REVOKED:
    case OUTCOME_CERTIFICATE_EXPIRED:
    case OUTCOME_CERTIFICATE_NOT_YET_VALID:
    case OUTCOME_ISSUER_UNKNOWN:
    case OUTCOME_TIMED_OUT:
        return true;
    default:
        return false;
    }
}

static void on_answer(void *context, struct cis_answer *answer)
{
    struct lane *lane = context;
    struct end_queue *queue = lane->queue;
    struct end *end = lane->end;
    cis_call_free(&lane->call);
    lane->end = NULL;
    bool known = answer->result == OUTCOME_OK || answer->result == OUTCOME_NO_SESSION;
    if (known || refused_for_good(answer->result)) {
        if (!known)
            log_warning("provider %s refuses the end of a session, which is given up",
                        end->record.provider);
        audit(end, AUDIT_SESSION_END_DELIVERED, known ? OUTCOME_OK : answer->result);
        lane->failures = 0;
        drop(queue, end);
    } else {
        put_off(lane, end, answer->result, answer->retry_after);
    }
    pump(queue);
}

static void on_timer(void *context)
{
    struct lane *lane = context;
    lane->waiting = false;
    pump(lane->queue);
}

static void deliver(struct lane *lane, struct end *end)
{
    lane->call = cis_end(lane->queue->cis, lane->provider, end->record.statement, on_answer, lane);
    if (lane->call)
        lane->end = end;
    else
        put_off(lane, end, OUTCOME_INTERNAL, 0);
}

/* Starts what can be started, and tells of the count. From the loop only. */
static void pump(struct end_queue *queue)
{
    for (struct lane *lane = queue->lanes; lane; lane = lane->next) {
        bool ready = is_open(lane) && !lane->call && !lane->waiting;
        struct end *end = ready ? first_due(queue, lane) : NULL;
        if (end)
            deliver(lane, end);
    }
    bool changed = queue->told != queue->due;
    queue->told = queue->due;
    if (changed && queue->changed)
        queue->changed(queue->context);
}

static void on_deferred(void *context)
{
    pump(context);
}

/* 0 or a fault (logged). */
static int pump_soon(struct end_queue *queue)
{
    loop_undefer(queue->loop, queue);
    int r = loop_defer(queue->loop, on_deferred, queue);
    return r < 0 ? log_fault(-r, "ended sessions") : 0;
}

/* ---- the whole ---- */

static bool has_lane(const struct end_queue *queue, const struct config_provider *provider)
{
    for (const struct lane *lane = queue->lanes; lane; lane = lane->next)
        if (lane->provider == provider)
            return true;
    return false;
}

/* For every provider that has none yet. False on fault (logged). */
static bool lanes_new(struct end_queue *queue)
{
    for (size_t i = 0; i < queue->config->provider_count; i++) {
        const struct config_provider *provider = queue->config->providers[i];
        if (has_lane(queue, provider))
            continue;
        struct lane *lane = calloc(1, sizeof *lane);
        if (!lane) {
            log_fault(ENOMEM, "ended sessions");
            return false;
        }
        *lane = (struct lane){.next = queue->lanes, .queue = queue, .provider = provider};
        queue->lanes = lane;
        lane->timer = loop_timer_new(queue->loop, on_timer, lane);
        if (!lane->timer)
            return false;
    }
    return true;
}

/* Leaves -1 where it cannot be used (logged), or is another agent's, who delivers what is in it. */
static void open_folder(struct end_queue *queue, const char *path)
{
    CLEANUP(close_fd) int folder = state_folder_open(path);
    if (folder < 0)
        return;
    if (flock(folder, LOCK_EX | LOCK_NB) < 0)
        log_warning("%s: another agent has it; ends of sessions are kept in memory", path);
    else
        queue->folder = steal_fd(&folder);
}

struct end_queue *end_queue_new(struct loop *loop, struct cis *cis, const struct config *config,
                                const char *folder, loop_fn *changed, void *context)
{
    CLEANUP(end_queue_free)
    struct end_queue *queue = calloc(1, sizeof *queue);
    if (!queue) {
        log_fault(ENOMEM, "ended sessions");
        return NULL;
    }
    queue->loop = loop;
    queue->cis = cis;
    queue->config = config;
    queue->changed = changed;
    queue->context = context;
    queue->folder = -1;
    if (!lanes_new(queue))
        return NULL;
    if (folder && folder[0] != '\0')
        open_folder(queue, folder);
    if (queue->folder >= 0)
        load(queue);
    say_homeless(queue);
    if (queue->due > 0 && pump_soon(queue) < 0)
        return NULL;
    queue->told = queue->due;
    return STEAL(queue);
}

void end_queue_free(struct end_queue **queue)
{
    struct end_queue *q = *queue;
    *queue = NULL;
    if (!q)
        return;
    loop_undefer(q->loop, q);
    for (struct lane *next, *lane = q->lanes; lane; lane = next) {
        next = lane->next;
        cis_call_free(&lane->call);
        loop_timer_free(&lane->timer);
        free(lane);
    }
    for (struct end *next, *end = q->first; end; end = next) {
        next = end->next;
        free(end);
    }
    close_fd(&q->folder);
    free(q);
}

/* Its file gets the number of its turn. What cannot be renamed keeps its name, and is due again at
 * the next start. */
static void become_due(struct end_queue *queue, struct end *end)
{
    char name[END_NAME_BYTES];
    int r = next_name(queue, false, name);
    if (r == 0 && end->on_disk) {
        r = end_file_rename(queue->folder, end->name, name);
        if (r < 0)
            log_fault(-r, "the end of a session");
    }
    if (r == 0)
        memcpy(end->name, name, sizeof name);
    unlink_end(queue, end);
    end->armed = false;
    append(queue, end);
    pump_soon(queue);
}

void end_queue_release(struct end_queue *queue, const char *alive)
{
    size_t armed = queue->total - queue->due;
    for (struct end *next, *end = queue->first; end && armed > 0; end = next) {
        next = end->next;
        if (!end->armed)
            continue;
        armed--;
        if (!alive || strcmp(end->record.sid, alive) != 0)
            become_due(queue, end);
    }
}

int end_queue_arm(struct end_queue *queue, const char *provider, const char *sid,
                  const char *statement)
{
    struct end_record record;
    if (!end_record_make(provider, sid, statement, &record))
        return log_fault(EINVAL, "the end of a session");
    struct end *end = find_armed(queue, sid);
    if (end && strcmp(end->record.provider, provider) == 0 &&
        strcmp(end->record.statement, statement) == 0)
        return save(queue);
    if (end)
        drop(queue, end);
    make_room(queue);
    end = end_new(&record);
    if (!end)
        return -ENOMEM;
    end->armed = true;
    int r = next_name(queue, true, end->name);
    if (r < 0) {
        free(end);
        return r;
    }
    append(queue, end);
    if (!is_open(lane_of(queue, end)))
        say_homeless(queue);
    return save(queue);
}

void end_queue_due(struct end_queue *queue, const char *sid)
{
    struct end *end = find_armed(queue, sid);
    if (end)
        become_due(queue, end);
}

void end_queue_disarm(struct end_queue *queue, const char *sid)
{
    struct end *end = find_armed(queue, sid);
    if (end)
        drop(queue, end);
}

size_t end_queue_count(const struct end_queue *queue)
{
    return queue->due;
}

void end_queue_hurry(struct end_queue *queue)
{
    save(queue);
    for (struct lane *lane = queue->lanes; lane; lane = lane->next) {
        loop_timer_stop(lane->timer);
        lane->waiting = false;
        lane->failures = 0;
    }
    pump_soon(queue);
}

void end_queue_config_changed(struct end_queue *queue)
{
    lanes_new(queue);
    end_queue_hurry(queue);
}
