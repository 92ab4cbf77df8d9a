/* files.h - the files of captures in the program's own folder: how much they take, which are too old, reading them in
 * parts. Names are made here and only such names are ever opened. */
#ifndef CAPTURE_FILES_H
#define CAPTURE_FILES_H

#include "base/bytes.h"

/* Beyond it none is made: deleting is for a person, or for capture keep. */
enum { FILES_MAX = 256, FILES_NAME_BYTES = 64, FILES_PART_BYTES = 1 << 20 };

struct files {
	int dir_fd; /* the folder; kept */
};

struct files_item {
	char name[FILES_NAME_BYTES];
	uint64_t bytes, changed_s; /* since 1970 */
};

/* "eth0-20261126T120501Z-7-1.pcapng": interface, when it began, capture, place in the ring. */
void files_name(char out[static FILES_NAME_BYTES], const char *interface, uint64_t wall_ms, unsigned number, unsigned part);
bool files_is_name(struct bytes name);
/* A new one for writing: a descriptor. ERR_EXISTS, ERR_IO. */
int files_create(const struct files *f, const char *name);
/* All of them by name, at most FILES_MAX; how many. */
size_t files_list(const struct files *f, struct files_item out[static FILES_MAX]);
uint64_t files_total(const struct files *f);
/* ERR_NOT_FOUND, ERR_IO. */
int files_delete(const struct files *f, struct bytes name);
/* Deletes what has not changed for so long. */
void files_expire(const struct files *f, uint64_t now_s, uint64_t age_s);
/* Up to FILES_PART_BYTES from offset into out. The number of bytes, 0 at the end, ERR_NOT_FOUND, ERR_IO. */
int files_read(const struct files *f, struct bytes name, uint64_t offset, uint8_t out[static FILES_PART_BYTES]);
/* Is the disk so full that a capture must end? */
bool files_disk_is_full(const struct files *f);

#endif
