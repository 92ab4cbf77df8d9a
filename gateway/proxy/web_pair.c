#include "web_pair.h"

#include "conn.h"

#include "base/err.h"

#include <stdlib.h>

enum { QUEUE_MAX = 1 << 20 };

static const struct http1_limits answer_limits = { .line_bytes = 8 << 10, .head_bytes = 48 << 10, .fields = HTTP1_FIELDS_MAX, .body_bytes = INT64_MAX };

static void drop(struct web_pair *w)
{
	struct proxy *p = w->conn->proxy;

	if (w->is_gone)
		return;
	w->is_gone = true;
	w->x = NULL;
	link_close(&w->link);
	list_del(&w->node);
	list_add_tail(&p->gone_web_pairs, &w->node);
	loop_defer_call(p->loop, &p->sweep);
}

void web_pair_close_all(struct conn *c)
{
	LIST_EACH (it, &c->web_pairs)
		drop(LIST_OWNER(it, struct web_pair, node));
}

void web_pair_sweep(struct proxy *p)
{
	LIST_EACH (it, &p->gone_web_pairs) {
		struct web_pair *w = LIST_OWNER(it, struct web_pair, node);
		list_del(it);
		http1_reader_fini(&w->answer);
		free(w);
	}
}

/* ---- what gh-publish says ---- */

static void on_data(void *arg, struct bytes in)
{
	struct web_pair *w = arg;

	if (w->x)
		published_data(w->x, in);
	else
		drop(w); /* nothing was asked */
}

static void on_drained(void *arg)
{
	struct web_pair *w = arg;

	if (w->x)
		published_drained(w->x);
}

static void on_closed(void *arg, int why)
{
	struct web_pair *w = arg;
	struct exchange *x = w->x;

	(void)why;
	drop(w);
	if (x)
		published_broken(x);
}

static const struct link_owner owner = { .data = on_data, .drained = on_drained, .closed = on_closed };

/* ---- for requests ---- */

static struct web_pair *idle_of(struct conn *c)
{
	LIST_EACH (it, &c->web_pairs) {
		struct web_pair *w = LIST_OWNER(it, struct web_pair, node);
		if (!w->x)
			return w;
	}
	return NULL;
}

static unsigned count_idle(const struct conn *c)
{
	unsigned n = 0;

	LIST_EACH (it, &c->web_pairs)
		n += !LIST_OWNER(it, struct web_pair, node)->x;
	return n;
}

static int make(struct exchange *x, struct web_pair **out)
{
	struct web_pair *w = calloc(1, sizeof *w);
	int rc = w ? join_publish(x, &w->link, &owner, w, QUEUE_MAX) : ERR_NOMEM;

	if (rc) {
		free(w);
		return rc;
	}
	w->conn = x->conn;
	http1_reader_init_responses(&w->answer, &answer_limits);
	list_add_tail(&x->conn->web_pairs, &w->node);
	x->proxy->stats[STAT_WEB_PAIRS]++;
	*out = w;
	return 0;
}

int web_pair_take(struct exchange *x, bool may_be_used, struct web_pair **out)
{
	struct web_pair *w = may_be_used ? idle_of(x->conn) : NULL;
	int rc = w ? 0 : make(x, &w);

	if (rc)
		return rc;
	w->x = x;
	*out = w;
	return 0;
}

void web_pair_leave(struct web_pair *w, bool may_keep)
{
	bool is_clean = may_keep && !w->is_gone && link_queued(&w->link) == 0 && http1_waiting(&w->answer) == 0;

	if (!is_clean || count_idle(w->conn) >= WEB_PAIRS_IDLE_MAX) {
		drop(w);
		return;
	}
	w->x = NULL;
	w->is_used = true;
	http1_reader_fini(&w->answer); /* an idle one holds no bytes */
	http1_reader_init_responses(&w->answer, &answer_limits);
	link_pause(&w->link, false);
}
