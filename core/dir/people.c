#include "people.h"

#include "base/err.h"
#include "base/wire.h"
#include "dn.h"
#include "proto/jid.h"

#include <stdlib.h>

enum { ARENA_BYTES_MAX = 512 << 20, PAGE_MS = 60000, ROOM_FIRST = 1024 };

/* Letters count alike in both cases (D-DUP-09), beyond ASCII as in addresses. */
static struct bytes key_of(struct arena *a, struct bytes v)
{
	struct bytes local;

	if (!v.n)
		return BYTES_NONE;
	if (jid_parse_local(v, a, &local) == 0)
		return arena_dup(a, local);
	uint8_t *low = arena_alloc(a, v.n);
	for (size_t i = 0; low && i < v.n; i++)
		low[i] = v.p[i] >= 'A' && v.p[i] <= 'Z' ? v.p[i] | 0x20 : v.p[i];
	return bytes_make(low, low ? v.n : 0);
}

static int make_room(struct people *p)
{
	if (p->n == PEOPLE_MAX)
		return ERR_LIMIT;
	if (p->n < p->room)
		return 0;
	size_t room = p->room ? p->room * 2 : ROOM_FIRST;
	struct people_row *more = realloc(p->rows, room * sizeof *more);
	if (!more)
		return ERR_NOMEM;
	p->rows = more;
	p->room = room;
	return 0;
}

/* At most so many; what is more is in groups that no contact list would hold. */
static int read_groups(struct people *p, const struct ldap_answer *a, struct bytes *out)
{
	enum { GROUPS_MAX = 200 };
	const char *type = p->dir->config.member_of;
	struct bytes values = type[0] ? ldap_values(a, bytes_of(type)) : BYTES_NONE, dn;
	struct arena scratch;
	struct buf b;

	if (!values.n)
		return 0;
	arena_init(&scratch, 1 << 20);
	buf_init(&b, 1 << 20);
	for (unsigned n = 0; n < GROUPS_MAX && ldap_next_value(&values, &dn); n++) {
		struct bytes key = dn_key(dn, &scratch);
		if (key.n)
			wire_put_str(&b, key);
	}
	*out = buf_len(&b) ? arena_dup(&p->arena, buf_bytes(&b)) : BYTES_NONE;
	int rc = buf_failed(&b) || out->n != buf_len(&b) ? ERR_NOMEM : 0;
	buf_fini(&b);
	arena_fini(&scratch);
	return rc;
}

static int add(struct people *p, const struct ldap_answer *a)
{
	const struct person_rules *rules = &p->dir->config.people;
	struct person who = { .user = BYTES_NONE };

	int rc = make_room(p);
	if (rc)
		return rc;
	rc = person_read(rules, a, &p->arena, &who);
	if (rc == ERR_NOMEM)
		return rc;
	struct people_row *r = &p->rows[p->n];
	*r = (struct people_row){ .user = who.user, .uri = who.uri, .mail = who.mail, .name = who.name,
				  .jid = rc ? BYTES_NONE : arena_dup(&p->arena, who.jid), .dn = arena_dup(&p->arena, a->dn) };
	if (r->dn.n != a->dn.n || (!rc && r->jid.n != who.jid.n))
		return ERR_NOMEM;
	r->user_key = key_of(&p->arena, who.user);
	r->mail_key = who.mail.n && person_uri(who.mail, &p->arena, &r->mail_key) == 0 ? r->mail_key : key_of(&p->arena, who.mail);
	/* What the directory has and cannot be shown is invalid, not missing. */
	bool has_uri = ldap_values(a, bytes_of(rules->uri)).n > 0;
	r->is_bad_uri = has_uri && (!who.uri.n || person_uri(who.uri, &p->arena, &r->uri_key) != 0);
	if (r->is_bad_uri)
		r->uri_key = BYTES_NONE;
	rc = read_groups(p, a, &r->groups);
	p->n += !rc;
	return rc;
}

/* ---- keys ---- */

int people_by_user(const void *a, const void *b)
{
	return bytes_cmp(((const struct people_row *)a)->user_key, ((const struct people_row *)b)->user_key);
}

int people_by_uri(const void *a, const void *b)
{
	return bytes_cmp(((const struct people_row *)a)->uri_key, ((const struct people_row *)b)->uri_key);
}

int people_by_mail(const void *a, const void *b)
{
	return bytes_cmp(((const struct people_row *)a)->mail_key, ((const struct people_row *)b)->mail_key);
}

/* Rows that are like a neighbour, once sorted; those without a key do not count: they sort before the others. */
static size_t count_shared(struct people_row *rows, size_t n, size_t without, int (*by)(const void *, const void *))
{
	size_t shared = 0;

	if (n)
		qsort(rows, n, sizeof *rows, by);
	for (size_t i = without; i < n; i++)
		shared += (i > without && by(&rows[i], &rows[i - 1]) == 0) || (i + 1 < n && by(&rows[i], &rows[i + 1]) == 0);
	return shared;
}

struct people_faults people_faults(struct people_row *rows, size_t n)
{
	struct people_faults f = { 0, 0, 0 };
	size_t nameless = 0;

	for (size_t i = 0; i < n; i++) {
		nameless += !rows[i].user_key.n;
		f.bad_uris += !rows[i].uri_key.n;
	}
	f.duplicate_users = count_shared(rows, n, nameless, people_by_user);
	f.duplicate_uris = count_shared(rows, n, f.bad_uris, people_by_uri);
	return f;
}

/* ---- reading ---- */

static const char *text_of(int rc)
{
	switch (rc) {
	case 0:
		return "";
	case ERR_LIMIT:
		return "the server gives only a part of the directory: raise its limits for directory bind-dn";
	case ERR_DENIED:
		return "the server refuses the search";
	case ERR_AUTH:
		return "the server refuses directory bind-dn or its password";
	default:
		return "no server could say: show directory";
	}
}

static void on_again(void *arg)
{
	struct people *p = arg;

	p->n = 0;
	arena_reset(&p->arena);
}

static void on_entry(void *arg, const struct ldap_answer *a)
{
	struct people *p = arg;

	int rc = add(p, a);
	if (!rc)
		return;
	task_stop(&p->task);
	p->done(p->arg, rc, rc == ERR_LIMIT ? "the directory has too many people: narrow directory filter" : err_text(rc));
}

static void on_done(void *arg, int rc, uint32_t code)
{
	struct people *p = arg;

	if (!rc && code)
		rc = code == LDAP_SIZE_LIMIT || code == LDAP_ADMIN_LIMIT || code == LDAP_TIME_LIMIT ? ERR_LIMIT : ERR_DENIED;
	p->done(p->arg, rc, text_of(rc));
}

void people_start(struct dir *d, struct people *p)
{
	p->dir = d;
	arena_init(&p->arena, ARENA_BYTES_MAX);
	p->search = (struct ldap_search){
		.base = bytes_of(d->config.base),
		.scope = LDAP_SCOPE_SUBTREE,
		.filter = bytes_of(d->config.filter),
		.page_size = d->config.page_size,
	};
	person_wants(&d->config.people, &p->search);
	if (d->config.member_of[0])
		p->search.attributes[p->search.n_attributes++] = bytes_of(d->config.member_of);
	p->task = (struct task){ .search = &p->search, .patience_ms = PAGE_MS, .again = on_again, .entry = on_entry, .done = on_done, .arg = p };
	task_start(d, &p->task);
}

void people_fini(struct people *p)
{
	task_stop(&p->task);
	arena_fini(&p->arena);
	free(p->rows);
	p->rows = NULL;
	p->n = p->room = 0;
}
