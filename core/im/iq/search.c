#include "iq/search.h"

#include "base/err.h"
#include "proto/xmpp.h"
#include "ask.h"
#include "domain.h"
#include "iq/search_form.h"
#include "user.h"

#include <stdlib.h>

enum { PAGE = 1000, PAGES_MAX = 500, RESULT_MAX = 200 << 10 /* a stanza has an end */, JID_MAX = 3071 };

/* One search of one user, who may have one at a time. */
struct search {
	struct user *user; /* pinned */
	struct iq_later *later;
	struct arena arena; /* of its words */
	struct search_form form;
	bool is_local, is_more;
	struct buf people; /* of the answer */
	unsigned n, limit;
	/* among the accounts of a domain: where it is in their list */
	struct bytes domain;
	unsigned pages, in_page;
	size_t last_n;
	uint8_t last[JID_MAX];
};

static void search_free(struct im *im, struct search *s)
{
	s->user->is_searching = false;
	user_unpin(im, s->user);
	arena_fini(&s->arena);
	buf_fini(&s->people);
	free(s);
}

static void refuse(struct im *im, struct search *s, enum stanza_error why, const char *text)
{
	iq_late_refuse(im, s->later, &(struct stanza_refusal){ .error = why, .text = text });
	search_free(im, s);
}

static void answer(struct im *im, struct search *s)
{
	struct buf *b = &im->out2;

	buf_clear(b);
	search_result_begin(b, &s->form, s->is_local, s->is_more);
	buf_put_bytes(b, buf_bytes(&s->people));
	search_result_end(b, &s->form);
	iq_late_result(im, s->later, buf_bytes(b));
	search_free(im, s);
}

static void add(struct search *s, const struct look_person *p)
{
	if (s->n >= s->limit || buf_len(&s->people) >= RESULT_MAX) {
		s->is_more = true;
		return;
	}
	search_result_add(&s->people, &s->form, s->is_local, p);
	s->n++;
}

/* ---- in the directory ---- */

/* Whom nobody here could write to is not shown. */
static void on_person(struct im *im, void *arg, const struct look_person *p)
{
	struct jid j = jid_of_normal(p->jid);

	if (j.local_n && domain_of(im, jid_domain(&j)))
		add(arg, p);
}

static void on_looked(struct im *im, void *arg, int rc, bool is_more)
{
	struct search *s = arg;

	s->is_more |= is_more;
	if (rc == ERR_FULL || rc == ERR_NOMEM)
		refuse(im, s, STANZA_RESOURCE_CONSTRAINT, "Too many search");
	else if (rc)
		refuse(im, s, STANZA_REMOTE_SERVER_TIMEOUT, "The directory cannot be asked");
	else
		answer(im, s);
}

static void look(struct im *im, struct search *s)
{
	struct look_question q = { .limit = (uint16_t)s->limit, .person = on_person, .done = on_looked, .arg = s };

	memcpy(q.words, s->form.words, sizeof q.words);
	look_ask(im, &q);
}

/* ---- among the accounts of the domain ---- */

static void on_account(struct im *im, struct ask *a, struct wire *w)
{
	struct search *s = a->arg;
	struct bytes jid = wire_str(w);

	(void)im;
	(void)wire_u64(w);
	if (wire_failed(w) || jid.n > sizeof s->last || (s->last_n && bytes_cmp(jid, bytes_make(s->last, s->last_n)) <= 0))
		return; /* a page that is sent again begins anew */
	memcpy(s->last, jid.p, jid.n);
	s->last_n = jid.n;
	s->in_page++;
	struct jid j = jid_of_normal(jid);
	struct look_person p = { .jid = jid };
	p.fields[DIRECTORY_USER] = jid_local(&j);
	if (search_fits(s->form.words[DIRECTORY_USER], jid_local(&j)))
		add(s, &p);
}

static void ask_page(struct im *im, struct search *s);

static void on_page(struct im *im, struct ask *a, int rc)
{
	struct search *s = a->arg;
	bool is_last = s->in_page < PAGE || s->is_more;

	if (rc)
		refuse(im, s, STANZA_INTERNAL_SERVER_ERROR, NULL);
	else if (!is_last && s->pages < PAGES_MAX)
		ask_page(im, s);
	else {
		s->is_more |= !is_last;
		answer(im, s);
	}
}

static void ask_page(struct im *im, struct search *s)
{
	struct buf *b = ask_begin(im, STORE_ACCOUNT_LIST);

	s->pages++;
	s->in_page = 0;
	wire_put_str(b, s->domain);
	wire_put_str(b, bytes_make(s->last, s->last_n));
	wire_put_u32(b, PAGE);
	ask_send_free(im, on_account, on_page, s, 0);
}

/* ---- requests ---- */

static bool is_local(const struct im *im)
{
	return !im->directory.is_there;
}

/* False: it has been answered. */
static bool may(struct im *im, const struct iq *q)
{
	if (!im->config.has_search)
		iq_error(im, q, STANZA_SERVICE_UNAVAILABLE);
	else if (!q->session)
		iq_error(im, q, STANZA_FORBIDDEN);
	return im->config.has_search && q->session;
}

void search_get(struct im *im, struct iq *q)
{
	if (!may(im, q))
		return;
	buf_clear(&im->out2);
	search_form_write(&im->out2, is_local(im));
	iq_result(im, q, buf_bytes(&im->out2));
}

/* NULL: without memory. */
static struct search *begin(struct im *im, struct iq *q)
{
	struct search *s = calloc(1, sizeof *s);

	if (s && !(s->later = iq_keep(q))) {
		free(s);
		s = NULL;
	}
	if (!s)
		return NULL;
	s->user = q->session->user;
	s->user->is_searching = true;
	user_pin(s->user);
	s->is_local = is_local(im);
	s->limit = im->config.search_results;
	arena_init(&s->arena, 64 << 10);
	buf_init(&s->people, RESULT_MAX * 2);
	return s;
}

void search_set(struct im *im, struct iq *q)
{
	if (!may(im, q))
		return;
	struct search *s = q->session->user->is_searching ? NULL : begin(im, q);
	if (!s) {
		iq_refuse(im, q, &(struct stanza_refusal){ .error = STANZA_RESOURCE_CONSTRAINT, .text = "One search at a time" });
		return;
	}
	int rc = search_form_read(q->child, s->is_local, &s->arena, &s->form);
	struct jid to = jid_of_normal(q->it->e.to);
	s->domain = arena_dup(&s->arena, jid_domain(&to));
	if (!rc && !s->domain.n)
		rc = ERR_NOMEM;
	im_stats[STAT_SEARCHES]++;
	if (rc == ERR_RANGE || rc == ERR_LIMIT)
		refuse(im, s, STANZA_NOT_ACCEPTABLE, rc == ERR_RANGE ? "Fill in at least one field" : "A word is too long");
	else if (rc)
		refuse(im, s, rc == ERR_NOMEM ? STANZA_RESOURCE_CONSTRAINT : STANZA_BAD_REQUEST, NULL);
	else if (s->is_local)
		ask_page(im, s);
	else
		look(im, s);
}
