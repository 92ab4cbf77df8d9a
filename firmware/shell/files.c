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
	*f = (struct files){ .out = -1, .in = -1 };
}

/* A name in this folder, nothing else. */
static bool is_plain(struct bytes name)
{
	if (name.n == 0 || name.n >= 256 || *name.p == '.' || *name.p == '-')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '/' || name.p[i] < 0x21 || name.p[i] > 0x7e)
			return false;
	return true;
}

static int complain(const char *name)
{
	fprintf(stderr, "error: %s: %s\n", name, errno == EEXIST ? "a file of this name is there already" : strerror(errno));
	return errno == EEXIST ? ERR_EXISTS : ERR_IO;
}

static int open_out(struct files *f, struct bytes name)
{
	snprintf(f->out_name, sizeof f->out_name, "%.*s", BYTES_FMT(name));
	f->out = open(f->out_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return f->out < 0 ? complain(f->out_name) : 0;
}

int files_take(struct files *f, struct wire *w)
{
	struct bytes name = wire_str(w), content = wire_bytes(w);

	if (wire_end(w) || !is_plain(name) || (f->out >= 0 && !bytes_eq_str(name, f->out_name)))
		return ERR_PROTOCOL;
	if (f->is_failed)
		return 0; /* the command is being stopped */
	int rc = f->out < 0 ? open_out(f, name) : 0;
	while (!rc && content.n > 0) {
		ssize_t n = write(f->out, content.p, content.n);
		if (n > 0)
			content = bytes_skip(content, (size_t)n);
		else if (n == 0 || errno != EINTR)
			rc = complain(f->out_name);
	}
	f->is_failed = rc != 0;
	return rc;
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

bool files_end(struct files *f, bool is_well)
{
	if (f->in >= 0)
		(void)close(f->in); /* read only */
	if (f->out >= 0) {
		bool is_whole = is_well && !f->is_failed && fsync(f->out) == 0;
		is_whole = close(f->out) == 0 && is_whole;
		if (!is_whole) {
			(void)unlink(f->out_name); /* half a file only misleads */
			f->is_failed = is_well || f->is_failed;
		}
	}
	bool is_failed = f->is_failed;
	files_init(f);
	return !is_failed;
}
