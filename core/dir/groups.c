#include "groups.h"

#include "base/err.h"
#include "dn.h"
#include "run/directory.h"

#include <openssl/evp.h>
#include <stdlib.h>

enum { ARENA_BYTES_MAX = 512 << 20, PAGE_MS = 60000, MEMBERS_MAX = 2000000, PAIRS_MAX = 200000, ROSTER_BYTES_MAX = 4 << 20, SHA256_BYTES = 32 };

struct group {
	struct bytes key, name; /* dn_key; "" it has no name that can be shown */
	uint32_t at;            /* in `all` */
	size_t from, n;         /* its members, once settled */
	uint64_t digest;
	bool is_out;            /* too large, or without a name */
};

struct membership {
	uint32_t row, group;
};

/* ---- reading ---- */

static int add_member(struct groups *g, const struct people_row *r, size_t group)
{
	if (g->n_members == MEMBERS_MAX)
		return ERR_LIMIT;
	if (g->n_members == g->members_room) {
		size_t room = g->members_room ? g->members_room * 2 : 1024;
		struct membership *more = realloc(g->members, room * sizeof *more);
		if (!more)
			return ERR_NOMEM;
		g->members = more;
		g->members_room = room;
	}
	g->members[g->n_members++] = (struct membership){ (uint32_t)(r - g->people->rows), (uint32_t)group };
	return 0;
}

static int add_group(struct groups *g, const struct ldap_answer *a)
{
	if (g->n == g->dir->config.groups_max)
		return ERR_LIMIT;
	if (g->n == g->room) {
		size_t room = g->room ? g->room * 2 : 64;
		struct group **more = realloc(g->all, room * sizeof(struct group *));
		if (!more)
			return ERR_NOMEM;
		g->all = more;
		g->room = room;
	}
	struct group *one = arena_zalloc(&g->arena, sizeof *one);
	if (!one)
		return ERR_NOMEM;
	one->key = dn_key(a->dn, &g->arena);
	one->name = arena_dup(&g->arena, person_text(a, g->dir->config.group_name));
	one->is_out = !one->name.n;
	one->at = (uint32_t)g->n;
	g->all[g->n] = one;
	if (one->key.n && map_add(&g->by_dn, one->key, one) == ERR_NOMEM)
		return ERR_NOMEM;
	g->n++;
	return 0;
}

static int read_group(struct groups *g, const struct ldap_answer *a)
{
	struct arena scratch;
	struct bytes values, dn;

	int rc = add_group(g, a);
	if (rc)
		return rc;
	arena_init(&scratch, 64 << 10);
	values = ldap_values(a, bytes_of(g->dir->config.member));
	while (!rc && ldap_next_value(&values, &dn)) {
		arena_reset(&scratch);
		struct bytes key = dn_key(dn, &scratch);
		const struct people_row *r = key.n ? map_get(&g->people_by_dn, key) : NULL;
		rc = r ? add_member(g, r, g->n - 1) : 0;
	}
	arena_fini(&scratch);
	return rc;
}

static void forget(struct groups *g)
{
	map_fini(&g->by_dn);
	map_init(&g->by_dn);
	g->n = g->n_members = 0;
}

static void on_again(void *arg)
{
	forget(arg);
}

static void on_entry(void *arg, const struct ldap_answer *a)
{
	struct groups *g = arg;

	if (!g->rc)
		g->rc = read_group(g, a);
}

static void on_done(void *arg, int rc, uint32_t code)
{
	struct groups *g = arg;

	if (!rc)
		rc = g->rc;
	if (!rc && code) /* without a base there are no groups: that is a mistake, as is a part of them */
		rc = code == LDAP_SIZE_LIMIT || code == LDAP_ADMIN_LIMIT || code == LDAP_TIME_LIMIT ? ERR_LIMIT : ERR_DENIED;
	g->done(g->arg, rc);
}

static int index_people(struct groups *g)
{
	for (size_t i = 0; i < g->people->n; i++) {
		struct bytes key = dn_key(g->people->rows[i].dn, &g->arena);
		if (key.n && map_add(&g->people_by_dn, key, &g->people->rows[i]) == ERR_NOMEM)
			return ERR_NOMEM;
	}
	return 0;
}

void groups_start(struct dir *d, struct people *p, struct groups *g)
{
	const struct dir_config *f = &d->config;

	g->dir = d;
	g->people = p;
	arena_init(&g->arena, ARENA_BYTES_MAX);
	g->rc = index_people(g);
	g->search = (struct ldap_search){
		.base = bytes_of(f->group_base[0] ? f->group_base : f->base),
		.scope = LDAP_SCOPE_SUBTREE,
		.filter = bytes_of(f->group_filter),
		.page_size = f->page_size,
		.attributes = { bytes_of(f->group_name), bytes_of(f->member) },
		.n_attributes = 2,
	};
	g->task = (struct task){ .search = &g->search, .patience_ms = PAGE_MS, .again = on_again, .entry = on_entry, .done = on_done, .arg = g };
	task_start(d, &g->task);
}

void groups_fini(struct groups *g)
{
	task_stop(&g->task);
	map_fini(&g->people_by_dn);
	map_fini(&g->by_dn);
	free(g->all);
	free(g->members);
	free(g->of_rows);
	arena_fini(&g->arena);
}

/* ---- who is in which ---- */

/* What people themselves say (memberOf). */
static int add_their_own(struct groups *g)
{
	int rc = 0;

	for (size_t i = 0; i < g->people->n && !rc; i++) {
		struct wire w = wire_of(g->people->rows[i].groups);
		while (wire_left(&w) && !wire_failed(&w) && !rc) {
			const struct group *one = map_get(&g->by_dn, wire_str(&w));
			rc = one ? add_member(g, &g->people->rows[i], one->at) : 0;
		}
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	const struct group *const *x = a, *const *y = b;
	int order = bytes_cmp((*x)->name, (*y)->name);

	return order ? order : bytes_cmp((*x)->key, (*y)->key);
}

/* Groups in the order of their names, whatever that of the directory is. */
static int sort_groups(struct groups *g)
{
	uint32_t *now_at = malloc((g->n + 1) * sizeof *now_at);

	if (!now_at)
		return ERR_NOMEM;
	if (g->n)
		qsort(g->all, g->n, sizeof *g->all, by_name);
	for (size_t i = 0; i < g->n; i++) {
		now_at[g->all[i]->at] = (uint32_t)i;
		g->all[i]->at = (uint32_t)i;
	}
	for (size_t i = 0; i < g->n_members; i++)
		g->members[i].group = now_at[g->members[i].group];
	free(now_at);
	return 0;
}

static int by_group(const void *a, const void *b)
{
	const struct membership *x = a, *y = b;

	return x->group != y->group ? (x->group < y->group ? -1 : 1) : x->row != y->row ? (x->row < y->row ? -1 : 1) : 0;
}

static int by_row(const void *a, const void *b)
{
	const struct membership *x = a, *y = b;

	return x->row != y->row ? (x->row < y->row ? -1 : 1) : x->group != y->group ? (x->group < y->group ? -1 : 1) : 0;
}

/* Each once, and only people who are in. */
static void tidy(struct groups *g, bool (*is_in)(const struct people_row *r))
{
	size_t n = 0;

	if (g->n_members)
		qsort(g->members, g->n_members, sizeof *g->members, by_group);
	for (size_t i = 0; i < g->n_members; i++) {
		bool is_again = n && by_group(&g->members[i], &g->members[n - 1]) == 0;
		if (!is_again && is_in(&g->people->rows[g->members[i].row]))
			g->members[n++] = g->members[i];
	}
	g->n_members = n;
}

static void feed(EVP_MD_CTX *c, struct bytes v)
{
	uint32_t n = (uint32_t)v.n;

	(void)EVP_DigestUpdate(c, &n, sizeof n);
	(void)EVP_DigestUpdate(c, v.p, v.n); /* what fails leaves a digest that is new each time: the list is written anew */
}

static uint64_t digest_of(const struct groups *g, const struct group *one, EVP_MD_CTX *c)
{
	uint8_t digest[SHA256_BYTES] = { 0 };
	uint64_t out = 0;

	if (EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1)
		return 0;
	feed(c, one->name);
	for (size_t i = one->from; i < one->from + one->n; i++) {
		const struct people_row *r = &g->people->rows[g->members[i].row];
		feed(c, r->jid);
		feed(c, r->name);
	}
	(void)EVP_DigestFinal_ex(c, digest, NULL); /* as in feed */
	for (int i = 0; i < 8; i++)
		out = out << 8 | digest[i];
	return out;
}

static void judge(struct groups *g, struct group *one, EVP_MD_CTX *c)
{
	if (one->n > g->dir->config.group_size) {
		one->is_out = true;
		g->too_large++;
		log_warn("dir.group.too-large", LOG_BYTES("group", one->name), LOG_INT("members", one->n));
	}
	if (!one->is_out)
		one->digest = digest_of(g, one, c);
}

static int judge_all(struct groups *g)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	size_t at = 0;

	if (!c)
		return ERR_NOMEM;
	for (size_t i = 0; i < g->n; i++) {
		struct group *one = g->all[i];
		for (one->from = at; at < g->n_members && g->members[at].group == i; at++)
			one->n++;
		judge(g, one, c);
	}
	EVP_MD_CTX_free(c);
	return 0;
}

static int index_rows(struct groups *g)
{
	g->of_rows = malloc((g->n_members + 1) * sizeof *g->of_rows);
	if (!g->of_rows)
		return ERR_NOMEM;
	for (size_t i = 0; i < g->n_members; i++)
		if (!g->all[g->members[i].group]->is_out)
			g->of_rows[g->n_of_rows++] = g->members[i];
	if (g->n_of_rows)
		qsort(g->of_rows, g->n_of_rows, sizeof *g->of_rows, by_row);
	return 0;
}

int groups_settle(struct groups *g, bool (*is_in)(const struct people_row *r))
{
	int rc = add_their_own(g);

	if (!rc)
		rc = sort_groups(g);
	if (rc)
		return rc;
	tidy(g, is_in);
	rc = judge_all(g);
	return rc ? rc : index_rows(g);
}

/* ---- one person ---- */

/* The first of the person's memberships, and how many. */
static const struct membership *of_row(const struct groups *g, const struct people_row *r, size_t *n)
{
	uint32_t row = (uint32_t)(r - g->people->rows);
	size_t low = 0, high = g->n_of_rows;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (g->of_rows[mid].row < row)
			low = mid + 1;
		else
			high = mid;
	}
	for (*n = 0; low + *n < g->n_of_rows && g->of_rows[low + *n].row == row; (*n)++)
		;
	return g->of_rows + low;
}

uint64_t groups_digest(const struct groups *g, const struct people_row *r)
{
	uint64_t digest = g->dir->config.group_contacts; /* another limit is another list */
	size_t n;
	const struct membership *m = of_row(g, r, &n);

	for (size_t i = 0; i < n; i++)
		digest += g->all[m[i].group]->digest;
	return !n ? DIRECTORY_ROSTER_NONE : digest > DIRECTORY_ROSTER_NONE ? digest : DIRECTORY_ROSTER_NONE + 1;
}

static void put_entry(const struct groups *g, const struct membership *m, size_t n, struct buf *b)
{
	const struct people_row *r = &g->people->rows[m->row];
	struct buf names;
	struct bytes last = BYTES_NONE;

	buf_init(&names, DIRECTORY_ROSTER_GROUPS * (2 + PERSON_TEXT_MAX));
	for (size_t i = 0; i < n && i < DIRECTORY_ROSTER_GROUPS; i++) {
		struct bytes name = g->all[m[i].group]->name;
		if (!bytes_eq(name, last)) /* two groups of one name are one to people */
			wire_put_str(&names, name);
		last = name;
	}
	wire_put_str(b, r->jid);
	wire_put_str(b, r->name.n ? r->name : r->user);
	wire_put_bytes(b, buf_bytes(&names));
	buf_fini(&names);
}

/* Everybody else in the person's groups, once for each group, by address. NULL: there is nobody, or *rc. */
static struct membership *others(const struct groups *g, const struct people_row *r, size_t *n, int *rc)
{
	uint32_t row = (uint32_t)(r - g->people->rows);
	size_t n_groups, room = 0;
	const struct membership *m = of_row(g, r, &n_groups);

	*n = 0;
	*rc = 0;
	for (size_t i = 0; i < n_groups; i++)
		room += g->all[m[i].group]->n;
	if (room > PAIRS_MAX)
		*rc = ERR_LIMIT;
	struct membership *out = room && !*rc ? malloc(room * sizeof *out) : NULL;
	if (!out) {
		*rc = room && !*rc ? ERR_NOMEM : *rc;
		return NULL;
	}
	for (size_t i = 0; i < n_groups; i++) {
		const struct group *one = g->all[m[i].group];
		for (size_t at = one->from; at < one->from + one->n; at++)
			if (g->members[at].row != row)
				out[(*n)++] = g->members[at];
	}
	qsort(out, *n, sizeof *out, by_row);
	return out;
}

int groups_put_roster(const struct groups *g, const struct people_row *r, struct buf *b, unsigned *left_out)
{
	size_t n, run;
	uint16_t put = 0;
	struct buf rows;
	int rc;
	struct membership *m = others(g, r, &n, &rc);

	*left_out = 0;
	if (rc)
		return rc;
	buf_init(&rows, ROSTER_BYTES_MAX);
	for (size_t at = 0; at < n; at += run) {
		for (run = 1; at + run < n && m[at + run].row == m[at].row; run++)
			;
		if (put == g->dir->config.group_contacts) {
			(*left_out)++;
			continue;
		}
		put_entry(g, m + at, run, &rows);
		put++;
	}
	free(m);
	rc = buf_failed(&rows) ? ERR_LIMIT : 0;
	wire_put_u16(b, put);
	buf_put_bytes(b, buf_bytes(&rows));
	buf_fini(&rows);
	return rc;
}
