/* shelf.h - files on the disk, in the program's own folder:
 *
 *	files/YYYYMMDD/HH/ID   whole files, by the hour (UTC) of their slot (C-MFS-14); ID: 32 hex digits
 *	new/ID                 what is still coming, or being scanned; swept at the start
 *	quarantine/...         infected files, by day and hour as in files/: a shelf of their own, from which nothing is served
 *
 * A file is its bytes and behind them a label: record, its length u32, SHELF_MAGIC. It gets its place when it is whole and on
 * the disk, by a rename: whoever ends this program at any moment leaves no part of a file. */
#ifndef FILES_SHELF_H
#define FILES_SHELF_H

#include "slot.h"

#include "run/scan.h"

#include <dirent.h>

enum { SHELF_PLACE_BYTES = 64 };

struct shelf {
	int dir_fd, new_fd, files_fd;
};

/* What is known of a file. */
struct shelf_label {
	uint64_t size, created_s;
	char owner[SLOT_OWNER_MAX + 1], type[SLOT_TYPE_MAX + 1], name[SLOT_NAME_MAX + 1];
	char virus[SCAN_NAME_MAX + 1]; /* of a file in quarantine; "" it is none */
};

/* dir_fd: the caller's, stays open. Makes its folders and sweeps new/. ERR_IO. */
int shelf_open(struct shelf *s, int dir_fd);
/* The shelf of infected files beside it. ERR_IO. */
int shelf_open_quarantine(const struct shelf *s, struct shelf *out);
/* "YYYYMMDD/HH/ID". */
void shelf_place(uint32_t hour, const uint8_t id[static SLOT_ID_BYTES], char out[static SHELF_PLACE_BYTES]);
bool shelf_has(const struct shelf *s, const char *place);
/* Per cent of the disk, or of its inodes, that this program may still fill; 100 when the kernel does not say. */
unsigned shelf_free(const struct shelf *s);

/* ---- a file that comes ---- */
struct draft {
	int fd; /* -1: none */
	char name[SLOT_ID_BYTES * 2 + 1];
	uint64_t written, begun; /* bytes of it; of those, bytes whose way to the disk has begun */
};
/* ERR_EXISTS: it is coming already. ERR_FULL: the disk is. ERR_IO. */
int shelf_begin(const struct shelf *s, const uint8_t id[static SLOT_ID_BYTES], struct draft *out);
int draft_write(struct draft *d, struct bytes b); /* ERR_FULL, ERR_IO */
/* Puts it whole in its place, on the disk when this returns; the draft is over in any case, and gone on failure. ERR_EXISTS: there is one.
 * ERR_FULL, ERR_IO. */
int shelf_keep(const struct shelf *s, struct draft *d, const char *place, const struct shelf_label *label);
/* The same bytes for reading, for another program: the caller's descriptor. ERR_IO. */
int draft_open(const struct shelf *s, const struct draft *d);
/* Takes it away. Harmless when there is none. */
void shelf_drop(const struct shelf *s, struct draft *d);

/* ---- files that are there ---- */
/* *fd: the caller's; NULL: only the label is wanted. ERR_NOT_FOUND; ERR_IO: it is damaged. */
int shelf_look(const struct shelf *s, const char *place, struct shelf_label *out, int *fd);
int shelf_delete(const struct shelf *s, const char *place); /* ERR_NOT_FOUND, ERR_IO */

/* All places, or those of days up to `last_day` ("YYYYMMDD"; "" all). Files may come and go meanwhile. */
struct shelf_walk {
	DIR *days, *hours, *files;
	char last_day[9], day[9], hour[3];
	bool is_begun;
};
void shelf_walk_begin(struct shelf_walk *w, const char *last_day);
/* False at the end (*w is over then). */
bool shelf_walk_next(const struct shelf *s, struct shelf_walk *w, char place[static SHELF_PLACE_BYTES]);
/* Ends it early; harmless after its end. */
void shelf_walk_end(struct shelf_walk *w);
/* The day of that second, as a name. */
void shelf_day(uint64_t unix_s, char out[static 9]);

#endif
