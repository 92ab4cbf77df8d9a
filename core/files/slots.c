#include "files.h"

#include "base/err.h"
#include "base/random.h"

#include <stdio.h>

/* Slots: gh-im asks for its users (XEP-0363 4). */

enum { HOUR_S = 3600, LINES = 30 };

static void answer(struct chan *to, uint32_t id, int rc, struct bytes put, struct bytes get, uint32_t retry_s)
{
	struct buf *b = chan_begin(to, MSG_UPLOAD_SLOT_MADE, id);

	wire_put_u32(b, (uint32_t)rc);
	wire_put_str(b, put);
	wire_put_str(b, get);
	wire_put_u32(b, retry_s);
	(void)chan_end(to); /* a gh-im that has gone has told its users so */
}

static void copy(char *out, struct bytes v)
{
	memcpy(out, v.p ? v.p : (const uint8_t *)"", v.n);
	out[v.n] = '\0';
}

static int judge(struct files *f, struct slot *s, uint32_t *retry_s)
{
	struct owner *o;

	if (!f->key.n || !f->config.is_on)
		return ERR_AGAIN;
	o = quota_owner(f, bytes_of(s->owner));
	return o ? quota_slot(f, o, s->size, retry_s) : ERR_NOMEM;
}

static int make(struct files *f, struct slot *s, struct buf *put, struct buf *get)
{
	struct bytes key = bytes_make(f->key.p, f->key.n);
	uint64_t now_s = loop_wall_ms(f->loop) / 1000;

	random_bytes(s->id, sizeof s->id);
	s->hour = (uint32_t)(now_s / HOUR_S);
	s->until_s = now_s + SLOT_LIFE_S;
	s->kind = SLOT_FILL;
	int rc = slot_put_path(key, s, put);
	s->kind = SLOT_FETCH;
	return rc ? rc : slot_put_path(key, s, get);
}

static void refused(struct files *f, const struct slot *s, int rc)
{
	uint32_t held;

	f->stats[STAT_SLOTS_REFUSED]++;
	if (log_limit_pass(&f->log, LINES, loop_now(f->loop), &held))
		log_info("files.slot.refused", LOG_STR("user", s->owner), LOG_INT("size", s->size), LOG_STR("reason", err_name(rc)),
		         LOG_INT("suppressed", held));
}

int slots_on_forget(void *program, struct chan *from, const struct frame *frame)
{
	struct wire w = wire_of(frame->body);
	struct bytes owner = wire_str(&w);

	(void)from;
	if (wire_end(&w))
		return ERR_PROTOCOL;
	job_forget(program, owner);
	return 0;
}

int slots_on_ask(void *program, struct chan *from, const struct frame *frame)
{
	struct files *f = program;
	struct wire w = wire_of(frame->body);
	struct bytes owner = wire_str(&w), name = wire_str(&w), type = wire_str(&w);
	struct slot s = { .size = wire_u64(&w) };
	struct buf put, get;
	uint32_t retry_s = 0;
	int rc = ERR_SYNTAX;

	if (wire_end(&w))
		return ERR_PROTOCOL;
	buf_init(&put, SLOT_PATH_MAX + 1);
	buf_init(&get, SLOT_PATH_MAX + 1);
	if (owner.n && owner.n <= SLOT_OWNER_MAX && slot_is_name(name) && s.size > 0) {
		copy(s.owner, owner);
		copy(s.name, name);
		copy(s.type, slot_is_type(type) ? type : BYTES_NONE); /* else it is served as bytes of no kind */
		rc = judge(f, &s, &retry_s);
	}
	if (!rc)
		rc = make(f, &s, &put, &get);
	if (rc)
		refused(f, &s, rc);
	else
		f->stats[STAT_SLOTS]++;
	answer(from, frame->id, rc, rc ? BYTES_NONE : buf_bytes(&put), rc ? BYTES_NONE : buf_bytes(&get), retry_s);
	buf_fini(&put);
	buf_fini(&get);
	return 0;
}
