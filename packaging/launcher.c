/* lumi-box as one file: a program followed by a ZIP archive of itself.
 *
 * What a start does: it looks for a folder that is ours alone, unpacks there whatever is not there yet, and becomes
 * the program in it (exec: the same process, so that signals, exit status and systemd's notifications need no
 * middleman). Unpacking happens once a version; later starts only compare the size of each file.
 *
 * The folder is held by a shared lock for as long as the program or one of its children lives. Programs that clear
 * away old files leave a locked folder alone, and so do we: versions that nobody holds are removed by the next one
 * that is unpacked.
 *
 * The archive is the one that `zip` makes (PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16): `unzip -l` reads it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

#define PROGRAM "lumi-box"
#define VERSION_LENGTH 16 /* the archive's comment: the folder's name, different for every content */
#define END_SIZE 22
#define CENTRAL_SIZE 46
#define LOCAL_SIZE 30
#define PLACES "name a folder of yours in LUMI_BOX_CACHE"

static const unsigned char *archive; /* this whole executable file */
static size_t archive_size;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs(PROGRAM ": ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    exit(1);
}

__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...) {
    va_list values;
    char *made;
    va_start(values, format);
    if (vasprintf(&made, format, values) < 0) die("out of memory");
    return made;
}

/* ---- the archive ---- */

struct entry {
    char name[PATH_MAX];
    uint32_t crc, packed, size;
    mode_t mode;
    int deflated;
    const unsigned char *data;
};

static uint32_t number(const unsigned char *at, int bytes) {
    uint32_t value = 0;
    while (bytes--) value = value << 8 | at[bytes];
    return value;
}

static const unsigned char *part(size_t offset, size_t length) {
    if (offset > archive_size || length > archive_size - offset) die("this file is damaged: copy it anew");
    return archive + offset;
}

static const unsigned char *end_of_archive(void) {
    const unsigned char *end = part(archive_size - END_SIZE - VERSION_LENGTH, END_SIZE);
    if (memcmp(end, "PK\5\6", 4) || number(end + 20, 2) != VERSION_LENGTH) die("this file is damaged: copy it anew");
    return end;
}

/* Reads the entry of the central directory at `offset`; answers the offset of the next. */
static size_t read_entry(size_t offset, struct entry *entry) {
    const unsigned char *head = part(offset, CENTRAL_SIZE), *local;
    uint32_t length = number(head + 28, 2);
    if (memcmp(head, "PK\1\2", 4) || length >= sizeof entry->name) die("this file is damaged: copy it anew");
    memcpy(entry->name, part(offset + CENTRAL_SIZE, length), length);
    entry->name[length] = 0;
    entry->deflated = number(head + 10, 2) == Z_DEFLATED;
    entry->crc = number(head + 16, 4);
    entry->packed = number(head + 20, 4);
    entry->size = number(head + 24, 4);
    entry->mode = number(head + 38, 4) >> 16;
    local = part(number(head + 42, 4), LOCAL_SIZE);
    entry->data = part(local - archive + LOCAL_SIZE + number(local + 26, 2) + number(local + 28, 2), entry->packed);
    return offset + CENTRAL_SIZE + length + number(head + 30, 2) + number(head + 32, 2);
}

static unsigned char *unpacked(const struct entry *entry) {
    unsigned char *content = malloc(entry->size + 1);
    z_stream stream = {.next_in = (unsigned char *)entry->data, .avail_in = entry->packed,
                       .next_out = content, .avail_out = entry->size + 1};
    if (!content) die("out of memory");
    if (entry->deflated) {
        if (inflateInit2(&stream, -MAX_WBITS) != Z_OK || inflate(&stream, Z_FINISH) != Z_STREAM_END) stream.total_out = -1;
        inflateEnd(&stream);
        if (stream.total_out != entry->size) die("this file is damaged at %s: copy it anew", entry->name);
    } else {
        memcpy(content, entry->data, entry->size);
    }
    content[entry->size] = 0;
    if (crc32(0, content, entry->size) != entry->crc) die("this file is damaged at %s: copy it anew", entry->name);
    return content;
}

/* ---- the folder ---- */

static void make_folders(char *path, mode_t mode) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, mode);
        *slash = '/';
    }
    mkdir(path, mode);
}

/* A descriptor of the folder when it is ours alone, may be written and holds programs that may run; else -1. */
static int open_own(const char *path) {
    struct stat found;
    struct statvfs system;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) return -1;
    if (!fstat(folder, &found) && found.st_uid == geteuid() && !(found.st_mode & 022) &&
        !fstatvfs(folder, &system) && !(system.f_flag & (ST_NOEXEC | ST_RDONLY)))
        return folder;
    close(folder);
    errno = EPERM;
    return -1;
}

static char *usable(char *path) {
    int folder;
    make_folders(path, 0700);
    if ((folder = open_own(path)) < 0) return NULL;
    close(folder);
    return path;
}

/* Where the path leads to, when that is a folder of ours; else NULL. */
static const char *mine(const char *path) {
    struct stat found;
    char *real = path && *path == '/' ? realpath(path, NULL) : NULL;
    return real && !stat(real, &found) && found.st_uid == geteuid() ? real : NULL;
}

static char *cache(void) {
    const char *named = secure_getenv("LUMI_BOX_CACHE"), *temporary = secure_getenv("TMPDIR"), *base;
    char *found = NULL;
    if (named && *named) {
        if (*named != '/') die("LUMI_BOX_CACHE: %s is not an absolute path", named);
        if (!(found = usable(text("%s", named))))
            die("LUMI_BOX_CACHE: %s must be a folder of this user's own, writable by nobody else, where programs may run", named);
        return found;
    }
    if ((base = mine(secure_getenv("CACHE_DIRECTORY")))) found = usable(text("%s", base)); /* systemd: CacheDirectory= */
    if (!found && (base = mine(secure_getenv("XDG_CACHE_HOME")))) found = usable(text("%s/" PROGRAM, base));
    if (!found && (base = mine(secure_getenv("HOME")))) found = usable(text("%s/.cache/" PROGRAM, base));
    if (!found) found = usable(text("%s/" PROGRAM "-%u", temporary && *temporary == '/' ? temporary : "/tmp", geteuid()));
    if (!found) die("there is no folder to unpack this program into; " PLACES);
    return found;
}

static int is_there(const char *path, const struct entry *entry) {
    struct stat found;
    return !lstat(path, &found) && !((found.st_mode ^ entry->mode) & S_IFMT) && found.st_size == (off_t)entry->size;
}

/* 0, or -1 and errno. */
static int write_whole(const char *path, const struct entry *entry, const unsigned char *content) {
    ssize_t count = 1;
    int file;
    if (S_ISLNK(entry->mode)) return symlink((const char *)content, path);
    if ((file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, entry->mode & 0700)) < 0) return -1;
    for (size_t left = entry->size; left && count > 0; left -= count)
        count = write(file, content + entry->size - left, left);
    return close(file) || count < 0 ? -1 : 0;
}

/* Under another name first: nobody ever sees a part of it, also not a program that has the old file open. */
static void write_file(char *path, const struct entry *entry) {
    unsigned char *content = unpacked(entry);
    char *new = text("%s.new", path), *slash = strrchr(path, '/');
    *slash = 0;
    make_folders(path, 0700);
    *slash = '/';
    unlink(new);
    if (write_whole(new, entry, content) || rename(new, path)) {
        int reason = errno;
        unlink(new);
        die("%s: %s; " PLACES, path, strerror(reason));
    }
    free(new);
    free(content);
}

/* Writes what is not in the folder yet; answers how many files that were. */
static int unpack(const char *folder) {
    const unsigned char *end = end_of_archive();
    size_t offset = number(end + 16, 4);
    int count = 0;
    for (uint32_t left = number(end + 10, 2); left; left--) {
        struct entry entry;
        char *path;
        offset = read_entry(offset, &entry);
        path = text("%s/%s", folder, entry.name);
        if (!is_there(path, &entry)) {
            write_file(path, &entry);
            count++;
        }
        free(path);
    }
    return count;
}

static int remove_one(const char *path, const struct stat *found, int kind, struct FTW *where) {
    (void)found, (void)kind, (void)where;
    remove(path);
    return 0;
}

static int is_version(const struct dirent *entry) {
    return strlen(entry->d_name) == VERSION_LENGTH && strspn(entry->d_name, "0123456789abcdef") == VERSION_LENGTH;
}

/* Other versions, unless somebody holds them. */
static void remove_others(const char *base, const char *version) {
    struct dirent **found;
    int count = scandir(base, &found, is_version, NULL);
    for (int each = 0; each < count; each++) {
        char *path = text("%s/%s", base, found[each]->d_name);
        int folder = open_own(path);
        if (strcmp(found[each]->d_name, version) && folder >= 0 && !flock(folder, LOCK_EX | LOCK_NB))
            nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        if (folder >= 0) close(folder);
        free(path);
    }
}

/* The version's folder, complete; `held` is a descriptor that locks it. One start at a time is in here. */
static char *installed(const char *base, int *held) {
    char version[VERSION_LENGTH + 1] = {0}, *lock = text("%s/lock", base), *folder;
    int busy = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (busy < 0 || flock(busy, LOCK_EX)) die("%s: %s", lock, strerror(errno));
    memcpy(version, end_of_archive() + END_SIZE, VERSION_LENGTH);
    folder = text("%s/%s", base, version);
    mkdir(folder, 0700);
    if ((*held = open_own(folder)) < 0 || flock(*held, LOCK_SH)) die("%s: %s; " PLACES, folder, strerror(errno));
    if (unpack(folder)) remove_others(base, version);
    close(busy);
    return folder;
}

int main(int count, char **arguments) {
    char self[PATH_MAX] = {0}, *folder, *program;
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), held;
    struct stat found;
    (void)count;
    if (file < 0 || fstat(file, &found) || readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        die("/proc/self/exe: %s", strerror(errno));
    archive_size = found.st_size;
    archive = mmap(NULL, archive_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (archive == MAP_FAILED) die("%s: %s", self, strerror(errno));
    folder = installed(cache(), &held);
    fcntl(held, F_SETFD, 0); /* kept by the program and its children */
    setenv("LUMI_BOX_EXECUTABLE", self, 1);
    /* PyInstaller's own start needs a libz already; entry.py puts the variable back. */
    if (getenv("LD_LIBRARY_PATH")) setenv("LUMI_BOX_LIBRARY_PATH", getenv("LD_LIBRARY_PATH"), 1);
    else unsetenv("LUMI_BOX_LIBRARY_PATH");
    setenv("LD_LIBRARY_PATH", text("%s/_internal", folder), 1);
    program = text("%s/" PROGRAM, folder);
    execv(program, arguments);
    die("%s: %s; " PLACES, program, strerror(errno));
}
