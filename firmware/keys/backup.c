/* A backup file on its way out or in: gh-conf asks step by step (run/backup.h). Private keys leave here sealed, and come in
 * sealed; other sections pass as they are. */
#include "keys.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdio.h>

enum { ANSWER_MAX = 6 << 20 };

/* One ask being answered. */
struct answering {
	struct keys *keys;
	struct buf out; /* the op's fields */
	char why[200];
};

void session_end(struct session *s)
{
	if (s->is_writing)
		backup_writer_fini(&s->writer);
	if (s->is_reading)
		backup_reader_fini(&s->reader);
	if (s->keys.p)
		secret_wipe(s->keys.p, s->keys.cap);
	buf_fini(&s->keys);
	*s = (struct session){ 0 };
}

static int refuse(struct answering *a, int rc, const char *why)
{
	snprintf(a->why, sizeof a->why, "%s", why);
	return rc;
}

static void copy_text(struct bytes v, char *out, size_t room)
{
	snprintf(out, room, "%.*s", BYTES_FMT(v));
}

/* ---- writing ---- */

static int seal_begin(struct answering *a, struct wire *w)
{
	struct session *s = &a->keys->session;
	const struct identity *i = &a->keys->identity;
	struct backup_head about = { 0 };
	struct bytes password = wire_bytes(w);

	about.flags = wire_u8(w);
	copy_text(wire_str(w), about.product, sizeof about.product);
	copy_text(wire_str(w), about.name, sizeof about.name);
	about.generation = wire_u32(w);
	about.made_ms = wire_u64(w);
	if (wire_end(w))
		return ERR_PROTOCOL;
	snprintf(about.platform, sizeof about.platform, "%s", i->now.platform);
	const char *weakness = backup_password_weakness(password);
	if (weakness)
		return refuse(a, ERR_DENIED, weakness);
	if (!i->key)
		return refuse(a, ERR_CHECKSUM, "the identity of this box is damaged on its disk");
	session_end(s);
	s->is_writing = true;
	return backup_writer_init(&s->writer, &about, i->key, password, &a->out);
}

static int seal_piece(struct answering *a, struct wire *w)
{
	struct session *s = &a->keys->session;
	unsigned section = wire_u8(w);
	struct bytes piece = wire_bytes(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	return s->is_writing ? backup_writer_put(&s->writer, (enum backup_section)section, piece, &a->out) : ERR_BAD_STATE;
}

static int seal_keys(struct answering *a, struct wire *w)
{
	struct session *s = &a->keys->session;
	struct buf section;

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (!s->is_writing)
		return ERR_BAD_STATE;
	buf_init(&section, KEYS_SECTION_MAX);
	int rc = backup_keys_put(&a->keys->vault, &section);
	for (struct bytes rest = buf_bytes(&section); !rc && rest.n > 0;) {
		size_t n = rest.n < BACKUP_PIECE_MAX ? rest.n : BACKUP_PIECE_MAX;
		rc = backup_writer_put(&s->writer, BACKUP_KEYS, bytes_make(rest.p, n), &a->out);
		rest = bytes_skip(rest, n);
	}
	secret_wipe(section.p, section.cap);
	buf_fini(&section);
	return rc;
}

static int seal_end(struct answering *a, struct wire *w)
{
	struct session *s = &a->keys->session;

	if (wire_end(w))
		return ERR_PROTOCOL;
	int rc = s->is_writing ? backup_writer_end(&s->writer, &a->out) : ERR_BAD_STATE;
	session_end(s);
	return rc;
}

/* ---- reading ---- */

static int open_begin(struct answering *a, struct wire *w)
{
	struct session *s = &a->keys->session;
	unsigned wants = wire_u8(w);
	struct bytes password = wire_bytes(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (wants && (password.n == 0 || password.n > PASSWORD_MAX_BYTES))
		return refuse(a, ERR_AUTH, "wrong password");
	session_end(s);
	s->is_reading = true;
	buf_init(&s->keys, KEYS_SECTION_MAX);
	return backup_reader_init(&s->reader, wants ? password : BYTES_NONE);
}

/* The pieces of one feed, counted as they come. */
struct pieces {
	struct session *session;
	struct buf items;
	uint16_t n;
};

static int on_piece(void *arg, enum backup_section section, struct bytes piece)
{
	struct pieces *p = arg;

	if (section == BACKUP_KEYS) {
		buf_put_bytes(&p->session->keys, piece);
		return buf_failed(&p->session->keys) ? ERR_LIMIT : 0;
	}
	wire_put_u8(&p->items, (uint8_t)section);
	wire_put_bytes(&p->items, piece);
	p->n++;
	return buf_failed(&p->items) ? ERR_LIMIT : 0;
}

static void put_head(const struct backup_head *h, struct buf *out)
{
	wire_put_u16(out, h->version);
	wire_put_str(out, bytes_of(h->product));
	wire_put_str(out, bytes_of(h->platform));
	buf_put(out, h->host_id, sizeof h->host_id);
	wire_put_str(out, bytes_of(h->name));
	wire_put_u32(out, h->generation);
	wire_put_u64(out, h->made_ms);
	wire_put_u8(out, h->flags);
}

/* G-BKP-01: the section of a wrong platform is not even looked at. */
static int check_platform(struct answering *a, const struct backup_reader *r)
{
	if (!r->has_head || !r->password || strcmp(r->head.platform, a->keys->identity.now.platform) == 0)
		return 0;
	snprintf(a->why, sizeof a->why, "the backup is of a %s platform, this box is %s", r->head.platform, a->keys->identity.now.platform);
	return ERR_UNSUPPORTED;
}

static int feed(struct answering *a, struct bytes in, struct pieces *p)
{
	struct session *s = &a->keys->session;
	int rc = in.n ? backup_reader_feed(&s->reader, in, on_piece, p) : backup_reader_end(&s->reader);
	int other = check_platform(a, &s->reader);

	if (other)
		return other;
	if (rc)
		return refuse(a, rc, s->reader.why[0] ? s->reader.why : err_text(rc));
	bool is_news = s->reader.has_head && !s->is_head_told;
	wire_put_u8(&a->out, s->reader.is_whole ? BACKUP_WHOLE : is_news ? BACKUP_HEAD_KNOWN : BACKUP_MORE);
	wire_put_u8(&a->out, is_news);
	if (is_news)
		put_head(&s->reader.head, &a->out);
	s->is_head_told |= is_news;
	wire_put_u16(&a->out, p->n);
	buf_put_bytes(&a->out, buf_bytes(&p->items));
	return 0;
}

static int open_feed(struct answering *a, struct wire *w)
{
	struct session *s = &a->keys->session;
	struct pieces p = { .session = s };
	struct bytes in = wire_bytes(w);

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (!s->is_reading)
		return ERR_BAD_STATE;
	buf_init(&p.items, ANSWER_MAX);
	int rc = feed(a, in, &p);
	if (p.items.p)
		secret_wipe(p.items.p, p.items.cap);
	buf_fini(&p.items);
	return rc;
}

static int forget(struct answering *a, struct wire *w)
{
	session_end(&a->keys->session);
	return wire_end(w) ? ERR_PROTOCOL : 0;
}

/* ---- the two phases ---- */

static int prepare(struct answering *a, struct wire *w)
{
	struct session *s = &a->keys->session;
	struct bytes id = wire_raw(w, BACKUP_ID_BYTES);

	if (wire_end(w))
		return ERR_PROTOCOL;
	if (!s->is_reading || !s->reader.is_whole)
		return ERR_BAD_STATE;
	if (buf_len(&s->keys) == 0)
		return refuse(a, ERR_SYNTAX, "the backup has no section of keys");
	int rc = backup_keys_prepare(&a->keys->vault, buf_bytes(&s->keys), id.p);
	return rc ? refuse(a, rc, rc == ERR_SYNTAX ? "its section of keys is malformed" : "its keys could not be written") : 0;
}

static int decide(struct answering *a, struct wire *w)
{
	struct keys *k = a->keys;
	struct bytes id = wire_raw(w, BACKUP_ID_BYTES);

	if (wire_end(w))
		return ERR_PROTOCOL;
	session_end(&k->session);
	if (k->is_serving && backup_keys_is_prepared(&k->vault, id.p))
		return ERR_AGAIN;
	int rc = backup_keys_decide(&k->vault, id.p);
	if (rc)
		log_error("keys.restore.failed", LOG_STR("reason", err_name(rc)), LOG_STR("advice", "is the disk full or read-only?"));
	return rc;
}

static int (*const ops[BACKUP_OP_COUNT])(struct answering *a, struct wire *w) = {
	[BACKUP_SEAL_BEGIN] = seal_begin, [BACKUP_SEAL_PIECE] = seal_piece, [BACKUP_SEAL_KEYS] = seal_keys, [BACKUP_SEAL_END] = seal_end,
	[BACKUP_OPEN_BEGIN] = open_begin, [BACKUP_OPEN_FEED] = open_feed, [BACKUP_FORGET] = forget,
	[BACKUP_PREPARE] = prepare, [BACKUP_DECIDE] = decide,
};

int on_backup_ask(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	unsigned op = wire_u8(&w);
	struct answering a = { .keys = program };

	if (wire_failed(&w) || op >= BACKUP_OP_COUNT || !ops[op])
		return ERR_PROTOCOL;
	buf_init(&a.out, ANSWER_MAX);
	int rc = ops[op](&a, &w);
	if (!rc && buf_failed(&a.out))
		rc = ERR_LIMIT;
	if (rc != ERR_PROTOCOL) {
		struct buf *b = chan_begin(from, MSG_BACKUP_ANSWER, f->id);
		wire_put_u32(b, (uint32_t)rc);
		wire_put_str(b, bytes_of(rc && !a.why[0] ? err_text(rc) : a.why));
		if (!rc)
			buf_put_bytes(b, buf_bytes(&a.out));
		(void)chan_end(from); /* without gh-conf nobody waits */
	}
	if (a.out.p)
		secret_wipe(a.out.p, a.out.cap);
	buf_fini(&a.out);
	return rc == ERR_PROTOCOL ? rc : 0;
}
