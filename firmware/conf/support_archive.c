#include "support_archive.h"

#include "base/err.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

struct support_archive {
	struct archive *archive;
	struct buf *out;
};

static la_ssize_t take(struct archive *archive, void *arg, const void *p, size_t n)
{
	struct support_archive *a = arg;

	buf_put_bytes(a->out, bytes_make(p, n));
	if (!buf_failed(a->out))
		return (la_ssize_t)n;
	archive_set_error(archive, ENOMEM, "no room");
	return -1;
}

struct support_archive *support_archive_new(struct buf *out)
{
	struct support_archive *a = calloc(1, sizeof *a);
	struct archive *w = archive_write_new();

	if (!a || !w || archive_write_set_format_ustar(w) != ARCHIVE_OK || archive_write_add_filter_gzip(w) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(w, 1) != ARCHIVE_OK || archive_write_open(w, a, NULL, take, NULL) != ARCHIVE_OK) {
		(void)archive_write_free(w); /* nothing was written */
		free(a);
		return NULL;
	}
	a->archive = w;
	a->out = out;
	return a;
}

int support_archive_put(struct support_archive *a, const char *name, struct bytes content, uint64_t wall_ms)
{
	struct archive_entry *e = archive_entry_new();
	int rc = ERR_NOMEM;

	if (!e)
		return ERR_NOMEM;
	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, (la_int64_t)content.n);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0600);
	archive_entry_set_mtime(e, (time_t)(wall_ms / 1000), 0);
	if (archive_write_header(a->archive, e) == ARCHIVE_OK &&
	    (content.n == 0 || archive_write_data(a->archive, content.p, content.n) == (la_ssize_t)content.n))
		rc = 0;
	archive_entry_free(e);
	return rc;
}

int support_archive_end(struct support_archive *a)
{
	return archive_write_close(a->archive) == ARCHIVE_OK ? 0 : ERR_NOMEM;
}

void support_archive_free(struct support_archive *a)
{
	if (!a)
		return;
	(void)archive_write_free(a->archive); /* what it still writes goes into a buffer that nobody sends */
	free(a);
}
