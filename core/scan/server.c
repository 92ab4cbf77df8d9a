#include "scan.h"

#include "base/err.h"
#include "run/alarm.h"

#include <stdio.h>

/* How scanners are: asked every now and then (PING of clamd, OPTIONS of ICAP), and known by every file. */

enum { LINES = 60 /* a minute */ };

bool server_may(const struct server *s)
{
	struct scan *g = s->scan;

	if (s->is_known && !s->is_up)
		return false;
	return g->config.protocol == PROTOCOL_CLAMD || (s->is_up && s->options_until_ms > loop_now(g->loop));
}

/* Does any of them answer? Before they were asked nobody knows, and there is no alarm. */
static void look_at_all(struct scan *g)
{
	bool is_any = false, is_known = true;

	for (size_t i = 0; i < g->n_servers; i++) {
		is_any |= g->servers[i].is_up;
		is_known &= g->servers[i].is_known;
	}
	if (is_any || !is_known)
		alarm_clear(ALARM_UPLOADS_UNSCANNED, "");
	else
		alarm_raise(ALARM_UPLOADS_UNSCANNED, "", ALARM_USUAL, NULL);
}

void server_is_there(struct server *s)
{
	struct scan *g = s->scan;
	bool was_up = s->is_up;

	s->is_up = s->is_known = true;
	s->good_ms = loop_now(g->loop);
	s->why[0] = '\0';
	if (was_up)
		return;
	log_info("scan.server.up", LOG_STR("server", s->name));
	alarm_clear(ALARM_SCANNER_UNREACHABLE, s->name);
	look_at_all(g);
	loop_defer_call(g->loop, &g->next); /* files may wait for it */
}

void server_is_away(struct server *s, const char *step, int rc, const char *words)
{
	struct scan *g = s->scan;
	uint32_t held = 0;

	s->failures++;
	(void)snprintf(s->why, sizeof s->why, "%s: %s%s%.80s", step, err_text(rc), words && *words ? ": " : "", words ? words : "");
	if ((s->is_up || !s->is_known) && log_limit_pass(&g->log, LINES, loop_now(g->loop), &held))
		log_warn("scan.server.failed", LOG_STR("server", s->name), LOG_STR("step", step), LOG_STR("reason", err_name(rc)),
		         LOG_STR("what", words ? words : ""), LOG_INT("suppressed", held));
	s->is_up = false;
	s->is_known = true;
	s->options_until_ms = 0;
	alarm_raise(ALARM_SCANNER_UNREACHABLE, s->name, ALARM_USUAL, s->why);
	look_at_all(g);
}

void server_probed(struct server *s, int rc, const struct speech_answer *a)
{
	struct scan *g = s->scan;

	if (rc || g->config.protocol != PROTOCOL_ICAP)
		return;
	s->options = a->options;
	s->options_until_ms = loop_now(g->loop) + (uint64_t)a->options.ttl_s * 1000 + PROBE_UP_MS + PROBE_MS;
	loop_defer_call(g->loop, &g->next);
}

static void on_probe(void *arg)
{
	struct server *s = arg;
	struct scan *g = s->scan;
	uint64_t now = loop_now(g->loop);
	bool is_sure = s->is_up && now - s->good_ms < PROBE_UP_MS && (g->config.protocol == PROTOCOL_CLAMD || s->options_until_ms > now + PROBE_UP_MS + PROBE_MS);

	if (!is_sure && !s->prober)
		s->prober = conn_new(s, NULL, PROBE_MS); /* without memory: next time */
	if (loop_timer_set(g->loop, &s->probe, PROBE_MS))
		die("scan.server", "no memory for a timer"); /* nobody would look again */
}

void server_start(struct server *s)
{
	loop_timer_init(&s->probe, on_probe, s);
	if (loop_timer_set(s->scan->loop, &s->probe, 0))
		die("scan.server", "no memory for a timer");
}

void server_stop(struct server *s)
{
	loop_timer_del(s->scan->loop, &s->probe);
	if (s->prober)
		conn_close(s->prober);
	alarm_clear(ALARM_SCANNER_UNREACHABLE, s->name);
}
