/* SPDX-License-Identifier: MIT */
/*
 * libwebsockets frames, unframes and waits; it decides nothing. It never holds a page's socket: it
 * reads a handshake that we have written (handshake_rewrite), and behind that only frames that a
 * relay has passed (web_relay.h), which keep every rule and limit. It alone would take frames that
 * are not masked, and 4.1.6 has no hook to refuse them. No extension is offered, and the callback
 * that may veto an upgrade stays unused: both have crashed 4.1.6.
 *
 * Who breaks a rule is told so by the library, in a close frame behind whatever it was writing. We
 * do not wait for the page's close frame: the library reads the end of the stream behind its own,
 * and the page has the time of a farewell to read it.
 *
 * The library insists on doing the waiting. So our loop's descriptor is one of those it waits for,
 * and when that is readable our loop runs one round. The library closes what it adopts: the loop's
 * descriptor it gets as a duplicate. It also wakes up every 30 seconds for housekeeping of its own,
 * so while no page is connected we wait without it, and an idle agent sleeps.
 *
 * One message is written per WRITEABLE callback, as the library wants it; only what must not wait
 * for the loop (transport.flush) is written at once. A page's struct lives in
 * its wsi's opaque pointer from adoption until the library says that the wsi is destroyed.
 */
#include "ipc/door/web_door.h"

#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"
#include "ipc/door/web_relay.h"
#include "ipc/portd/farewell.h"

#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    PIECE_BYTES = 4096,      /* how much of a message the library hands over at once */
    CLOSE_WITHIN_S = 2,      /* for a page that does not read its close frame */
    DESCRIPTORS_BESIDE = 16, /* beside the connections: the loop, the library's own pipe */
    LIBRARY_DESCRIPTORS = CONNECTIONS_MAX + DESCRIPTORS_BESIDE, /* it refuses more */
    DESCRIPTORS_ELSEWHERE = 1024, /* native connections, half-open handshakes, helpers, the rest */
};

struct outgoing {
    STAILQ_ENTRY(outgoing) link;
    struct bytes text; /* behind LWS_PRE bytes of room for the frame's head */
};

struct page {
    struct connection connection; /* first: the transport casts back */
    struct web_door *door;
    bool open;                  /* the upgrade is done */
    enum close_code close_code; /* while connection.closing */
    struct lws *wsi;
    struct web_relay *relay;
    struct bytes in; /* the message so far */
    STAILQ_HEAD(, outgoing) out;
    size_t out_len;
};

struct web_door {
    struct connections *set;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct farewells *farewells;
    struct page *arriving; /* under web_door_adopt, which runs the upgrade; NULL once freed */
    size_t pages;          /* that the library holds */
};

/* ---- out ---- */

static void web_send(struct connection *connection, const struct bytes *message)
{
    static const uint8_t room[LWS_PRE];
    struct page *page = (struct page *)connection;
    struct outgoing *outgoing = calloc(1, sizeof *outgoing);
    if (outgoing) {
        bytes_append(&outgoing->text, room, sizeof room);
        bytes_append(&outgoing->text, message->data, message->len);
    }
    if (!outgoing || outgoing->text.failed || page->out_len + message->len > CONNECTION_OUT_MAX) {
        if (outgoing)
            bytes_deinit(&outgoing->text);
        free(outgoing);
        connection_close(connection, CLOSE_POLICY);
        return;
    }
    page->out_len += message->len;
    STAILQ_INSERT_TAIL(&page->out, outgoing, link);
    lws_callback_on_writable(page->wsi);
}

static void drop_first(struct page *page)
{
    struct outgoing *outgoing = STAILQ_FIRST(&page->out);
    STAILQ_REMOVE_HEAD(&page->out, link);
    page->out_len -= outgoing->text.len - LWS_PRE;
    bytes_deinit(&outgoing->text);
    free(outgoing);
}

/* The close frame goes out from the next callback for writing. */
static void web_close(struct connection *connection, enum close_code code)
{
    struct page *page = (struct page *)connection;
    page->close_code = code;
    lws_callback_on_writable(page->wsi);
    lws_set_timeout(page->wsi, PENDING_TIMEOUT_USER_REASON_BASE, CLOSE_WITHIN_S);
}

/* Ends the connection from within a callback for writing: what that returns to the library. */
static int end(struct page *page)
{
    lws_close_reason(page->wsi, (enum lws_close_status)page->close_code, NULL, 0);
    web_relay_hang_up(page->relay);
    return -1;
}

/* 0, or -1: the socket is of no use any more. */
static int write_first(struct page *page)
{
    const struct outgoing *outgoing = STAILQ_FIRST(&page->out);
    size_t len = outgoing->text.len - LWS_PRE;
    int written = lws_write(page->wsi, outgoing->text.data + LWS_PRE, len, LWS_WRITE_TEXT);
    if (written < (int)len)
        return -1;
    web_relay_flush(page->relay);
    drop_first(page);
    return 0;
}

static int write_one(struct page *page)
{
    if (page->connection.closing)
        return end(page);
    if (!STAILQ_EMPTY(&page->out) && write_first(page) < 0)
        return -1;
    if (!STAILQ_EMPTY(&page->out))
        lws_callback_on_writable(page->wsi);
    return 0;
}

/* The library allows a write outside its callback for writing where it says that the socket is not
 * choked. What stays queued goes out from that callback, which was asked for when it was queued. */
static void web_flush(struct connection *connection)
{
    struct page *page = (struct page *)connection;
    while (!STAILQ_EMPTY(&page->out) && !lws_send_pipe_choked(page->wsi))
        if (write_first(page) < 0) {
            connection_close(connection, CLOSE_INTERNAL);
            return;
        }
}

static const struct transport web_transport = {web_send, web_flush, web_close};

/* ---- in ---- */

static void rule_broken(void *context, int close_code)
{
    struct page *page = context;
    connection_close(&page->connection, (enum close_code)close_code);
}

/* The relay has bounded the message. A page on its way out is not listened to; its connection ends
 * from a callback for writing, as the library reads on behind one for reading. */
static void read_piece(struct page *page, const void *piece, size_t len)
{
    struct connection *connection = &page->connection;
    if (connection->closing)
        return;
    bytes_append(&page->in, piece, len);
    if (page->in.failed) {
        connection_close(connection, CLOSE_INTERNAL);
        return;
    }
    if (!lws_is_final_fragment(page->wsi) || lws_remaining_packet_payload(page->wsi) > 0)
        return;
    connection_receive(connection, (const char *)page->in.data, page->in.len);
    bytes_reset(&page->in);
}

/* ---- coming and going ---- */

static void page_free(struct page *page)
{
    connection_gone(&page->connection);
    if (page->door->arriving == page)
        page->door->arriving = NULL;
    page->door->pages--;
    while (!STAILQ_EMPTY(&page->out))
        drop_first(page);
    bytes_deinit(&page->in);
    web_relay_free(&page->relay, page->door->farewells);
    free(page);
}

static int page_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t len)
{
    (void)user;
    struct page *page = lws_get_opaque_user_data(wsi);
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED: {
        struct web_door *door = lws_context_user(lws_get_context(wsi));
        page = door->arriving;
        if (!page)
            return -1;
        page->wsi = wsi;
        page->open = true;
        lws_set_opaque_user_data(wsi, page);
        return 0;
    }
    case LWS_CALLBACK_RECEIVE:
        if (page)
            read_piece(page, in, len);
        return page ? 0 : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return page ? write_one(page) : -1;
    case LWS_CALLBACK_CLOSED:
        if (page) {
            lws_set_opaque_user_data(wsi, NULL);
            page_free(page);
        }
        return 0;
    default:
        return 0;
    }
}

static int loop_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t len)
{
    (void)user;
    (void)in;
    (void)len;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        const struct web_door *door = lws_context_user(lws_get_context(wsi));
        loop_dispatch(door->set->loop);
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {.name = "lanyard.v1", .callback = page_event, .rx_buffer_size = PIECE_BYTES},
    {.name = "loop", .callback = loop_event},
    {0},
};

/* The library sees the duplicate of one descriptor and closes that one. */
static int adopt_loop(struct web_door *door)
{
    int fd = fcntl(loop_fd(door->set->loop), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return log_fault(errno, "F_DUPFD_CLOEXEC");
    lws_sock_file_fd_type descriptor = {.filefd = fd};
    if (!lws_adopt_descriptor_vhost(door->vhost, LWS_ADOPT_RAW_FILE_DESC, descriptor, "loop", NULL))
        return log_fault(ENOMEM, "adopt the loop");
    return 0;
}

/* A session often starts with 1024. Where there are fewer, newcomers are turned away earlier. */
static void raise_descriptor_limit(void)
{
    const rlim_t wanted = LIBRARY_DESCRIPTORS * WEB_RELAY_DESCRIPTORS + DESCRIPTORS_ELSEWHERE;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_fault(errno, "RLIMIT_NOFILE");
}

struct web_door *web_door_new(struct connections *set)
{
    /* All zero: no ping of the library's own, so an idle page costs no wake-up. */
    static const lws_retry_bo_t no_pings;
    CLEANUP(web_door_free) struct web_door *door = calloc(1, sizeof *door);
    if (!door) {
        log_fault(ENOMEM, "web door");
        return NULL;
    }
    door->set = set;
    door->farewells = farewells_new(set->loop);
    if (!door->farewells)
        return NULL;
    raise_descriptor_limit();
    lws_set_log_level(0, NULL);
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .user = door,
        .vhost_name = "lanyard",
        .fd_limit_per_thread = LIBRARY_DESCRIPTORS,
        .retry_and_idle_policy = &no_pings,
        .options = LWS_SERVER_OPTION_DISABLE_IPV6,
    };
    door->context = lws_create_context(&info);
    if (!door->context) {
        log_fault(ENOMEM, "lws_create_context");
        return NULL;
    }
    door->vhost = lws_get_vhost_by_name(door->context, "lanyard");
    return door->vhost && adopt_loop(door) == 0 ? STEAL(door) : NULL;
}

void web_door_free(struct web_door **door)
{
    struct web_door *d = STEAL(*door);
    if (!d)
        return;
    if (d->context)
        lws_context_destroy(d->context);
    farewells_free(&d->farewells);
    free(d);
}

void web_door_adopt(struct web_door *door, int fd, const struct handshake *handshake)
{
    CLEANUP(close_fd) int owned = fd;
    CLEANUP(bytes_deinit) struct bytes head = {0};
    if (!connections_make_room(door->set, DOOR_WEB) || handshake_rewrite(handshake, &head) < 0)
        return;
    struct page *page = calloc(1, sizeof *page);
    if (!page) {
        log_fault(ENOMEM, "page");
        return;
    }
    page->door = door;
    door->pages++;
    STAILQ_INIT(&page->out);
    struct caller caller = {.door = DOOR_WEB};
    memcpy(caller.origin, handshake->origin, sizeof caller.origin);
    connection_open(&page->connection, door->set, &web_transport, &caller);

    int library;
    page->relay = web_relay_new(door->set->loop, fd, &library, rule_broken, page);
    door->arriving = page;
    if (page->relay) {
        steal_fd(&owned);
        /* The library owns its end from here, whatever happens. The upgrade runs within, and the
         * page may have come and gone when it returns. */
        lws_adopt_socket_vhost_readbuf(door->vhost, library, (const char *)head.data, head.len);
    }
    page = STEAL(door->arriving);
    if (page && !page->open)
        page_free(page);
}

/* Waits for our loop alone. 0 or -errno. */
static int run_without_pages(struct loop *loop)
{
    struct pollfd ready = {.fd = loop_fd(loop), .events = POLLIN};
    if (poll(&ready, 1, -1) < 0 && errno != EINTR)
        return log_fault(errno, "poll");
    loop_dispatch(loop);
    return 0;
}

int web_door_run(struct web_door *door)
{
    struct loop *loop = door->set->loop;
    int r = 0;
    while (r == 0 && !loop_stopped(loop)) {
        if (door->pages == 0)
            r = run_without_pages(loop);
        else if (lws_service(door->context, 0) < 0)
            r = log_fault(EIO, "lws_service");
    }
    return r < 0 ? r : loop_run(loop); /* takes the stop back */
}
