/* files.h - files of the person while a command runs: one that the answer brings, one that the box reads in pieces. */
#ifndef SHELL_FILES_H
#define SHELL_FILES_H

#include "base/wire.h"
#include "client.h"

#include <sys/types.h>

struct files {
	int out, in; /* -1: none yet */
	char out_name[256];
	bool is_failed;    /* what was brought is not whole on disk */
	off_t at;          /* of `in` when it cannot be read from any place */
	size_t in_word;
};

void files_init(struct files *f);
/* The body of a FILE frame: written to a new file of that name in the folder where ghsh stands, mode 0600, never over one
 * that is there. Says why not. ERR_PROTOCOL; ERR_EXISTS, ERR_IO: the command is to be stopped. */
int files_take(struct files *f, struct wire *w);
/* The body of a WANT frame: answers with a PIECE of the file that the person's word names; never of another. */
int files_give(struct files *f, struct wire *w, struct client *c, const struct client_line *line);
/* The answer is complete, well or not: the new file stays only if all went well. false: it could not be written. */
bool files_end(struct files *f, bool is_well);

#endif
