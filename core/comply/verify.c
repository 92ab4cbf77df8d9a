#include "comply.h"

#include "base/err.h"
#include "reader.h"
#include "run/alarm.h"

#include <stdio.h>
#include <stdlib.h>

/* compliance verify: the whole archive, a part at a time, so that nobody who writes waits for it. */

enum { STEP_FRAMES = 1000, STEP_BYTES = 1 << 20, BY_MAX = 63 };

struct verify {
	struct comply *comply;
	verify_fn done;
	void *arg;
	char by[BY_MAX + 1];
	struct loop_timer timer;
	uint64_t until;   /* number of the first record that does not count */
	bool is_open;     /* a segment */
	struct reader reader;
	uint64_t segment; /* its first number, or of the last one */
	uint8_t hash[RECORD_HASH_BYTES];
	uint64_t number;  /* of the next record; 0: nothing was read */
	struct buf seals; /* of the segment */
	struct wire next_seal;
	struct seal seal;
	bool has_seal;
	struct verdict is;
};

static void turn_seal(struct verify *v)
{
	v->has_seal = seal_next(&v->next_seal, &v->seal);
}

/* Signatures of records up to the one before v->number. */
static bool check_seals(struct verify *v)
{
	for (; v->has_seal && v->seal.number < v->number; turn_seal(v)) {
		char pin[SEAL_PIN_HEX + 1];
		if (v->seal.number + 1 != v->number)
			continue; /* its record is among those that are pruned: later ones stand for it */
		if (!bytes_eq(v->seal.hash, bytes_make(v->reader.hash, RECORD_HASH_BYTES)) || !seal_verify(&v->seal)) {
			v->is.why = "its signature is wrong";
			v->number = v->seal.number;
			return false;
		}
		seal_pin(v->seal.key, pin);
		v->is.other_key += v->comply->pin[0] && strcmp(pin, v->comply->pin) != 0;
		v->is.signatures++;
		v->is.signed_to = v->seal.number;
	}
	return true;
}

static const char *reason(int rc)
{
	switch (rc) {
	case ERR_CHECKSUM:
		return "its hash is wrong: it or one before it was changed";
	case ERR_SYNTAX:
		return "it is not the next one";
	case ERR_TRUNCATED:
		return "it is not whole";
	case ERR_RANGE:
		return "its length cannot be";
	default:
		return "it cannot be read";
	}
}

static bool open_next(struct verify *v)
{
	const struct ledger *l = &v->comply->ledger;
	size_t i = v->number ? ledger_find(l, v->segment) : 0;

	if (v->number) /* the first one behind the last */
		while (i < l->n_segments && l->segments[i].first <= v->segment)
			i++;
	if (i >= l->n_segments || l->segments[i].first >= v->until)
		return false;
	v->segment = l->segments[i].first;
	v->is.offset = 0;
	int rc = reader_open_all(&v->reader, l, v->segment);
	if (rc) {
		v->number = v->segment;
		v->is.why = "the head of its segment is damaged";
		return false;
	}
	v->is_open = true;
	bool is_first = !v->number;
	if (is_first)
		v->is.first = v->reader.number;
	else if (v->reader.number != v->number || memcmp(v->reader.hash, v->hash, sizeof v->hash) != 0)
		v->is.why = v->reader.number != v->number ? "a segment is missing" : "its segment does not go on where the one before ends";
	if (!v->is.why)
		v->number = v->reader.number;
	v->is.segments++;
	buf_clear(&v->seals);
	if (seal_read(l->dir_fd, v->segment, &v->seals) && !v->is.why)
		v->is.why = "the signatures of its segment cannot be read";
	v->next_seal = wire_of(buf_bytes(&v->seals));
	turn_seal(v);
	return !v->is.why;
}

static void close_segment(struct verify *v)
{
	if (v->is_open)
		reader_close(&v->reader);
	v->is_open = false;
}

/* false: there is no more, or something is wrong. */
static bool one(struct verify *v, uint64_t *bytes)
{
	struct record_frame f;

	if (!v->is_open && !open_next(v))
		return false;
	if (v->number >= v->until)
		return false;
	v->is.offset = v->reader.at + v->reader.ahead;
	int rc = reader_frame(&v->reader, &f);
	if (rc == ERR_NOT_FOUND) {
		memcpy(v->hash, v->reader.hash, sizeof v->hash);
		close_segment(v);
		return true;
	}
	v->number = v->reader.number;
	if (rc) {
		v->is.why = reason(rc);
		return false;
	}
	*bytes += f.n;
	v->is.records += !f.pruned;
	v->is.pruned += f.pruned;
	return check_seals(v);
}

static void free_it(struct verify *v)
{
	close_segment(v);
	loop_timer_del(v->comply->loop, &v->timer);
	buf_fini(&v->seals);
	v->comply->verify = NULL;
	free(v);
}

static void finish(struct verify *v)
{
	struct comply *c = v->comply;
	struct verdict *is = &v->is;
	char text[160];

	is->number = v->number;
	is->segment = v->segment;
	is->last = v->number ? v->number - 1 : 0;
	memcpy(is->hash, v->is_open ? v->reader.hash : v->hash, sizeof is->hash);
	snprintf(text, sizeof text, "record %llu (segment %llu, offset %llu): %s", (unsigned long long)is->number,
	         (unsigned long long)is->segment, (unsigned long long)is->offset, is->why ? is->why : "");
	alarm_set(ALARM_COMPLY_BROKEN, "", is->why != NULL, text);
	if (is->why)
		log_error("comply.broken", LOG_INT("number", is->number), LOG_INT("segment", is->segment), LOG_INT("offset", is->offset),
		          LOG_STR("reason", is->why));
	intake_event(c, "verify", "by=%s state=%s first=%llu last=%llu%s%s", v->by, is->why ? "broken" : "whole",
	             (unsigned long long)is->first, (unsigned long long)is->last, is->why ? " " : "", is->why ? text : "");
	v->done(v->arg, is);
	free_it(v);
}

static void on_turn(void *arg)
{
	struct verify *v = arg;
	uint64_t bytes = 0;

	for (int i = 0; i < STEP_FRAMES && bytes < STEP_BYTES; i++)
		if (!one(v, &bytes)) {
			finish(v);
			return;
		}
	if (loop_timer_set(v->comply->loop, &v->timer, 1))
		finish(v);
}

int verify_begin(struct comply *c, struct bytes by, verify_fn done, void *arg)
{
	if (c->verify)
		return ERR_BAD_STATE;
	intake_commit(c);
	expire_fini(c); /* it begins again within a minute of the end of this */
	struct verify *v = calloc(1, sizeof *v);
	if (!v)
		return ERR_NOMEM;
	v->comply = c;
	v->done = done;
	v->arg = arg;
	v->until = c->ledger.next;
	snprintf(v->by, sizeof v->by, "%.*s", BYTES_FMT(by));
	buf_init(&v->seals, SEAL_FILE_MAX);
	loop_timer_init(&v->timer, on_turn, v);
	if (loop_timer_set(c->loop, &v->timer, 0)) {
		buf_fini(&v->seals);
		free(v);
		return ERR_NOMEM;
	}
	c->verify = v;
	return 0;
}

void verify_fini(struct comply *c)
{
	if (!c->verify)
		return;
	c->verify->is.why = "gh-comply ends";
	c->verify->done(c->verify->arg, &c->verify->is);
	free_it(c->verify);
}
