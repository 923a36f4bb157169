/* SPDX-License-Identifier: MIT */
/*
 * A secret is one anonymous mapping: the header in front, the bytes behind it. A mapping of its own
 * means that mlock, MADV_DONTDUMP and MADV_WIPEONFORK, which all work on pages, concern nothing
 * else, and that unmapping cannot leave a copy in an allocator's free list.
 */
#include "ipc/base/secret.h"

#include "ipc/base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct secret {
    size_t mapped;
    size_t capacity;
    size_t len;
    uint8_t data[];
};

enum { SECRET_CAPACITY_MAX = 448 * 1024 }; /* what a security key may answer at most */

struct secret *secret_new(size_t capacity)
{
    if (capacity == 0 || capacity > SECRET_CAPACITY_MAX)
        return NULL;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (sizeof(struct secret) + capacity + page - 1) / page * page;
    struct secret *s =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return NULL;
    static atomic_flag said = ATOMIC_FLAG_INIT;
    if (mlock(s, mapped) < 0 && !atomic_flag_test_and_set(&said))
        log_warning("memory for secrets cannot be locked (%s): raise RLIMIT_MEMLOCK",
                    strerror(errno));
    madvise(s, mapped, MADV_DONTDUMP);
    madvise(s, mapped, MADV_WIPEONFORK);
    s->mapped = mapped;
    s->capacity = capacity;
    return s;
}

void secret_free(struct secret **s)
{
    if (*s) {
        size_t mapped = (*s)->mapped;
        explicit_bzero(*s, mapped);
        munmap(*s, mapped);
    }
    *s = NULL;
}

size_t secret_len(const struct secret *s)
{
    return s->len;
}

size_t secret_capacity(const struct secret *s)
{
    return s->capacity;
}

uint8_t *secret_bytes(struct secret *s)
{
    return s->data;
}

const uint8_t *secret_peek(const struct secret *s)
{
    return s->data;
}

void secret_set_len(struct secret *s, size_t len)
{
    s->len = len < s->capacity ? len : s->capacity;
    explicit_bzero(s->data + s->len, s->capacity - s->len);
}

int secret_append(struct secret *s, const void *data, size_t len)
{
    if (len > s->capacity - s->len)
        return -ENOSPC;
    if (len > 0)
        memcpy(s->data + s->len, data, len);
    s->len += len;
    return 0;
}

void secret_wipe(struct secret *s)
{
    if (s)
        secret_set_len(s, 0);
}
