/* file.h - Write files that appear whole or not at all, and read and map
 * files. */
#ifndef FILE_H
#define FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "sim/core/base/error.h"

enum { FILE_PATH_SIZE = 1024 };

/* A file being written under a temporary name in the same directory. */
struct file_writer {
    FILE *stream;                       /* write here */
    char  path[FILE_PATH_SIZE];
    char  temporary[FILE_PATH_SIZE];
};

/* STATUS_BAD_VALUE where this process has read the file: its answer must not
 * take the place of what was asked. */
enum status file_create(struct file_writer *out, const char *path,
                        struct error *err) MUST_CHECK;
/* The same inside a directory of results: whatever has the name, a link too, is
 * replaced and not written through. */
enum status file_replace(struct file_writer *out, const char *path,
                         struct error *err) MUST_CHECK;
enum status file_create_in(struct file_writer *out, const char *directory,
                           const char *name, struct error *err) MUST_CHECK;
/* Flush, fsync, rename into place, fsync the directory.  On failure (a full
 * disk, say; or memory that ever ran out, since what was written may lack
 * something) the temporary file is gone and an older file of that name
 * untouched. */
enum status file_commit(struct file_writer *writer,
                        struct error *err) MUST_CHECK;
void        file_abandon(struct file_writer *writer);
/* Commit what was written well; where `status` says otherwise, abandon it and
 * return that.  Of a failed write the message names the file and the cause. */
enum status file_end(struct file_writer *writer, enum status status,
                     struct error *err) MUST_CHECK;
/* Remove all files that are half written: for a process that ends at once, also
 * from the handler of a signal. */
void        file_abandon_all(void);

/* Open what an interrupted command was at, or begin it: to read, and to append to.
 * NULL, with errno: not so, ELOOP where it is a link, a pipe or has a second
 * name. */
FILE       *file_open_part(const char *path);

/* All of a file that is at most `limit` bytes; *text is NUL-ended, the caller
 * frees it.  Reports a missing file, a directory, a pipe or device, an unreadable
 * or too large file by name as STATUS_BAD_VALUE; none of these is opened.  The
 * process's own input and what a shell's <(COMMAND) names may be pipes, of at most
 * 1 GiB; they are read to their end, and can then be read and mapped again. */
enum status file_read(char **text, size_t *size, const char *path, size_t limit,
                      struct error *err) MUST_CHECK;

/* Open to read what need not be there, such as a file of /proc; NULL: it is not,
 * or is none that file_read() would read.  Lack of memory is noted (error.h). */
FILE       *file_open_optional(const char *path);
/* Whether file_read() or file_map() opened it, of the first some hundred files. */
bool        file_was_read(const char *path);

/* A stream to write a text in memory, which the caller frees; close it, or
 * NULL.  NULL, false: memory ran out, and *text is not whole; that is noted. */
FILE       *file_open_text(char **text, size_t *size);
bool        file_close_text(FILE *stream, char *const *text);

/* A read-only mapping of a whole file. */
struct file_map {
    const unsigned char *data;
    size_t size;
};
enum status file_map(struct file_map *out, const char *path,
                     struct error *err) MUST_CHECK;
void        file_unmap(struct file_map *map);
/* XXH64 of a file's bytes as 16 hexadecimal digits. */
enum status file_hash(char out[17], const char *path,
                      struct error *err) MUST_CHECK;
/* Let go of the memory of a part of a mapping that was read; it comes back from
 * the file when it is read again.  Only whole pages are given back. */
void        file_give_back(const void *data, size_t bytes);

/* mkdir -p. */
enum status file_make_directory(const char *path, struct error *err) MUST_CHECK;
bool        file_exists(const char *path);
/* dir + "/" + name into out[FILE_PATH_SIZE]. */
enum status file_join(char *out, const char *directory, const char *name,
                      struct error *err) MUST_CHECK;

#endif
