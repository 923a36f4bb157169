/* SPDX-License-Identifier: MIT */
/*
 * A Unix socket in the file system that belongs to one living program: created with its access
 * rights, replaced when stale, refused when somebody answers on it.
 */
#pragma once

#include <sys/stat.h>
#include <sys/un.h>

/* A listening socket and what is needed to remove it again. */
struct socket_file {
    int fd;
    int lock; /* PATH.lock, locked for as long as the socket lives */
    struct sockaddr_un address;
};

#define SOCKET_FILE_NONE ((struct socket_file){.fd = -1, .lock = -1})

/* 0 or -ENAMETOOLONG (logged). */
int socket_address(const char *path, struct sockaddr_un *address);
/* Makes the folder of path (its last component only) 0700 where it is missing. 0; -EPERM: it is not
 * a folder of this user's alone; -errno. Logged. */
int socket_folder_private(const char *path);
/* Listens at path, close-on-exec and non-blocking. type: SOCK_STREAM or SOCK_SEQPACKET. *file is
 * SOCKET_FILE_NONE. 0; -EADDRINUSE: somebody answers there (not logged: the caller knows who);
 * -errno, logged. Does not wait. */
int socket_file_open(struct socket_file *file, const char *path, int type, mode_t mode,
                     int backlog);
/* Closes and removes it. Takes SOCKET_FILE_NONE. */
void socket_file_close(struct socket_file *file);
