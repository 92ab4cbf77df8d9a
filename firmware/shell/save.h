/* save.h - a file that gh-conf sends, part by part, into the current folder: of the person alone, and never over one
 * that is there. Under its own name only once it is whole and on the disk. */
#ifndef SHELL_SAVE_H
#define SHELL_SAVE_H

#include "base/bytes.h"

enum { SAVE_NAME_BYTES = 200 };

struct save {
	int fd; /* -1: none under way */
	char name[SAVE_NAME_BYTES], part[SAVE_NAME_BYTES + 8];
	uint64_t bytes;
};

void save_init(struct save *s);
/* The next part of the file, or the first. A file of another name ends the one before. ERR_SYNTAX: not a plain file
 * name; ERR_EXISTS: there is one already; ERR_IO. Then nothing is left behind. */
int save_part(struct save *s, struct bytes name, struct bytes content);
/* is_whole: it gets its name; else it goes. ERR_EXISTS, ERR_IO. Nothing to do without one under way. */
int save_end(struct save *s, bool is_whole);

#endif
