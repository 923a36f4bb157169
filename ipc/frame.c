/* SPDX-License-Identifier: MIT */
/* A length is judged as soon as its four bytes are there, so a peer that announces four gigabytes
 * is cut off before a byte of them is stored. */
#include "ipc/frame.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

void frame_reader_deinit(struct frame_reader *f)
{
    bytes_deinit(&f->pending);
}

static size_t announced(const uint8_t *header)
{
    struct reader r = READER(header, FRAME_HEADER_BYTES);
    return read_u32(&r);
}

int frame_reader_push(struct frame_reader *f, const void *data, size_t len)
{
    bytes_append(&f->pending, data, len);
    if (f->pending.failed)
        return -ENOMEM;
    /* Every header among what is pending is judged now, not when its frame's turn comes. */
    for (size_t at = 0; f->pending.len - at >= FRAME_HEADER_BYTES;) {
        size_t body = announced(f->pending.data + at);
        if (body == 0 || body > f->max)
            return -EMSGSIZE;
        if (f->pending.len - at - FRAME_HEADER_BYTES < body)
            break;
        at += FRAME_HEADER_BYTES + body;
    }
    return 0;
}

const uint8_t *frame_reader_peek(struct frame_reader *f, size_t *len)
{
    if (f->pending.len < FRAME_HEADER_BYTES)
        return NULL;
    *len = announced(f->pending.data);
    if (f->pending.len - FRAME_HEADER_BYTES < *len)
        return NULL;
    return f->pending.data + FRAME_HEADER_BYTES;
}

void frame_reader_pop(struct frame_reader *f)
{
    bytes_consume(&f->pending, FRAME_HEADER_BYTES + announced(f->pending.data));
}

static void encode_header(uint8_t header[FRAME_HEADER_BYTES], size_t len)
{
    struct writer w = WRITER(header, FRAME_HEADER_BYTES);
    write_u32(&w, (uint32_t)len);
}

int frame_append(struct bytes *out, const void *body, size_t len, size_t max)
{
    if (len == 0 || len > max)
        return -EMSGSIZE;
    uint8_t header[FRAME_HEADER_BYTES];
    encode_header(header, len);
    bytes_append(out, header, sizeof header);
    bytes_append(out, body, len);
    return out->failed ? -ENOMEM : 0;
}

static int send_all(int fd, const uint8_t *data, size_t len, int flags)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, flags | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -errno;
        data += sent;
        len -= (size_t)sent;
    }
    return 0;
}

int frame_send(int fd, const void *body, size_t len, size_t max)
{
    if (len == 0 || len > max)
        return -EMSGSIZE;
    uint8_t header[FRAME_HEADER_BYTES];
    encode_header(header, len);
    int r = send_all(fd, header, sizeof header, MSG_MORE);
    return r < 0 ? r : send_all(fd, body, len, 0);
}

/* 0, or -EPIPE at end of file before the first byte, -EPROTO after it, -errno. */
static int receive_all(int fd, uint8_t *data, size_t len)
{
    size_t have = 0;
    while (have < len) {
        ssize_t got = read(fd, data + have, len - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return have == 0 ? -EPIPE : -EPROTO;
        have += (size_t)got;
    }
    return 0;
}

static int receive_header(int fd, size_t max, size_t *len)
{
    uint8_t header[FRAME_HEADER_BYTES];
    int r = receive_all(fd, header, sizeof header);
    if (r < 0)
        return r;
    *len = announced(header);
    return *len == 0 || *len > max ? -EMSGSIZE : 0;
}

int frame_receive(int fd, struct bytes *body, size_t max)
{
    size_t len;
    int r = receive_header(fd, max, &len);
    if (r < 0)
        return r;
    bytes_reset(body);
    uint8_t piece[4096];
    while (len > 0) {
        size_t n = len < sizeof piece ? len : sizeof piece;
        r = receive_all(fd, piece, n);
        if (r < 0)
            return r == -EPIPE ? -EPROTO : r;
        bytes_append(body, piece, n);
        len -= n;
    }
    return body->failed ? -ENOMEM : 0;
}

int frame_receive_secret(int fd, struct secret *body)
{
    size_t len;
    secret_wipe(body);
    int r = receive_header(fd, secret_capacity(body), &len);
    if (r < 0)
        return r;
    r = receive_all(fd, secret_bytes(body), len);
    if (r < 0) {
        secret_wipe(body);
        return r == -EPIPE ? -EPROTO : r;
    }
    secret_set_len(body, len);
    return 0;
}
