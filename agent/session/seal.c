/* SPDX-License-Identifier: MIT */
/*
 * Two halves. The valid one with the greater number is what is sealed; the other is what was sealed
 * before, or what a write was in the middle of when its process was killed. A half is valid when
 * its checksum is that of its number, its length and its bytes, so it does not matter in which
 * order a write's stores arrive: before the last one nothing is valid that was not.
 *
 * Wiping goes the other way round, the older half first: what has been replaced must not come back.
 *
 * A descriptor from the service manager was stored by an agent of this user, or by whoever could
 * pretend to be one; what cannot be such memory is refused unread. The checksum protects against
 * accidents, not against somebody who can write there.
 *
 * There is no second kind of memory. A plain memfd in the service manager can be opened by every
 * program of this user, as /proc/MANAGER/fd/N, and would give it the session's key.
 */
#include "agent/session/seal.h"

#include "agent/passed.h"
#include "ipc/base/cleanup.h"
#include "ipc/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

enum { DIGEST_BYTES = 32 }; /* SHA-256 */

#define LAYOUT 0x314c4145534e594cU  /* "LYNSEAL1": other layouts are not valid here */
#define SECRETMEM_MAGIC 0x5345434dL /* linux/magic.h */
#define STORE_NAME "session"

struct half {
    uint8_t digest[DIGEST_BYTES]; /* of what follows, as far as len goes */
    uint64_t layout;
    uint64_t number; /* from 1 */
    uint64_t len;
    uint8_t data[SEAL_BYTES_MAX];
};
_Static_assert(2 * sizeof(struct half) <= SEAL_FILE_BYTES, "both halves fit");

struct seal {
    bool store;          /* a service manager keeps descriptors, and there is memory */
    int fd;              /* -1: nothing is sealed */
    struct half *halves; /* two, mapped; NULL with fd -1 */
};

/* ---- the memory ---- */

/* In no core file and in no forked child. NULL with errno. */
static struct half *map(int fd)
{
    void *at = mmap(NULL, SEAL_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return NULL;
    madvise(at, SEAL_FILE_BYTES, MADV_DONTDUMP);
    madvise(at, SEAL_FILE_BYTES, MADV_DONTFORK);
    return at;
}

static void let_go(struct seal *seal)
{
    if (seal->halves)
        munmap(seal->halves, SEAL_FILE_BYTES);
    seal->halves = NULL;
    close_fd(&seal->fd);
}

static int make_secret_fd(void)
{
#ifdef SYS_memfd_secret
    return (int)syscall(SYS_memfd_secret, O_CLOEXEC);
#else
    errno = ENOSYS;
    return -1;
#endif
}

/* 0 or a fault (logged); -ENOSYS: this kernel has no such memory. */
static int make(struct seal *seal)
{
    CLEANUP(close_fd) int fd = make_secret_fd();
    if (fd < 0 && errno == ENOSYS) {
        log_info("this kernel has no memfd_secret (before Linux 6.5 it wants the boot option "
                 "secretmem.enable=1): no session will outlive this process");
        return -ENOSYS;
    }
    if (fd < 0 || ftruncate(fd, SEAL_FILE_BYTES) < 0 || !(seal->halves = map(fd)))
        return log_fault(errno, "memory for a sealed session");
    seal->fd = steal_fd(&fd);
    return 0;
}

/* ---- halves ---- */

static size_t digested(size_t len)
{
    return offsetof(struct half, data) - offsetof(struct half, layout) + len;
}

static bool digest(const struct half *half, size_t len, uint8_t out[static DIGEST_BYTES])
{
    return EVP_Digest(&half->layout, digested(len), out, NULL, EVP_sha256(), NULL) == 1;
}

static bool valid(const struct half *half)
{
    uint8_t expected[DIGEST_BYTES];
    return half->layout == LAYOUT && half->number > 0 && half->len <= SEAL_BYTES_MAX &&
           digest(half, half->len, expected) && memcmp(expected, half->digest, DIGEST_BYTES) == 0;
}

/* The index of the half that counts; -1: none does. */
static int newest(const struct half *halves)
{
    bool first = valid(&halves[0]), second = valid(&halves[1]);
    if (first && second)
        return halves[0].number > halves[1].number ? 0 : 1;
    return first ? 0 : second ? 1 : -1;
}

/* ---- the service manager ---- */

/* Right in every detail but what is in it. */
static bool ours(int fd)
{
    struct stat is;
    struct statfs in;
    int access = fcntl(fd, F_GETFL);
    if (fstat(fd, &is) < 0 || fstatfs(fd, &in) < 0 || access < 0 || (access & O_ACCMODE) != O_RDWR)
        return false;
    return S_ISREG(is.st_mode) && is.st_uid == geteuid() && is.st_size == SEAL_FILE_BYTES &&
           in.f_type == SECRETMEM_MAGIC;
}

static void store_remove(void)
{
    if (sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=" STORE_NAME) < 0)
        log_warning("the service manager could not be told to let go of sealed memory");
}

/* 0 or a fault (logged). */
static int store_add(const struct seal *seal)
{
    int r =
        sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=" STORE_NAME "\nFDPOLL=0", &seal->fd, 1);
    if (r == 0)
        r = -ENOTCONN;
    return r < 0 ? log_fault(-r, "the service manager's file-descriptor store") : 0;
}

static bool take_over(struct seal *seal, int fd)
{
    if (!ours(fd))
        return false;
    seal->halves = map(fd);
    if (!seal->halves)
        return false;
    seal->fd = fd;
    return true;
}

static void name_free(char ***names)
{
    for (char **name = *names; name && *name; name++)
        free(*name);
    free(*names);
}

/* Takes the first that is right; every other one is closed, and the store is told to keep no wrong
 * one. */
static void look_at_passed(struct seal *seal)
{
    CLEANUP(name_free) char **names = NULL;
    bool wrong = false;
    int count = sd_listen_fds_with_names(true, &names);
    if (count < 0)
        log_warning("descriptors of the service manager: %s", strerror(-count));
    for (int i = 0; i < count; i++) {
        int fd = SD_LISTEN_FDS_START + i;
        if (strcmp(names[i], PASSED_NATIVE) == 0)
            continue; /* the native door has it by now */
        bool named = strcmp(names[i], STORE_NAME) == 0;
        if (named && !seal->halves && take_over(seal, fd))
            continue;
        log_warning("descriptor \"%s\" of the service manager is not a sealed session", names[i]);
        wrong |= named;
        close(fd);
    }
    if (wrong && !seal->halves)
        store_remove();
}

/* ---- the whole ---- */

/* Whether there is a store, and memory for it: tried now, so that nobody relies on it in vain. */
static bool probe(struct seal *seal)
{
    const char *notify = getenv("NOTIFY_SOCKET");
    if (!notify || notify[0] == '\0')
        return false;
    if (seal->halves)
        return true;
    bool made = make(seal) == 0;
    let_go(seal);
    return made;
}

struct seal *seal_new(void)
{
    struct seal *seal = calloc(1, sizeof *seal);
    if (!seal) {
        log_fault(ENOMEM, "sealed memory");
        return NULL;
    }
    seal->fd = -1;
    look_at_passed(seal);
    seal->store = probe(seal);
    if (!seal->store)
        seal_destroy(seal);
    return seal;
}

void seal_free(struct seal **seal)
{
    if (*seal)
        let_go(*seal);
    free(*seal);
    *seal = NULL;
}

bool seal_available(const struct seal *seal)
{
    return seal->store;
}

struct secret *seal_read(struct seal *seal)
{
    int at = seal->halves ? newest(seal->halves) : -1;
    if (at < 0)
        return NULL;
    const struct half *half = &seal->halves[at];
    struct secret *out = secret_new(half->len > 0 ? half->len : 1);
    if (!out || secret_append(out, half->data, half->len) < 0) {
        log_fault(ENOMEM, "reading a sealed session");
        secret_free(&out);
    }
    return out;
}

/* Over the half that does not count; what that half had is wiped with it. */
static bool overwrite(struct half *halves, const void *data, size_t len)
{
    int counts = newest(halves);
    struct half *half = &halves[counts == 0 ? 1 : 0];
    half->layout = LAYOUT;
    half->number = counts < 0 ? 1 : halves[counts].number + 1;
    half->len = len;
    if (len > 0)
        memcpy(half->data, data, len);
    explicit_bzero(half->data + len, SEAL_BYTES_MAX - len);
    return digest(half, len, half->digest);
}

/* Makes the memory, unless there is some, and gives it to the store. 0 or a fault (logged). */
static int begin(struct seal *seal)
{
    if (!seal->store)
        return log_fault(ENOTSUP, "sealing a session");
    if (seal->halves)
        return 0;
    int r = make(seal);
    if (r == 0)
        r = store_add(seal);
    if (r < 0)
        let_go(seal);
    return r;
}

int seal_write(struct seal *seal, const void *data, size_t len)
{
    int r = len > SEAL_BYTES_MAX ? log_fault(EMSGSIZE, "sealing a session") : begin(seal);
    if (r == 0 && !overwrite(seal->halves, data, len))
        r = log_fault(EIO, "sealing a session");
    if (r < 0)
        seal_destroy(seal);
    return r;
}

void seal_destroy(struct seal *seal)
{
    if (!seal->halves)
        return;
    int counts = newest(seal->halves);
    explicit_bzero(&seal->halves[counts == 0 ? 1 : 0], sizeof(struct half));
    explicit_bzero(&seal->halves[counts == 0 ? 0 : 1], sizeof(struct half));
    let_go(seal);
    store_remove();
}
