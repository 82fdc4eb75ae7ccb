/* What a disk and a clock may do to a stream server, put under it with LD_PRELOAD.
 *
 * The idea: a power cut is a kill, and then every file cut back to what its last fsync covered. So each fsync that
 * succeeds leaves the length that it covers in a file of its own, which a kill cannot take back. The length is asked
 * for before the fsync: what is written while it runs may or may not be on the disk, and so is not.
 *
 * SHIM_FOLDER names the folder:
 *   synced-<device>-<inode>   made here: the length that is on the disk, by inode, since files are renamed
 *   full                      while it is there, writes to append-only files fail with ENOSPC
 *   clock                     milliseconds, in text, to add to the wall clock; looked at every few milliseconds
 *
 * It never touches what is read, nor the monotonic clock, nor any descriptor that is no regular file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_NS 5000000LL

static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static char folder[PATH_MAX - 64];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find(void) {
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_write = dlsym(RTLD_NEXT, "write");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *named = getenv("SHIM_FOLDER");
    if (named != NULL && strlen(named) < sizeof folder) strcpy(folder, named);
}

static void ready(void) { pthread_once(&once, find); }

static void record(const struct stat *before) {
    char path[PATH_MAX], text[32];
    snprintf(path, sizeof path, "%s/synced-%llu-%llu", folder, (unsigned long long)before->st_dev,
             (unsigned long long)before->st_ino);
    int length = snprintf(text, sizeof text, "%020lld\n", (long long)before->st_size);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || real_write(fd, text, (size_t)length) != length) {
        static const char said[] = "shim: what was synced cannot be recorded\n";
        (void)!real_write(2, said, sizeof said - 1);
        abort();
    }
    close(fd);
}

static int synced(int fd, int (*real)(int)) {
    struct stat before;
    int regular = folder[0] && fstat(fd, &before) == 0 && S_ISREG(before.st_mode);
    int result = real(fd);
    if (result == 0 && regular) {
        int kept = errno;
        record(&before);
        errno = kept;
    }
    return result;
}

int fsync(int fd) {
    ready();
    return synced(fd, real_fsync);
}

int fdatasync(int fd) {
    ready();
    return synced(fd, real_fdatasync);
}

static int full(int fd) {
    char path[PATH_MAX], link[64];
    if (!folder[0]) return 0;
    snprintf(path, sizeof path, "%s/full", folder);
    int kept = errno, refused = 0;
    if (access(path, F_OK) == 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length > 0) {
            path[length] = 0;
            refused = strstr(path, ".aof") != NULL;
        }
    }
    errno = refused ? ENOSPC : kept;
    return refused;
}

ssize_t write(int fd, const void *data, size_t length) {
    ready();
    return full(fd) ? -1 : real_write(fd, data, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    ready();
    return full(fd) ? -1 : real_writev(fd, parts, count);
}

static long long shift_ns(void) {
    static _Atomic long long looked, shift;
    struct timespec now;
    if (!folder[0] || real_clock_gettime(CLOCK_MONOTONIC, &now) != 0) return 0;
    long long at = now.tv_sec * 1000000000LL + now.tv_nsec;
    if (at - atomic_load(&looked) >= LOOK_EVERY_NS) {
        char path[PATH_MAX], text[32] = {0};
        int kept = errno;
        snprintf(path, sizeof path, "%s/clock", folder);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            if (read(fd, text, sizeof text - 1) > 0) atomic_store(&shift, atoll(text) * 1000000LL);
            close(fd);
        } else {
            atomic_store(&shift, 0);
        }
        errno = kept;
        atomic_store(&looked, at);
    }
    return atomic_load(&shift);
}

int clock_gettime(clockid_t clock, struct timespec *shown) {
    ready();
    int result = real_clock_gettime(clock, shown);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        long long at = shown->tv_sec * 1000000000LL + shown->tv_nsec + shift_ns();
        shown->tv_sec = at / 1000000000LL;
        shown->tv_nsec = at % 1000000000LL;
    }
    return result;
}

int gettimeofday(struct timeval *restrict shown, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    shown->tv_sec = now.tv_sec;
    shown->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *shown) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
    if (shown != NULL) *shown = now.tv_sec;
    return now.tv_sec;
}
