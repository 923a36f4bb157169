/* SPDX-License-Identifier: MIT */
/* Descriptors that arrive uninvited would fill a process up, so whatever comes is either handed out
 * or closed here. */
#include "ipc/portd/link_message.h"

#include "ipc/base/bytes.h"
#include "ipc/base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { DESCRIPTORS_SEEN = 8 }; /* room to see, and close, more than the one that is due */

void link_registration_encode(uint8_t message[LINK_REGISTRATION_BYTES], enum link_result result,
                              uint16_t port)
{
    struct writer w = WRITER(message, LINK_REGISTRATION_BYTES);
    write_u8(&w, LINK_VERSION);
    write_u8(&w, (uint8_t)result);
    write_u16(&w, port);
}

int link_registration_decode(const uint8_t *message, size_t len, uint8_t *result, uint16_t *port)
{
    struct reader r = READER(message, len);
    uint8_t version = read_u8(&r);
    *result = read_u8(&r);
    *port = read_u16(&r);
    bool valid = reader_done(&r) && version == LINK_VERSION &&
                 (*result == LINK_TAKEN || (*result == LINK_REGISTERED && *port != 0));
    return valid ? 0 : -EPROTO;
}

int link_send_socket(int link, int fd)
{
    uint8_t byte = LINK_SOCKET;
    struct iovec piece = {&byte, 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof fd)];
    } control = {0};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(link, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Keeps the only descriptor; closes several. */
static int take_descriptors(struct msghdr *message)
{
    int first = -1;
    size_t seen = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (seen++ == 0)
                first = fd;
            else
                close_fd(&fd);
        }
    }
    if (seen > 1)
        close_fd(&first);
    return first;
}

ssize_t link_receive(int link, void *bytes, size_t size, int *fd)
{
    struct iovec piece = {bytes, size};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(DESCRIPTORS_SEEN * sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    *fd = -1;
    ssize_t got = recvmsg(link, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return -errno;
    *fd = take_descriptors(&message);
    return got;
}
