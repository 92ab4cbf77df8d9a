#include "conn.h"

#include "answer.h"
#include "run/metrics.h"
#include "session.h"

/* GET /metrics: what `show metrics` says, for a collector that polls. It logs in as everybody does (Basic or a bearer
 * token), or comes from a `web metrics-source`; gh-conf decides whether it may, and knows what the numbers are. */

static bool is_source(const struct conn *c)
{
	const struct admin_config *g = &c->admin->config;
	uint8_t address[16] = { [10] = 0xff, [11] = 0xff };

	if (c->peer.family == 6)
		memcpy(address, c->peer.bytes, 16);
	else if (c->peer.family == 4)
		memcpy(address + 12, c->peer.bytes, 4);
	else
		return false;
	for (size_t i = 0; i < g->n_metrics_sources; i++)
		if (prefix_has(&g->metrics_sources[i], address))
			return true;
	return false;
}

static void on_ended(void *arg)
{
	((struct admin *)arg)->collector = NULL; /* the next that comes opens another */
}

void collector_close(struct admin *a)
{
	operator_close(a->collector);
	a->collector = NULL;
}

static void refuse_source(struct conn *c)
{
	struct admin *a = c->admin;
	char peer[PEER_TEXT_BYTES];
	uint32_t held;

	peer_address_text(&c->peer, peer);
	a->stats[STAT_METRICS_REFUSED]++;
	if (log_limit_pass(&a->metrics_refused, 1, loop_now(a->loop), &held))
		log_warn("web.metrics.refused", LOG_STR("address", peer), LOG_INT("more", held));
	conn_problem(c, 403, "source", "no web metrics-source has this address");
}

/* Who asks for it. NULL: it has been answered, or will be asked again after a log-in. */
static struct operator *asker(struct conn *c)
{
	struct admin *a = c->admin;

	if (is_source(c)) {
		if (!a->collector)
			a->collector = operator_open_collector(a, on_ended, a);
		if (!a->collector)
			conn_problem(c, 503, "full", "gh-conf has no place for a collector now");
		return a->collector;
	}
	if (!a->config.has_metrics) {
		refuse_source(c);
		return NULL;
	}
	struct session *s = session_of(c);
	return s ? s->op : NULL;
}

void metrics_route(struct conn *c)
{
	if (!c->admin->config.has_metrics && c->admin->config.n_metrics_sources == 0) {
		conn_problem(c, 404, "resource", "there are no metrics here: web metrics is off, and there is no web metrics-source");
		return;
	}
	if (c->request.method != HTTP1_GET && c->request.method != HTTP1_HEAD) {
		conn_problem(c, 405, "method", "metrics are only read");
		return;
	}
	struct operator *op = asker(c);
	struct answer *w = op ? answer_new_by(c, op, ANSWER_TEXT) : NULL;
	if (!w)
		return;
	bool is_open = metrics_format_of(c->request.accept) == METRICS_OPENMETRICS;
	answer_text_type(w, is_open ? METRICS_TYPE_OPENMETRICS : METRICS_TYPE_PROMETHEUS);
	ask_word(answer_ask(w), OPER_WORD_TYPED, BYTES("show"));
	ask_word(answer_ask(w), OPER_WORD_TYPED, BYTES("metrics"));
	ask_word(answer_ask(w), OPER_WORD_TYPED, is_open ? BYTES("openmetrics") : BYTES("prometheus"));
	answer_start(w);
}
