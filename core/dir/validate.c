/* `directory validate`: who of the directory has an address that somebody else has too, or none that can be used (D-DUP, E-501 to
 * E-513). The whole directory is read, in pages; it is put right there, not here (E-511). */
#include "validate.h"

#include "base/err.h"
#include "proto/jid.h"
#include "task.h"

#include <stdlib.h>

enum { PEOPLE_MAX = 500000, ARENA_BYTES_MAX = 512 << 20, PAGE_MS = 60000 };

struct row {
	struct bytes user, uri, mail, dn; /* as the directory has them */
	struct bytes user_key, uri_key, mail_key; /* equal ones are the same; "" none */
	bool is_bad_uri;
};

struct validate {
	struct dir *dir;
	struct proc_ask *ask;
	bool wants_users, wants_uris;
	struct task task;
	struct ldap_search search;
	struct arena arena;
	struct row *rows;
	size_t n, room;
};

/* ---- reading ---- */

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

static int add(struct validate *v, const struct ldap_answer *a)
{
	struct person p = { .user = BYTES_NONE };
	struct row *r;

	if (v->n == PEOPLE_MAX)
		return ERR_LIMIT;
	if (v->n == v->room) {
		size_t room = v->room ? v->room * 2 : 1024;
		struct row *more = realloc(v->rows, room * sizeof *more);
		if (!more)
			return ERR_NOMEM;
		v->rows = more;
		v->room = room;
	}
	if (person_read(&v->dir->config.people, a, &v->arena, &p) == ERR_NOMEM)
		return ERR_NOMEM;
	r = &v->rows[v->n];
	*r = (struct row){ .user = p.user, .uri = p.uri, .mail = p.mail, .dn = arena_dup(&v->arena, a->dn) };
	r->user_key = key_of(&v->arena, p.user);
	r->mail_key = p.mail.n && person_uri(p.mail, &v->arena, &r->mail_key) == 0 ? r->mail_key : key_of(&v->arena, p.mail);
	/* What the directory has and cannot be shown is invalid, not missing. */
	bool has_uri = ldap_values(a, bytes_of(v->dir->config.people.uri)).n > 0;
	r->is_bad_uri = has_uri && (!p.uri.n || person_uri(p.uri, &v->arena, &r->uri_key) != 0);
	if (r->is_bad_uri)
		r->uri_key = BYTES_NONE;
	if (r->dn.n != a->dn.n)
		return ERR_NOMEM;
	v->n++;
	return 0;
}

static void done(struct validate *v, int rc, const char *text)
{
	proc_done(v->ask, rc, text);
	task_stop(&v->task);
	arena_fini(&v->arena);
	v->dir->validating = NULL;
	free(v->rows);
	free(v);
}

void validate_end(struct dir *d)
{
	if (d->validating)
		done(d->validating, ERR_AGAIN, "the settings of the directory have changed meanwhile");
}

static void on_again(void *arg)
{
	struct validate *v = arg;

	v->n = 0;
	arena_reset(&v->arena);
}

static void on_entry(void *arg, const struct ldap_answer *a)
{
	struct validate *v = arg;
	int rc = add(v, a);

	if (rc)
		done(v, rc, rc == ERR_LIMIT ? "the directory has too many people: narrow directory filter" : err_text(rc));
}

/* ---- what is wrong ---- */

static int compare(struct bytes a, struct bytes b)
{
	return bytes_cmp(a, b);
}

static int by_user(const void *a, const void *b)
{
	return compare(((const struct row *)a)->user_key, ((const struct row *)b)->user_key);
}

static int by_uri(const void *a, const void *b)
{
	return compare(((const struct row *)a)->uri_key, ((const struct row *)b)->uri_key);
}

static int by_mail(const void *a, const void *b)
{
	return compare(((const struct row *)a)->mail_key, ((const struct row *)b)->mail_key);
}

static void tell(struct validate *v, const char *check, bool is_error, const struct row *r)
{
	proc_record_begin(v->ask);
	proc_record_str(v->ask, "check", check);
	proc_record_str(v->ask, "severity", is_error ? "error" : "warning");
	proc_record_text(v->ask, "user", r->user);
	proc_record_text(v->ask, "uri", r->uri);
	proc_record_text(v->ask, "mail", r->mail);
	proc_record_text(v->ask, "dn", r->dn);
	proc_record_end(v->ask);
}

/* Each of those who share a key; sorted by it. */
static void tell_equal(struct validate *v, const char *check, bool is_error, int (*by)(const void *, const void *), struct bytes (*key)(const struct row *))
{
	if (v->n)
		qsort(v->rows, v->n, sizeof *v->rows, by);
	for (size_t i = 0; i < v->n; i++) {
		const struct row *r = &v->rows[i];
		bool is_shared = (i > 0 && by(r, r - 1) == 0) || (i + 1 < v->n && by(r, r + 1) == 0);
		if (key(r).n && is_shared)
			tell(v, check, is_error, r);
	}
}

static struct bytes user_key(const struct row *r)
{
	return r->user_key;
}

static struct bytes uri_key(const struct row *r)
{
	return r->uri_key;
}

static struct bytes mail_key(const struct row *r)
{
	return r->mail_key;
}

/* With addresses from the user id an URI that is wrong harms nobody yet (D-DUP-05, D-DUP-07). The titles are those of E-504 to E-507. */
static void report(struct validate *v)
{
	bool is_by_uri = v->dir->config.people.is_by_uri;

	if (v->wants_users) {
		for (size_t i = 0; i < v->n; i++)
			if (!v->rows[i].user.n)
				tell(v, "Users with No User ID", true, &v->rows[i]);
		tell_equal(v, "Users with Duplicate User IDs", true, by_user, user_key);
	}
	if (!v->wants_uris)
		return;
	for (size_t i = 0; i < v->n; i++)
		if (!v->rows[i].uri_key.n && !v->rows[i].is_bad_uri)
			tell(v, "Users with No Directory URI Configured", is_by_uri, &v->rows[i]);
	for (size_t i = 0; i < v->n; i++)
		if (v->rows[i].is_bad_uri)
			tell(v, "Users with Invalid Directory URI Configured", is_by_uri, &v->rows[i]);
	tell_equal(v, "Users with Duplicate Directory URIs", is_by_uri, by_uri, uri_key);
	tell_equal(v, "Users with Duplicate Mail IDs", false, by_mail, mail_key); /* D-DUP-14 */
}

static void on_done(void *arg, int rc, uint32_t code)
{
	struct validate *v = arg;

	if (!rc && code)
		rc = code == LDAP_SIZE_LIMIT || code == LDAP_ADMIN_LIMIT || code == LDAP_TIME_LIMIT ? ERR_LIMIT : ERR_DENIED;
	if (!rc)
		report(v);
	done(v, rc, rc == ERR_LIMIT ? "the server gives only a part of the directory: raise its limits for directory bind-dn" :
	     rc == ERR_DENIED ? "the server refuses the search" : rc ? "no server could say: show directory" : "");
}

void validate_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct dir *d = program;
	bool is_all = !n || bytes_eq_str(args[0], "all"), is_user = n && bytes_eq_str(args[0], "userid"), is_uri = n && bytes_eq_str(args[0], "uri");
	struct validate *v = NULL;

	if (!is_all && !is_user && !is_uri)
		proc_done(ask, ERR_RANGE, "one of all, userid, uri");
	else if (d->validating)
		proc_done(ask, ERR_AGAIN, "one is under way");
	else if (!(v = calloc(1, sizeof *v)))
		proc_done(ask, ERR_NOMEM, err_text(ERR_NOMEM));
	if (!v)
		return;
	d->validating = v;
	v->dir = d;
	v->ask = ask;
	v->wants_users = !is_uri;
	v->wants_uris = !is_user;
	arena_init(&v->arena, ARENA_BYTES_MAX);
	v->search = (struct ldap_search){
		.base = bytes_of(d->config.base),
		.scope = LDAP_SCOPE_SUBTREE,
		.filter = bytes_of(d->config.filter),
		.page_size = d->config.page_size,
	};
	person_wants(&d->config.people, &v->search);
	v->task = (struct task){ .search = &v->search, .patience_ms = PAGE_MS, .again = on_again, .entry = on_entry, .done = on_done, .arg = v };
	task_start(d, &v->task);
}
