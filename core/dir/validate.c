/* `directory validate`: who of the directory has an address that somebody else has too, or none that can be used (D-DUP, E-501 to
 * E-513). The whole directory is read, in pages; it is put right there, not here (E-511). */
#include "validate.h"

#include "base/err.h"
#include "people.h"

#include <stdlib.h>

struct validate {
	struct dir *dir;
	struct proc_ask *ask;
	bool wants_users, wants_uris;
	struct people people;
};

static void done(struct validate *v, int rc, const char *text)
{
	proc_done(v->ask, rc, text);
	people_fini(&v->people);
	v->dir->validating = NULL;
	free(v);
}

void validate_end(struct dir *d)
{
	if (d->validating)
		done(d->validating, ERR_AGAIN, "the settings of the directory have changed meanwhile");
}

/* ---- what is wrong ---- */

static void tell(struct validate *v, const char *check, bool is_error, const struct people_row *r)
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
static void tell_equal(struct validate *v, const char *check, bool is_error, int (*by)(const void *, const void *), struct bytes (*key)(const struct people_row *))
{
	if (v->people.n)
		qsort(v->people.rows, v->people.n, sizeof *v->people.rows, by);
	for (size_t i = 0; i < v->people.n; i++) {
		const struct people_row *r = &v->people.rows[i];
		bool is_shared = (i > 0 && by(r, r - 1) == 0) || (i + 1 < v->people.n && by(r, r + 1) == 0);
		if (key(r).n && is_shared)
			tell(v, check, is_error, r);
	}
}

static struct bytes user_key(const struct people_row *r)
{
	return r->user_key;
}

static struct bytes uri_key(const struct people_row *r)
{
	return r->uri_key;
}

static struct bytes mail_key(const struct people_row *r)
{
	return r->mail_key;
}

/* With addresses from the user id an URI that is wrong harms nobody yet (D-DUP-05, D-DUP-07). The titles are those of E-504 to E-507. */
static void report(struct validate *v)
{
	bool is_by_uri = v->dir->config.people.is_by_uri;

	if (v->wants_users) {
		for (size_t i = 0; i < v->people.n; i++)
			if (!v->people.rows[i].user.n)
				tell(v, "Users with No User ID", true, &v->people.rows[i]);
		tell_equal(v, "Users with Duplicate User IDs", true, people_by_user, user_key);
	}
	if (!v->wants_uris)
		return;
	for (size_t i = 0; i < v->people.n; i++)
		if (!v->people.rows[i].uri_key.n && !v->people.rows[i].is_bad_uri)
			tell(v, "Users with No Directory URI Configured", is_by_uri, &v->people.rows[i]);
	for (size_t i = 0; i < v->people.n; i++)
		if (v->people.rows[i].is_bad_uri)
			tell(v, "Users with Invalid Directory URI Configured", is_by_uri, &v->people.rows[i]);
	tell_equal(v, "Users with Duplicate Directory URIs", is_by_uri, people_by_uri, uri_key);
	tell_equal(v, "Users with Duplicate Mail IDs", false, people_by_mail, mail_key); /* D-DUP-14 */
}

static void on_read(void *arg, int rc, const char *text)
{
	struct validate *v = arg;

	if (!rc)
		report(v);
	done(v, rc, text);
}

void validate_command(void *program, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	struct dir *d = program;
	bool is_all = !n || bytes_eq_str(args[0], "all"), is_user = n && bytes_eq_str(args[0], "userid"), is_uri = n && bytes_eq_str(args[0], "uri");
	struct validate *v = NULL;

	if (!is_all && !is_user && !is_uri)
		proc_done(ask, ERR_RANGE, "one of all, userid, uri");
	else if (d->validating || d->syncing)
		proc_done(ask, ERR_AGAIN, d->syncing ? "directory sync is under way" : "one is under way");
	else if (!(v = calloc(1, sizeof *v)))
		proc_done(ask, ERR_NOMEM, err_text(ERR_NOMEM));
	if (!v)
		return;
	d->validating = v;
	v->dir = d;
	v->ask = ask;
	v->wants_users = !is_uri;
	v->wants_uris = !is_user;
	v->people.done = on_read;
	v->people.arg = v;
	people_start(d, &v->people);
}
