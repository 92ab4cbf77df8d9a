#include "conn.h"

#include "answer.h"
#include "run/metrics.h"
#include "session.h"

/* GET /metrics: what `show metrics` says, for a collector that polls. It logs in as everybody does (Basic or a bearer
 * token); gh-conf decides whether it may, and knows what the numbers are. */

void metrics_route(struct conn *c)
{
	if (!c->admin->config.has_metrics) {
		conn_problem(c, 404, "resource", "there are no metrics here: web metrics is off");
		return;
	}
	if (c->request.method != HTTP1_GET && c->request.method != HTTP1_HEAD) {
		conn_problem(c, 405, "method", "metrics are only read");
		return;
	}
	struct session *s = session_of(c);
	struct answer *w = s ? answer_new(c, s, ANSWER_TEXT) : NULL;
	if (!w)
		return;
	bool is_open = metrics_format_of(c->request.accept) == METRICS_OPENMETRICS;
	answer_text_type(w, is_open ? METRICS_TYPE_OPENMETRICS : METRICS_TYPE_PROMETHEUS);
	ask_word(answer_ask(w), OPER_WORD_TYPED, BYTES("show"));
	ask_word(answer_ask(w), OPER_WORD_TYPED, BYTES("metrics"));
	ask_word(answer_ask(w), OPER_WORD_TYPED, is_open ? BYTES("openmetrics") : BYTES("prometheus"));
	answer_start(w);
}
