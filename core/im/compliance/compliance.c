#include "compliance/compliance.h"

#include "base/err.h"
#include "compliance/gate.h"
#include "proto/xmpp.h"
#include "run/alarm.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	NOTES_MAX = 100000,
	NOTE_BYTES_MAX = 64 << 20,
	WINDOW = 4 << 20, /* bytes that gh-comply has and has not confirmed */
	LOOK_MS = 1000,   /* how often what waits is looked at; and after what could not be written, when it is sent again */
	LATE_MS = 10000,
	LINES = 10,
	NAMES_MAX = 1000,
};

struct note {
	struct list node;
	uint64_t seq; /* of the COMPLY_WRITE; 0: gh-comply has not got it */
	uint64_t at_ms;
	struct held *waits; /* NULL: nobody */
	uint32_t n;
	uint8_t fields[];
};

/* ---- whose ---- */

static bool names_address(const struct names *s, struct bytes address)
{
	struct jid j = jid_of_normal(address);

	return s->n && address.n && (names_has(s, jid_bare(&j)) || names_has(s, jid_domain(&j)));
}

/* XEP-0425: what a moderator takes back is a request, and a message only for those who get it. */
static bool is_moderation(const struct envelope *e)
{
	return e->type == TYPE_SET && e->stanza.n && memmem(e->stanza.p, e->stanza.n, NS_MODERATE, sizeof NS_MODERATE - 1);
}

static bool is_kind(const struct compliance *c, const struct envelope *e)
{
	switch (e->kind) {
	case STANZA_MESSAGE:
		return true;
	case STANZA_PRESENCE:
		return c->has_presence && e->type != TYPE_PROBE;
	default:
		return is_moderation(e);
	}
}

bool compliance_wants(const struct im *im, const struct envelope *e)
{
	const struct compliance *c = &im->compliance;

	if (c->mode == COMPLIANCE_OFF || !is_kind(c, e) || names_address(&c->except, e->from) || names_address(&c->except, e->to))
		return false;
	return !c->only.n || names_address(&c->only, e->from) || names_address(&c->only, e->to);
}

/* ---- to gh-comply ---- */

static struct note *note_of(struct list *node)
{
	return LIST_OWNER(node, struct note, node);
}

static void pump(struct im *im)
{
	struct compliance *c = &im->compliance;
	struct chan *to = bus_chan(im->bus, PROG_COMPLY, 0);

	while (to && !c->is_paused && c->unsent != &c->notes && c->flying < WINDOW) {
		struct note *n = note_of(c->unsent);
		if (!n->seq) {
			struct buf *b = chan_begin(to, MSG_COMPLY_WRITE, 0);
			wire_put_u64(b, c->seq + 1);
			buf_put_bytes(b, bytes_make(n->fields, n->n));
			if (chan_end(to))
				break; /* it is full, and about to be dropped */
			n->seq = ++c->seq;
			c->flying += n->n;
			c->n_flying++;
		}
		c->unsent = n->node.next;
	}
	if (c->n_notes && !loop_timer_is_set(&c->timer))
		(void)loop_timer_set(im->loop, &c->timer, LOOK_MS); /* without it the next note sets it */
}

static void ground(struct compliance *c, struct note *n)
{
	if (!n->seq)
		return;
	n->seq = 0;
	c->flying -= n->n;
	c->n_flying--;
}

static void drop(struct compliance *c, struct note *n)
{
	ground(c, n);
	if (c->unsent == &n->node)
		c->unsent = n->node.next;
	list_del(&n->node);
	c->n_notes--;
	c->bytes -= n->n;
	free(n);
}

static void lose(struct im *im)
{
	struct compliance *c = &im->compliance;
	char text[96];
	uint32_t held;

	im_stats[STAT_COMPLY_LOST]++;
	if (!c->lost++)
		c->lost_from_ms = loop_wall_ms(im->loop);
	snprintf(text, sizeof text, "%llu messages have passed without a record", (unsigned long long)c->lost);
	if (log_limit_pass(&c->log, LINES, loop_now(im->loop), &held)) {
		alarm_raise(ALARM_COMPLY_LOST, "", ALARM_USUAL, text);
		log_error("im.compliance.lost", LOG_INT("lost", c->lost), LOG_INT("waiting", c->n_notes), LOG_INT("suppressed", held));
	}
}

/* What stands in c->fields. */
static bool add(struct im *im, struct held *waits)
{
	struct compliance *c = &im->compliance;
	struct bytes f = buf_bytes(&c->fields);
	struct note *n = NULL;

	if (!buf_failed(&c->fields) && f.n + 8 <= RECORD_BODY_MAX && c->n_notes < NOTES_MAX && c->bytes + f.n <= NOTE_BYTES_MAX)
		n = malloc(sizeof *n + f.n);
	if (!n)
		return false;
	*n = (struct note){ .at_ms = loop_now(im->loop), .waits = waits, .n = (uint32_t)f.n };
	memcpy(n->fields, f.p, f.n);
	list_add_tail(&c->notes, &n->node);
	if (c->unsent == &c->notes)
		c->unsent = &n->node;
	c->n_notes++;
	c->bytes += f.n;
	pump(im);
	return true;
}

static bool note(struct im *im, struct record *r, struct held *waits)
{
	struct compliance *c = &im->compliance;

	r->at_ms = loop_wall_ms(im->loop);
	buf_clear(&c->fields);
	record_put_fields(&c->fields, r);
	bool is_noted = add(im, waits);
	if (is_noted)
		im_stats[STAT_COMPLY_NOTED]++;
	return is_noted;
}

static struct record stanza_record(const struct envelope *e, bool is_sip)
{
	struct record r = { .kind = RECORD_STANZA, .door = is_sip ? DOOR_SIP : e->door, .stanza_kind = e->kind, .type = e->type, .trace = e->trace,
			    .from = e->from, .to = e->to, .sid = e->sid, .stanza = e->stanza };
	struct jid from = jid_of_normal(e->from);

	if (!r.to.n)
		r.to = jid_bare(&from); /* RFC 6120 10.3: to oneself */
	return r;
}

bool compliance_note_stanza(struct im *im, const struct envelope *e, bool is_sip, struct held *waits)
{
	struct record r = stanza_record(e, is_sip);
	bool is_noted = note(im, &r, waits);
	if (!is_noted && !waits)
		lose(im);
	return is_noted;
}

/* In blocking mode nothing happens that is not noted. */
static bool note_or_lose(struct im *im, struct record *r)
{
	bool is_noted = note(im, r, NULL), is_fast = im->compliance.mode == COMPLIANCE_FAST;

	if (!is_noted && is_fast)
		lose(im);
	return is_noted || is_fast;
}

bool compliance_note_announcement(struct im *im, const struct envelope *e)
{
	struct record r = stanza_record(e, false);

	return !compliance_wants(im, e) || note_or_lose(im, &r);
}

bool compliance_note_file(struct im *im, const struct record *file)
{
	const struct envelope owner = { .kind = STANZA_MESSAGE, .from = file->from };
	struct record r = *file;

	return !compliance_wants(im, &owner) || note_or_lose(im, &r);
}

static void note_event(struct im *im, const char *event, const char *text)
{
	struct record r = { .kind = RECORD_EVENT, .name = bytes_of(event), .text = bytes_of(text) };

	if (!note(im, &r, NULL))
		im_stats[STAT_NO_MEMORY]++; /* there is no room for more than the messages themselves */
}

void compliance_give_up(struct im *im, struct held *waits, uint64_t trace)
{
	struct compliance *c = &im->compliance;
	char text[80];
	bool may_be_there = false;

	LIST_EACH (it, &c->notes) {
		struct note *n = note_of(it);
		if (n->waits != waits)
			continue;
		may_be_there = n->seq != 0;
		drop(c, n);
		break;
	}
	if (!may_be_there)
		return;
	snprintf(text, sizeof text, "trace=%016llx", (unsigned long long)trace);
	note_event(im, "not-delivered", text);
}

/* ---- what gh-comply says ---- */

/* There is room again. */
static void tell_lost(struct im *im)
{
	struct compliance *c = &im->compliance;
	char text[96];

	if (!c->lost || c->n_notes > NOTES_MAX / 2 || c->bytes > NOTE_BYTES_MAX / 2)
		return;
	snprintf(text, sizeof text, "records=%llu since=%llu", (unsigned long long)c->lost, (unsigned long long)c->lost_from_ms);
	c->lost = 0;
	note_event(im, "lost", text);
	alarm_clear(ALARM_COMPLY_LOST, "");
}

int compliance_on_written(void *program, struct chan *from, const struct frame *f)
{
	struct im *im = program;
	struct compliance *c = &im->compliance;
	struct wire w = wire_of(f->body);
	uint64_t seq = wire_u64(&w);
	int rc = (int)(int32_t)wire_u32(&w);
	unsigned left = c->n_flying;
	bool is_left = false;

	(void)from;
	if (wire_end(&w) || seq > c->seq)
		return ERR_PROTOCOL;
	for (struct list *it = c->notes.next, *next; left && it != &c->notes; it = next) {
		struct note *n = note_of(it);
		next = it->next;
		left -= n->seq != 0;
		if (!n->seq || n->seq > seq)
			continue;
		if (n->waits)
			gate_judged(im, n->waits, rc);
		if (!rc || n->waits) {
			drop(c, n);
		} else {
			ground(c, n);
			is_left = true;
		}
	}
	if (is_left) { /* nobody waits for it but the archive */
		c->is_paused = true;
		c->unsent = c->notes.next;
		(void)loop_timer_set(im->loop, &c->timer, LOOK_MS); /* without it the next note sets it */
	}
	if (!rc) {
		alarm_clear(ALARM_COMPLY_REFUSING, "");
		tell_lost(im);
	}
	pump(im);
	gate_run(im);
	return 0;
}

static void look(void *arg)
{
	struct im *im = arg;
	struct compliance *c = &im->compliance;
	char text[96];

	c->is_paused = false;
	bool is_late = c->n_notes && loop_now(im->loop) - note_of(c->notes.next)->at_ms > LATE_MS;
	snprintf(text, sizeof text, "%u records wait", c->n_notes);
	alarm_set(ALARM_COMPLY_BACKLOG, "", is_late || c->n_notes > NOTES_MAX / 2, text);
	pump(im);
	if (c->n_notes)
		(void)loop_timer_set(im->loop, &c->timer, LOOK_MS); /* without it the next note sets it */
}

void compliance_up(struct im *im)
{
	im->compliance.is_paused = false;
	pump(im);
}

void compliance_down(struct im *im)
{
	struct compliance *c = &im->compliance;

	LIST_EACH (it, &c->notes)
		ground(c, note_of(it));
	c->unsent = c->notes.next;
}

/* ---- settings ---- */

static void read_names(struct names *out, struct bytes rest)
{
	struct arena a;
	struct jid j;

	arena_init(&a, 1 << 20);
	names_clear(out);
	while (rest.n) {
		size_t n = bytes_find(rest, ' ');
		if (n && !jid_parse(bytes_make(rest.p, n), &a, &j))
			names_add(out, jid_bare(&j), NAMES_MAX);
		rest = bytes_skip(rest, n + 1);
	}
	arena_fini(&a);
}

static void forget_notes(struct compliance *c)
{
	while (!list_is_empty(&c->notes))
		drop(c, note_of(c->notes.next));
}

void compliance_apply(struct im *im, const struct settings *s)
{
	struct compliance *c = &im->compliance;

	c->mode = (uint8_t)settings_enum(s, SET_COMPLY_MODE);
	c->has_presence = settings_bool(s, SET_COMPLY_PRESENCE);
	c->wait_ms = (uint64_t)settings_int(s, SET_COMPLY_WAIT) * 1000;
	read_names(&c->only, settings_text(s, SET_COMPLY_ONLY));
	read_names(&c->except, settings_text(s, SET_COMPLY_EXCEPT));
	if (c->mode != COMPLIANCE_OFF)
		return;
	gate_refuse_all(im); /* what waited to be archived is not delivered unarchived */
	forget_notes(c);
	c->lost = 0;
	alarm_clear(ALARM_COMPLY_LOST, "");
	alarm_clear(ALARM_COMPLY_BACKLOG, "");
	alarm_clear(ALARM_COMPLY_REFUSING, "");
}

void compliance_init(struct im *im)
{
	struct compliance *c = &im->compliance;

	list_init(&c->notes);
	c->unsent = &c->notes;
	buf_init(&c->fields, RECORD_BODY_MAX + 4096);
	loop_timer_init(&c->timer, look, im);
}

void compliance_fini(struct im *im)
{
	struct compliance *c = &im->compliance;

	forget_notes(c);
	loop_timer_del(im->loop, &c->timer);
	names_clear(&c->only);
	names_clear(&c->except);
	buf_fini(&c->fields);
}
