/* files.h - a file of the person that the box reads in pieces (WANT, PIECE of run/oper.h). */
#ifndef SHELL_FILES_H
#define SHELL_FILES_H

#include "base/wire.h"
#include "client.h"

#include <sys/types.h>

struct files {
	int in;         /* -1: none yet */
	off_t at;       /* when it cannot be read from any place */
	size_t in_word;
};

void files_init(struct files *f);
/* The body of a WANT frame: answers with a PIECE of the file that the person's word names; never of another. ERR_PROTOCOL. */
int files_give(struct files *f, struct wire *w, struct client *c, const struct client_line *line);
void files_end(struct files *f);

#endif
