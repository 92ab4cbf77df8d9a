#include "look.h"

#include "base/err.h"
#include "run/directory.h"
#include "task.h"

#include <stdlib.h>

enum { ARENA_MAX = 256 << 10, ANSWER_MAX = 1 << 20 /* bytes of what is told of people */ };

struct look {
	struct list node;
	struct dir *dir;
	uint32_t id; /* of the ask */
	struct bytes jid; /* in the arena; "" a search */
	struct arena arena;
	struct arena person; /* of the entry being read */
	struct task task;
	struct ldap_search search;
	struct buf rows; /* of DIR_FOUND */
	uint16_t n, limit;
	bool is_more;
};

static void answer(struct dir *d, const struct look *l, uint32_t id, int rc)
{
	struct chan *im = bus_chan(d->bus, PROG_IM, 0);
	struct buf *b = chan_begin(im, MSG_DIR_FOUND, id);

	wire_put_u32(b, (uint32_t)(int32_t)rc);
	wire_put_u8(b, l && l->is_more);
	wire_put_u16(b, l && !rc ? l->n : 0);
	if (l && !rc)
		buf_put_bytes(b, buf_bytes(&l->rows));
	(void)chan_end(im); /* a gh-im that is gone has nobody who waits */
}

static void look_free(struct look *l)
{
	task_stop(&l->task);
	list_del(&l->node);
	l->dir->n_looks--;
	arena_fini(&l->arena);
	arena_fini(&l->person);
	buf_fini(&l->rows);
	free(l);
}

static void end(struct look *l, int rc)
{
	struct dir *d = l->dir;

	d->stats[STAT_LOOKS_FAILED] += rc && rc != ERR_NOT_FOUND;
	answer(d, l, l->id, rc);
	look_free(l);
}

/* ---- entries ---- */

static bool is_picture(struct bytes v)
{
	return bytes_starts(v, BYTES("\xff\xd8\xff")) || bytes_starts(v, BYTES("\x89PNG\r\n\x1a\n"));
}

/* A picture that is too large, or none that clients can show, is left out. */
static struct bytes picture_of(const struct dir_config *f, const struct ldap_answer *a)
{
	struct bytes values = f->photo[0] ? ldap_values(a, bytes_of(f->photo)) : BYTES_NONE, v;

	while (ldap_next_value(&values, &v))
		if (v.n <= f->photo_max && is_picture(v))
			return v;
	return BYTES_NONE;
}

static void put_person(struct look *l, const struct ldap_answer *a, struct bytes jid)
{
	const struct dir_config *f = &l->dir->config;
	struct bytes texts[DIRECTORY_FIELD_COUNT];
	uint8_t n = 0;

	for (int i = 0; i < DIRECTORY_FIELD_COUNT; i++) {
		texts[i] = f->fields[i][0] ? person_text(a, f->fields[i]) : BYTES_NONE;
		n += texts[i].n > 0;
	}
	wire_put_str(&l->rows, jid);
	wire_put_u8(&l->rows, n);
	for (uint8_t i = 0; i < DIRECTORY_FIELD_COUNT; i++) {
		if (!texts[i].n)
			continue;
		wire_put_u8(&l->rows, i);
		wire_put_str(&l->rows, texts[i]);
	}
	wire_put_bytes(&l->rows, l->jid.n ? picture_of(f, a) : BYTES_NONE);
}

static void on_again(void *arg)
{
	struct look *l = arg;

	l->n = 0;
	l->is_more = false;
	buf_clear(&l->rows);
}

static void on_entry(void *arg, const struct ldap_answer *a)
{
	struct look *l = arg;
	struct person p;

	arena_reset(&l->person);
	if (l->n >= l->limit || buf_len(&l->rows) > ANSWER_MAX) {
		l->is_more = true;
		return;
	}
	if (person_read(&l->dir->config.people, a, &l->person, &p) || (l->jid.n && !bytes_eq(p.jid, l->jid)))
		return; /* nobody who could be written to */
	put_person(l, a, p.jid);
	l->n++;
}

static void on_done(void *arg, int rc, uint32_t code)
{
	struct look *l = arg;

	l->is_more |= code == LDAP_SIZE_LIMIT || code == LDAP_TIME_LIMIT || code == LDAP_ADMIN_LIMIT;
	if (!rc && code && code != LDAP_NO_OBJECT && !l->is_more)
		rc = ERR_DENIED;
	if (!rc && buf_failed(&l->rows))
		rc = ERR_NOMEM;
	if (!rc && l->jid.n && (l->n != 1 || l->is_more)) /* two of one address are nobody */
		rc = ERR_NOT_FOUND;
	end(l, rc);
}

/* ---- questions ---- */

static int read_words(struct look *l, struct wire *w)
{
	const struct dir_config *f = &l->dir->config;
	struct ldap_search *s = &l->search;
	bool is_impossible = false;

	for (uint8_t n = wire_u8(w); n; n--) {
		uint8_t field = wire_u8(w);
		struct bytes word = wire_str(w);
		if (wire_failed(w) || field >= DIRECTORY_FIELD_COUNT || !word.n || word.n > DIRECTORY_WORD_MAX || s->n_terms == DIRECTORY_FIELD_COUNT)
			return ERR_PROTOCOL;
		is_impossible |= !f->fields[field][0]; /* nobody has what is in no attribute */
		struct ldap_term *t = &s->terms[s->n_terms++];
		*t = (struct ldap_term){ .type = bytes_of(f->fields[field]), .match = LDAP_PATTERN, .value = arena_dup(&l->arena, word) };
		if (!t->value.n)
			return ERR_NOMEM;
	}
	return wire_end(w) || (!l->jid.n && !s->n_terms) ? ERR_PROTOCOL : is_impossible ? ERR_NOT_FOUND : 0;
}

static void want(struct ldap_search *s, const char *type)
{
	for (size_t i = 0; i < s->n_attributes; i++)
		if (bytes_eq_str(s->attributes[i], type))
			return;
	if (type[0] && s->n_attributes < LDAP_ATTRIBUTES_MAX)
		s->attributes[s->n_attributes++] = bytes_of(type);
}

static void start(struct look *l)
{
	const struct dir_config *f = &l->dir->config;
	struct ldap_search *s = &l->search;

	s->base = bytes_of(!l->jid.n && f->search_base[0] ? f->search_base : f->base);
	s->scope = !l->jid.n && f->is_search_flat ? LDAP_SCOPE_ONE : LDAP_SCOPE_SUBTREE;
	s->filter = bytes_of(f->filter);
	if (!l->jid.n && f->object_class[0])
		s->terms[s->n_terms++] = (struct ldap_term){ .type = BYTES("objectClass"), .match = LDAP_EQUAL, .value = bytes_of(f->object_class) };
	s->size_limit = l->limit;
	s->time_limit_s = f->timeout_ms / 1000;
	person_wants(&f->people, s);
	for (int i = 0; i < DIRECTORY_FIELD_COUNT; i++)
		want(s, f->fields[i]);
	if (l->jid.n)
		want(s, f->photo);
	l->task = (struct task){ .search = s, .patience_ms = f->timeout_ms, .again = on_again, .entry = on_entry, .done = on_done, .arg = l };
	task_start(l->dir, &l->task);
}

int look_on_ask(void *program, struct chan *from, const struct frame *f)
{
	struct dir *d = program;
	struct wire w = wire_of(f->body);
	struct bytes jid = wire_str(&w);
	uint16_t limit = wire_u16(&w);

	(void)from;
	if (wire_failed(&w) || jid.n > PERSON_JID_MAX || limit > DIRECTORY_RESULTS_MAX)
		return ERR_PROTOCOL;
	d->stats[STAT_LOOKS]++;
	struct look *l = d->is_usable && d->n_looks < LOOKS_MAX ? calloc(1, sizeof *l) : NULL;
	if (!l) {
		d->stats[STAT_LOOKS_FAILED]++;
		answer(d, NULL, f->id, d->is_usable ? ERR_FULL : ERR_AGAIN);
		return 0;
	}
	l->dir = d;
	l->id = f->id;
	l->limit = jid.n ? 2 : limit;
	arena_init(&l->arena, ARENA_MAX);
	arena_init(&l->person, ARENA_MAX);
	buf_init(&l->rows, ANSWER_MAX * 2);
	list_add_tail(&d->looks, &l->node);
	d->n_looks++;
	l->jid = jid.n ? arena_dup(&l->arena, jid) : BYTES_NONE;
	int rc = l->jid.n == jid.n ? read_words(l, &w) : ERR_NOMEM;
	if (rc == ERR_PROTOCOL) {
		look_free(l);
		return rc;
	}
	if (!rc && jid.n)
		rc = person_find(&d->config.people, l->jid, &l->arena, &l->search);
	if (rc)
		end(l, rc == ERR_NOT_FOUND && !jid.n ? 0 : rc); /* of a search: there is nobody */
	else
		start(l);
	return 0;
}

void looks_end_all(struct dir *d)
{
	LIST_EACH (it, &d->looks)
		end(LIST_OWNER(it, struct look, node), ERR_AGAIN);
}

void looks_drop_all(struct dir *d)
{
	LIST_EACH (it, &d->looks)
		look_free(LIST_OWNER(it, struct look, node));
}
