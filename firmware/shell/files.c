#include "files.h"

#include "base/err.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void files_init(struct files *f)
{
	*f = (struct files){ .in = -1 };
}

static int complain(const char *name)
{
	fprintf(stderr, "error: %s: %s\n", name, strerror(errno));
	return ERR_IO;
}

static int open_in(struct files *f, const struct client_line *line, size_t word)
{
	char name[4096];

	if (f->in >= 0)
		return word == f->in_word ? 0 : ERR_PROTOCOL;
	if (word >= line->n || line->kinds[word] != OPER_WORD_TYPED || line->v[word].n >= sizeof name)
		return ERR_PROTOCOL;
	snprintf(name, sizeof name, "%.*s", BYTES_FMT(line->v[word]));
	f->in_word = word;
	f->in = strcmp(name, "-") == 0 ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
	return f->in < 0 ? complain(name) : 0;
}

/* As much as was wanted, less only at the end. */
static int read_at(struct files *f, uint64_t offset, uint8_t *to, size_t want, size_t *got)
{
	for (*got = 0; *got < want;) {
		ssize_t n = pread(f->in, to + *got, want - *got, (off_t)(offset + *got));
		if (n < 0 && errno == ESPIPE) { /* a pipe: it only goes on */
			if (offset + *got != (uint64_t)f->at)
				return ERR_UNSUPPORTED;
			n = read(f->in, to + *got, want - *got);
			f->at += n > 0 ? n : 0;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return 0;
		*got += (size_t)n;
	}
	return 0;
}

int files_give(struct files *f, struct wire *w, struct client *c, const struct client_line *line)
{
	static uint8_t piece[OPER_PIECE_MAX];
	size_t word = wire_u16(w), got = 0;
	uint64_t offset = wire_u64(w);
	size_t want = wire_u32(w);

	if (wire_end(w) || want > sizeof piece || offset > INT64_MAX - sizeof piece)
		return ERR_PROTOCOL;
	int rc = open_in(f, line, word);
	if (rc == ERR_PROTOCOL)
		return rc;
	if (!rc)
		rc = read_at(f, offset, piece, want, &got);
	return client_piece(c, rc, offset, bytes_make(piece, rc ? 0 : got));
}

void files_end(struct files *f)
{
	if (f->in >= 0)
		(void)close(f->in); /* read only */
	files_init(f);
}
