/*
 * A disk that keeps a diary and fails when told to: LD_PRELOAD for one process, on 64-bit Linux.
 *
 * TXMQTT_DISK_WATCH    the directory whose files are meant; all others are left alone.
 * TXMQTT_DISK_LOG      record: each operation that changed something is appended to this file.
 * TXMQTT_DISK_CONTROL  faults: the first page of this file is "struct control" below, changed at run time from outside.
 *
 * Both files lie outside the watched directory. The diary is a row of records in the machine's byte order, "struct
 * record" and then "length" bytes of data; it is in the order in which operations ended. What failed and changed nothing
 * is not in it, except for syncs. Files are named by their inode number, which belongs to one file for as long as
 * somebody has it open; "created" begins a new one.
 *
 * Shared memory of SQLite's write-ahead log ("-shm") is rebuilt after a crash: its files are not recorded, and what is
 * mapped is nobody's business; a full or read-only disk refuses to grow them, as it does in life.
 *
 * System calls are made directly and not through the next library: no order of loading matters, and nothing of the C
 * library's own calls comes by here twice.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#if __SIZEOF_LONG__ < 8
#error "offsets are passed to the kernel in one register: 64 bits only"
#endif

enum { CREATED = 1, OPENED, WRITTEN, RESIZED, SYNCED, RENAMED, UNLINKED };

struct record {
    uint8_t kind;
    uint8_t lost;     /* SYNCED: it failed, and what it should have written counts as clean */
    uint16_t error;   /* SYNCED: errno, or 0 */
    uint32_t length;  /* of the data: WRITTEN the bytes, RENAMED "old\0new", else the name within the directory */
    uint64_t file;    /* inode number */
    int64_t began;    /* CLOCK_MONOTONIC, ns */
    int64_t ended;
    int64_t offset;   /* WRITTEN: where; RESIZED: the new size; SYNCED: 1 for a directory */
};

struct control {
    struct fault {
        int64_t error; /* errno, or 0 for no fault */
        int64_t skip;  /* so many pass before it begins: bytes for writes, else calls */
        int64_t times; /* and so many fail before it is over; 0: all */
        int64_t hits;  /* how many have failed: counted here */
    } write, sync, read, change;
    int64_t sync_loses;  /* a failed sync marks its pages clean: see "lost" */
    int64_t sync_delay;  /* ns before each sync */
    int64_t write_delay; /* ns before each write */
    int64_t syncs;       /* how many were asked for: counted here */
    char only[32];       /* files whose name ends in this, directories for "/"; all, where empty */
};

struct watched {
    uint64_t file;
    char kind;     /* 0: not watched, 'f' file, 'd' directory, 's' shared memory */
    char tail[31]; /* the end of its name, "/" for a directory */
};

enum { DESCRIPTORS = 65536 };

static struct watched table[DESCRIPTORS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX];
static size_t root_length;
static int diary = -1;
static struct control *control;
static pid_t owner; /* a child of vfork runs in our memory, and must not change our table */

/* The surroundings */

static void forked(void)
{
    owner = getpid();
    pthread_mutex_init(&lock, NULL);
}

__attribute__((constructor)) static void begin(void)
{
    const char *watch = getenv("TXMQTT_DISK_WATCH"), *log = getenv("TXMQTT_DISK_LOG");
    const char *faults = getenv("TXMQTT_DISK_CONTROL");
    if (watch == NULL || realpath(watch, root) == NULL)
        return;
    if (log != NULL) {
        int fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0 || (diary = fcntl(fd, F_DUPFD_CLOEXEC, 900)) < 0) /* out of the way of those who close what is low */
            abort();
        syscall(SYS_close, fd);
    }
    if (faults != NULL) {
        int fd = syscall(SYS_openat, AT_FDCWD, faults, O_RDWR | O_CLOEXEC, 0);
        if (fd < 0)
            abort();
        control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        syscall(SYS_close, fd);
        if (control == MAP_FAILED)
            abort();
    }
    owner = getpid();
    pthread_atfork(NULL, NULL, forked);
    root_length = strlen(root);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void wait_for(int64_t ns)
{
    struct timespec t = {ns / 1000000000LL, ns % 1000000000LL};
    while (ns > 0 && nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

/* A name within the directory ("" for the directory itself), or NULL for all others. */
static const char *within(const char *path)
{
    if (root_length == 0 || strncmp(path, root, root_length) != 0)
        return NULL;
    return path[root_length] == '/' ? path + root_length + 1 : path[root_length] ? NULL : path + root_length;
}

static const char *name_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (n < 0)
        return NULL;
    path[n] = 0;
    return within(path);
}

/* The same for a name that need not exist, and may be a link. */
static const char *name_at(int folder, const char *name, char *path)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - name) + 1 : 1, slash ? name : ".");
    int fd = syscall(SYS_openat, folder, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    const char *found = name_of(fd, path);
    syscall(SYS_close, fd);
    if (found == NULL || strlen(path) + strlen(last) + 2 > PATH_MAX)
        return NULL;
    strcat(strcat(path, "/"), last);
    return within(path);
}

static int ends(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static const char *tail(const char *name)
{
    size_t n = strlen(name), most = sizeof table[0].tail - 1;
    return n > most ? name + n - most : name;
}

static struct watched *find(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS && table[fd].kind && getpid() == owner ? &table[fd] : NULL;
}

static void forget(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS && getpid() == owner)
        table[fd].kind = 0;
}

static int copied(int from, int to)
{
    if (to >= 0 && to < DESCRIPTORS && from >= 0 && from < DESCRIPTORS && getpid() == owner)
        table[to] = table[from];
    return to;
}

static void note(struct record r, const struct iovec *data, int count)
{
    if (diary < 0)
        return;
    struct iovec all[count + 1];
    size_t left = r.length;
    all[0] = (struct iovec){&r, sizeof r};
    for (int i = 0; i < count; i++) {
        all[i + 1] = data[i];
        if (all[i + 1].iov_len > left)
            all[i + 1].iov_len = left;
        left -= all[i + 1].iov_len;
    }
    if (syscall(SYS_writev, diary, all, count + 1) != (ssize_t)(sizeof r + r.length))
        abort(); /* a diary with a hole proves nothing */
}

static void note_name(struct record r, const char *name)
{
    struct iovec data = {(char *)name, strlen(name)};
    r.length = data.iov_len;
    note(r, &data, 1);
}

/* Whether a fault strikes; "most" is how much may pass, and is lowered to what does. Under the lock. */
static int strikes(struct fault *fault, const char *name, size_t *most)
{
    int error = fault->error;
    if (!error || !ends(name, control->only))
        return 0;
    if (fault->skip > 0) {
        size_t wanted = most ? *most : 1;
        if (fault->skip >= (int64_t)wanted) {
            fault->skip -= wanted;
            return 0;
        }
        *most = fault->skip; /* a disk takes what fits, and refuses the rest the next time */
        fault->skip = 0;
        return 0;
    }
    if (fault->times > 0 && --fault->times == 0)
        fault->error = 0;
    __atomic_add_fetch(&fault->hits, 1, __ATOMIC_SEQ_CST);
    return error;
}

static int refused(struct fault *fault, const char *name)
{
    pthread_mutex_lock(&lock);
    int error = strikes(fault, name, NULL);
    pthread_mutex_unlock(&lock);
    errno = error ? error : errno;
    return error;
}

/* Opening and closing */

static int open_at(int folder, const char *name, int flags, mode_t mode)
{
    struct stat s;
    char path[PATH_MAX];
    int created = 0, change = flags & (O_CREAT | O_TRUNC) && (flags & O_TMPFILE) != O_TMPFILE;
    if (control != NULL && control->change.error) {
        int grows = flags & O_CREAT && fstatat(folder, name, &s, 0) < 0;
        int writes = control->change.error == EROFS && (flags & O_ACCMODE) != O_RDONLY;
        const char *meant = grows || writes ? name_at(folder, name, path) : NULL;
        if (meant != NULL && refused(&control->change, meant))
            return -1;
    }
    if (change) {
        pthread_mutex_lock(&lock);
        created = flags & O_CREAT && fstatat(folder, name, &s, 0) < 0;
    }
    int64_t began = now();
    int fd = syscall(SYS_openat, folder, name, flags, mode);
    if (fd >= 0) {
        forget(fd);
        int saved = errno;
        const char *found = root_length ? name_of(fd, path) : NULL;
        if (found != NULL && fd < DESCRIPTORS && getpid() == owner && fstat(fd, &s) == 0) {
            table[fd].kind = S_ISDIR(s.st_mode) ? 'd' : ends(found, "-shm") ? 's' : 'f';
            table[fd].file = s.st_ino;
            strcpy(table[fd].tail, table[fd].kind == 'd' ? "/" : tail(found));
            struct record r = {.file = s.st_ino, .began = began, .ended = now()};
            if (table[fd].kind == 'f') {
                r.kind = created ? CREATED : OPENED;
                note_name(r, found);
                r.kind = RESIZED;
                if (!created && flags & O_TRUNC)
                    note(r, NULL, 0);
            }
        }
        errno = saved;
    }
    if (change)
        pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *name, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags) return open_at(AT_FDCWD, name, flags, mode); }
int openat(int folder, const char *name, int flags, ...) { MODE(flags) return open_at(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) { MODE(flags) return open_at(folder, name, flags, mode); }
int creat(const char *name, mode_t mode) { return open_at(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *name, mode_t mode) { return open_at(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd)
{
    forget(fd);
    return syscall(SYS_close, fd);
}

int dup(int fd) { return copied(fd, syscall(SYS_dup, fd)); }
int dup2(int fd, int to) { return fd == to ? (int)syscall(SYS_fcntl, fd, F_GETFD) < 0 ? -1 : to : copied(fd, syscall(SYS_dup3, fd, to, 0)); }
int dup3(int fd, int to, int flags) { return copied(fd, syscall(SYS_dup3, fd, to, flags)); }

static int control_file(int fd, int command, long argument)
{
    int result = syscall(SYS_fcntl, fd, command, argument);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? copied(fd, result) : result;
}

#define ARGUMENT(last) \
    va_list rest; \
    va_start(rest, last); \
    long argument = va_arg(rest, long); \
    va_end(rest);

int fcntl(int fd, int command, ...) { ARGUMENT(command) return control_file(fd, command, argument); }
int fcntl64(int fd, int command, ...) { ARGUMENT(command) return control_file(fd, command, argument); }

/* Writing and reading */

static ssize_t put(int fd, const struct iovec *data, int count, off_t at, int positioned)
{
    struct watched *w = find(fd);
    if (w == NULL)
        return positioned ? syscall(SYS_pwritev, fd, data, count, at, 0) : syscall(SYS_writev, fd, data, count);
    size_t most = 0;
    struct iovec some[count];
    for (int i = 0; i < count; i++)
        most += data[i].iov_len;
    if (control != NULL)
        wait_for(control->write_delay);
    pthread_mutex_lock(&lock);
    int error = control != NULL && most ? strikes(&control->write, w->tail, &most) : 0;
    if (error) {
        pthread_mutex_unlock(&lock);
        errno = error;
        return -1;
    }
    size_t left = most;
    for (int i = 0; i < count; i++) {
        some[i] = data[i];
        if (some[i].iov_len > left)
            some[i].iov_len = left;
        left -= some[i].iov_len;
    }
    int64_t began = now();
    ssize_t n = positioned ? syscall(SYS_pwritev, fd, some, count, at, 0) : syscall(SYS_writev, fd, some, count);
    if (n > 0 && w->kind == 'f') {
        int saved = errno;
        off_t offset = positioned ? at : syscall(SYS_lseek, fd, 0, SEEK_CUR) - n;
        struct record r = {WRITTEN, 0, 0, n, w->file, began, now(), offset};
        note(r, some, count);
        errno = saved;
    }
    pthread_mutex_unlock(&lock);
    return n;
}

ssize_t write(int fd, const void *data, size_t size)
{
    if (find(fd) == NULL)
        return syscall(SYS_write, fd, data, size);
    return put(fd, &(struct iovec){(void *)data, size}, 1, 0, 0);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    if (find(fd) == NULL)
        return syscall(SYS_pwrite64, fd, data, size, at);
    return put(fd, &(struct iovec){(void *)data, size}, 1, at, 1);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { return pwrite(fd, data, size, at); }
ssize_t writev(int fd, const struct iovec *data, int count) { return put(fd, data, count, 0, 0); }
ssize_t pwritev(int fd, const struct iovec *data, int count, off_t at) { return put(fd, data, count, at, 1); }
ssize_t pwritev64(int fd, const struct iovec *data, int count, off64_t at) { return put(fd, data, count, at, 1); }

ssize_t pwritev2(int fd, const struct iovec *data, int count, off_t at, int flags)
{
    if (find(fd) == NULL)
        return syscall(SYS_pwritev2, fd, data, count, at, 0, flags);
    return put(fd, data, count, at, at != -1);
}

ssize_t pwritev64v2(int fd, const struct iovec *data, int count, off64_t at, int flags)
{
    return pwritev2(fd, data, count, at, flags);
}

static int unreadable(int fd)
{
    struct watched *w = find(fd);
    return w != NULL && w->kind == 'f' && control != NULL && control->read.error && refused(&control->read, w->tail);
}

ssize_t read(int fd, void *data, size_t size) { return unreadable(fd) ? -1 : syscall(SYS_read, fd, data, size); }

ssize_t pread(int fd, void *data, size_t size, off_t at)
{
    return unreadable(fd) ? -1 : syscall(SYS_pread64, fd, data, size, at);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t at) { return pread(fd, data, size, at); }

/* Sizes */

static int resize(int fd, long number, long mode, off_t from, off_t size)
{
    struct watched *w = find(fd);
    if (w == NULL)
        return number == SYS_ftruncate ? syscall(number, fd, size) : syscall(number, fd, mode, from, size);
    struct stat s = {0};
    size_t one = 1;
    pthread_mutex_lock(&lock);
    int64_t began = now();
    fstat(fd, &s);
    int error = 0;
    if (control != NULL) {
        error = strikes(&control->change, w->tail, NULL);
        if (!error && (number != SYS_ftruncate || size > s.st_size) && control->write.skip == 0)
            error = strikes(&control->write, w->tail, &one); /* a full disk does not grow */
    }
    int result = -1;
    if (!error) {
        result = number == SYS_ftruncate ? syscall(number, fd, size) : syscall(number, fd, mode, from, size);
        error = errno;
        off_t before = s.st_size;
        if (result == 0 && w->kind == 'f' && fstat(fd, &s) == 0 && s.st_size != before) {
            struct record r = {RESIZED, 0, 0, 0, w->file, began, now(), s.st_size};
            note(r, NULL, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int ftruncate(int fd, off_t size) { return resize(fd, SYS_ftruncate, 0, 0, size); }
int ftruncate64(int fd, off64_t size) { return resize(fd, SYS_ftruncate, 0, 0, size); }
int fallocate(int fd, int mode, off_t from, off_t size) { return resize(fd, SYS_fallocate, mode, from, size); }
int fallocate64(int fd, int mode, off64_t from, off64_t size) { return resize(fd, SYS_fallocate, mode, from, size); }
int posix_fallocate(int fd, off_t from, off_t size) { return resize(fd, SYS_fallocate, 0, from, size) ? errno : 0; }
int posix_fallocate64(int fd, off64_t from, off64_t size) { return posix_fallocate(fd, from, size); }

/* Syncs */

static int sync_file(int fd, long number)
{
    struct watched *w = find(fd);
    if (w == NULL)
        return syscall(number, fd);
    char path[PATH_MAX];
    int error = 0, loses = 0;
    struct record r = {.kind = SYNCED, .file = w->file, .began = now(), .offset = w->kind == 'd'};
    const char *name = w->kind == 'd' ? name_of(fd, path) : "";
    if (control != NULL) {
        __atomic_add_fetch(&control->syncs, 1, __ATOMIC_SEQ_CST);
        wait_for(control->sync_delay);
        loses = control->sync_loses;
        error = refused(&control->sync, w->tail);
    }
    int result = error ? -1 : syscall(number, fd);
    r.error = result ? errno : 0;
    r.lost = error && loses;
    pthread_mutex_lock(&lock);
    r.ended = now();
    if (w->kind != 's')
        note_name(r, name ? name : "");
    pthread_mutex_unlock(&lock);
    errno = r.error ? r.error : errno;
    return result;
}

int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

/* It promises nothing about a power cut, so that there is nothing to record; a failing disk fails it too. */
int sync_file_range(int fd, off64_t from, off64_t size, unsigned flags)
{
    struct watched *w = find(fd);
    if (w != NULL && control != NULL && refused(&control->sync, w->tail))
        return -1;
    return syscall(SYS_sync_file_range, fd, from, size, flags);
}

/* Names */

static int remove_at(int folder, const char *name, int flags)
{
    char path[PATH_MAX];
    const char *found = root_length ? name_at(folder, name, path) : NULL;
    if (found == NULL || flags & AT_REMOVEDIR)
        return syscall(SYS_unlinkat, folder, name, flags);
    if (control != NULL && control->change.error == EROFS && refused(&control->change, found))
        return -1;
    pthread_mutex_lock(&lock);
    struct record r = {.kind = UNLINKED, .began = now()};
    int result = syscall(SYS_unlinkat, folder, name, flags), saved = errno;
    r.ended = now();
    if (result == 0 && !ends(found, "-shm"))
        note_name(r, found);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}

int unlink(const char *name) { return remove_at(AT_FDCWD, name, 0); }
int unlinkat(int folder, const char *name, int flags) { return remove_at(folder, name, flags); }

static int rename_at(int from, const char *old, int to, const char *new, unsigned flags)
{
    char old_path[PATH_MAX], new_path[PATH_MAX];
    const char *was = root_length ? name_at(from, old, old_path) : NULL;
    const char *is = root_length ? name_at(to, new, new_path) : NULL;
    if (was == NULL || is == NULL)
        return syscall(SYS_renameat2, from, old, to, new, flags);
    if (control != NULL && control->change.error && refused(&control->change, is))
        return -1;
    pthread_mutex_lock(&lock);
    struct record r = {.kind = RENAMED, .began = now()};
    int result = syscall(SYS_renameat2, from, old, to, new, flags), saved = errno;
    r.ended = now();
    if (result == 0) {
        struct iovec names[] = {{(char *)was, strlen(was) + 1}, {(char *)is, strlen(is)}};
        r.length = names[0].iov_len + names[1].iov_len;
        note(r, names, 2);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return result;
}

int rename(const char *old, const char *new) { return rename_at(AT_FDCWD, old, AT_FDCWD, new, 0); }
int renameat(int from, const char *old, int to, const char *new) { return rename_at(from, old, to, new, 0); }

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    return rename_at(from, old, to, new, flags);
}
