#include "backup.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "run/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* All names are in the program's own folder, where it stands. */
static const char copy_file[] = "backup.db", restored_file[] = "restore.db", id_file[] = "restore.id", id_new[] = "restore.id.new";
enum { PAGES_A_STEP = 256 };

static void unlink_db(const char *name)
{
	static const char *const tails[] = { "", "-journal", "-wal", "-shm" };
	char path[64];

	for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
		snprintf(path, sizeof path, "%s%s", name, tails[i]);
		(void)unlink(path); /* mostly not there */
	}
}

static void drop_file(struct store_backup *b)
{
	db_copy_close(b->copy);
	b->copy = NULL;
	if (b->fd >= 0)
		(void)close(b->fd); /* it goes */
	b->fd = -1;
	b->is_writing = false;
	unlink_db(copy_file);
}

/* Not a file that is prepared: its decision may be on its way. */
static void drop_written(struct store_backup *b)
{
	bool was_writing = b->is_writing;

	drop_file(b);
	if (was_writing)
		unlink_db(restored_file);
}

void store_backup_init(struct store_backup *b, struct store *s)
{
	*b = (struct store_backup){ .store = s, .fd = -1 };
	drop_file(b); /* a crash left it */
}

static int sync_folder(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) < 0 ? ERR_IO : 0;

	if (fd >= 0)
		(void)close(fd); /* synced */
	return rc;
}

/* ---- out ---- */

static int read_begin(struct store_backup *b, struct wire *w, struct buf *out)
{
	(void)out;
	if (wire_end(w))
		return ERR_PROTOCOL;
	drop_written(b);
	if (!b->store->db)
		return ERR_UNSUPPORTED; /* a server's, and it is away */
	store_commit(b->store);
	return db_copy_open(b->store->db, copy_file, &b->copy);
}

/* One step of the copy. The transaction of this turn must not be open. */
static int copy_on(struct store_backup *b)
{
	store_commit(b->store);
	int rc = db_copy_step(b->copy, PAGES_A_STEP);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	db_copy_close(b->copy);
	b->copy = NULL;
	b->fd = open(copy_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return b->fd < 0 ? ERR_IO : 0;
}

static int read_piece(struct store_backup *b, struct wire *w, struct buf *out)
{
	static uint8_t piece[BACKUP_PIECE_MAX];
	ssize_t n = 0;

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (b->is_writing || (!b->copy && b->fd < 0))
		return ERR_BAD_STATE;
	if (b->copy) {
		wire_put_u8(out, BACKUP_MORE);
		wire_put_bytes(out, BYTES_NONE);
		return copy_on(b);
	}
	n = read(b->fd, piece, sizeof piece);
	if (n < 0)
		return ERR_IO;
	wire_put_u8(out, n == 0 ? BACKUP_WHOLE : BACKUP_MORE);
	wire_put_bytes(out, bytes_make(piece, (size_t)n));
	if (n == 0)
		drop_file(b);
	return 0;
}

/* ---- in ---- */

static int write_begin(struct store_backup *b, struct wire *w, struct buf *out)
{
	(void)out;
	if (wire_end(w))
		return ERR_PROTOCOL;
	drop_written(b);
	(void)unlink(id_file); /* what was prepared before is not any more; the id goes first */
	if (sync_folder())
		return ERR_IO;
	unlink_db(restored_file);
	b->fd = open(restored_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	b->is_writing = b->fd >= 0;
	return b->is_writing ? 0 : ERR_IO;
}

static int write_all(int fd, struct bytes v)
{
	while (v.n > 0) {
		ssize_t n = write(fd, v.p, v.n);
		if (n <= 0)
			return n < 0 && (errno == ENOSPC || errno == EDQUOT) ? ERR_FULL : ERR_IO;
		v = bytes_skip(v, (size_t)n);
	}
	return 0;
}

static int write_piece(struct store_backup *b, struct wire *w, struct buf *out)
{
	struct bytes piece = wire_bytes(w);

	(void)out;
	if (wire_end(w))
		return ERR_PROTOCOL;
	return b->is_writing ? write_all(b->fd, piece) : ERR_BAD_STATE;
}

static int drop(struct store_backup *b, struct wire *w, struct buf *out)
{
	(void)out;
	drop_written(b);
	return wire_end(w) ? ERR_PROTOCOL : 0;
}

/* Is it a database of ours? It is brought to our schema at once: what would fail must fail before the decision. */
static int check_db(const char *path)
{
	struct db *d = NULL;
	struct db_stmt *q;
	const char *why = "";
	int rc = db_open(path, sql_sqlite.steps, sql_sqlite.n_steps, &d, &why);

	for (unsigned i = 0; !rc && i < SQL_COUNT; i++) {
		rc = db_prepare(d, sql_sqlite.texts[i], &q);
		if (!rc)
			db_finish(q);
	}
	db_close(d);
	return rc;
}

static int write_id(const uint8_t id[static BACKUP_ID_BYTES])
{
	char hex[2 * BACKUP_ID_BYTES + 1];
	int fd = open(id_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	text_hex(bytes_make(id, BACKUP_ID_BYTES), hex);
	int rc = fd < 0 ? ERR_IO : write_all(fd, bytes_of(hex));
	if (!rc && fsync(fd) < 0)
		rc = ERR_IO;
	if (fd >= 0 && close(fd) < 0)
		rc = ERR_IO;
	if (!rc && rename(id_new, id_file) < 0)
		rc = ERR_IO;
	return rc ? rc : sync_folder();
}

static int prepare(struct store_backup *b, struct wire *w, struct buf *out)
{
	struct bytes id = wire_raw(w, BACKUP_ID_BYTES);

	(void)out;
	if (wire_end(w))
		return ERR_PROTOCOL;
	if (!b->is_writing)
		return ERR_BAD_STATE;
	int rc = fsync(b->fd) < 0 ? ERR_IO : 0;
	if (!rc)
		rc = check_db(restored_file);
	if (!rc && fsync(b->fd) < 0)
		rc = ERR_IO;
	if (!rc)
		rc = write_id(id.p);
	if (rc)
		return rc;
	(void)close(b->fd); /* synced */
	b->fd = -1;
	b->is_writing = false;
	return 0;
}

/* ---- the decision ---- */

static bool is_prepared(const uint8_t id[static BACKUP_ID_BYTES])
{
	uint8_t is[BACKUP_ID_BYTES];
	char hex[2 * BACKUP_ID_BYTES];
	int fd = open(id_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, hex, sizeof hex);

	if (fd >= 0)
		(void)close(fd); /* read only */
	return n == sizeof hex && text_unhex(bytes_make(hex, sizeof hex), is, sizeof is) == 0 && memcmp(is, id, sizeof is) == 0;
}

/* The old database is closed first, so that no log of it is left that SQLite would play into the new one. The id goes last:
 * a crash before that finds it again, and there is nothing to rename then. */
static int take_over(struct store_backup *b)
{
	static const char *const leftovers[] = { STORE_DB_FILE "-wal", STORE_DB_FILE "-journal", STORE_DB_FILE "-shm" };
	const char *why = "";

	if (access(restored_file, F_OK) == 0) {
		store_close(b->store);
		for (size_t i = 0; i < sizeof leftovers / sizeof leftovers[0]; i++)
			(void)unlink(leftovers[i]); /* gone with the close, as a rule */
		if (sync_folder() || rename(restored_file, STORE_DB_FILE) < 0 || sync_folder())
			die("store.restore", "the database could not be put in its place; the next start tries again");
		if (store_open(b->store, STORE_DB_FILE, &why))
			die("store.restore", why);
		log_info("store.restored", LOG_INT("offline", b->store->offline_total));
	}
	(void)unlink(id_file);
	return sync_folder();
}

static int decide(struct store_backup *b, struct wire *w, struct buf *out)
{
	struct bytes id = wire_raw(w, BACKUP_ID_BYTES);

	(void)out;
	if (wire_end(w))
		return ERR_PROTOCOL;
	drop_written(b);
	if (is_prepared(id.p))
		return b->is_serving ? ERR_AGAIN : take_over(b);
	(void)unlink(id_file); /* the id first: a database without one is nothing */
	int rc = sync_folder();
	unlink_db(restored_file);
	return rc;
}

static int (*const ops[BACKUP_OP_COUNT])(struct store_backup *b, struct wire *w, struct buf *out) = {
	[BACKUP_READ_BEGIN] = read_begin, [BACKUP_READ] = read_piece, [BACKUP_WRITE_BEGIN] = write_begin, [BACKUP_WRITE] = write_piece,
	[BACKUP_DROP] = drop, [BACKUP_PREPARE] = prepare, [BACKUP_DECIDE] = decide,
};

static const char *reason(unsigned op, int rc)
{
	if (rc == 0)
		return "";
	if (op == BACKUP_READ_BEGIN && rc == ERR_UNSUPPORTED)
		return "people's data is on a PostgreSQL server (store engine) and is backed up there; for the rest: backup settings";
	if (op == BACKUP_PREPARE && rc == ERR_UNSUPPORTED)
		return "its database is of a newer release";
	if (op == BACKUP_PREPARE)
		return "its database is none, or cannot be written";
	return rc == ERR_FULL ? "the disk is full" : rc == ERR_IO ? "the database's disk failed" : err_text(rc);
}

int store_backup_on_ask(struct store_backup *b, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned op = wire_u8(&w);
	struct buf out;

	if (wire_failed(&w) || op >= BACKUP_OP_COUNT || !ops[op])
		return ERR_PROTOCOL;
	buf_init(&out, BACKUP_PIECE_MAX + 64);
	int rc = ops[op](b, &w, &out);
	if (rc != ERR_PROTOCOL) {
		struct buf *a = chan_begin(from, MSG_BACKUP_ANSWER, f->id);
		wire_put_u32(a, (uint32_t)rc);
		wire_put_str(a, bytes_of(reason(op, rc)));
		if (!rc)
			buf_put_bytes(a, buf_bytes(&out));
		(void)chan_end(from); /* without gh-conf nobody waits */
		if (rc && rc != ERR_AGAIN && rc != ERR_BAD_STATE && rc != ERR_UNSUPPORTED)
			log_error("store.backup.failed", LOG_INT("step", op), LOG_STR("reason", err_name(rc)));
	}
	buf_fini(&out);
	return rc == ERR_PROTOCOL ? rc : 0;
}
