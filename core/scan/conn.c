#include "scan.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One connection to a scanner, for one question (speech.h). */

enum {
	READ_BYTES = 64 << 10,
	QUEUE_HIGH = 128 << 10, /* bytes that wait for the scanner before no more of the file are read */
	QUEUE_MAX = 512 << 10,
};

void conn_close(struct conn *c)
{
	struct scan *g = c->server->scan;

	if (c->is_gone)
		return;
	c->is_gone = true;
	dns_cancel(c->query);
	c->query = NULL;
	link_close(&c->link);
	loop_timer_del(g->loop, &c->timer);
	loop_timer_del(g->loop, &c->pump);
	if (c->server->prober == c)
		c->server->prober = NULL;
	list_del(&c->node);
	list_add_tail(&g->gone, &c->node);
	loop_defer_call(g->loop, &g->sweep);
}

void conns_sweep(struct scan *g)
{
	LIST_EACH (it, &g->gone) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		list_del(it);
		speech_fini(&c->speech);
		free(c);
	}
}

/* The answer, or why there is none. */
static void end(struct conn *c, int rc, const struct speech_answer *a)
{
	struct server *s = c->server;
	struct job *j = c->job;

	if (c->is_gone)
		return;
	conn_close(c);
	if (j)
		job_answered(j, rc, a);
	else
		server_probed(s, rc, a);
}

static void try_address(struct conn *c);

static void fail(struct conn *c, const char *step, int rc, const char *words)
{
	struct speech_answer none = { .verdict = SCAN_NONE };

	if (c->is_gone)
		return;
	if (!c->is_connected && c->addr_at + 1 < c->addrs.n) {
		link_close(&c->link);
		c->addr_at++;
		try_address(c);
		return;
	}
	server_is_away(c->server, step, rc, words);
	end(c, rc, &none);
}

/* ---- the file goes ---- */

static void more(struct conn *c)
{
	if (!c->is_gone && loop_timer_set(c->server->scan->loop, &c->pump, 0))
		fail(c, "answer", ERR_NOMEM, "");
}

static void pump(void *arg)
{
	static uint8_t piece[READ_BYTES]; /* of one turn: nothing stays in it */
	struct conn *c = arg;
	struct job *j = c->job;

	if (c->is_gone || !j || !c->is_connected || link_queued(&c->link) >= QUEUE_HIGH)
		return;
	uint64_t wanted = speech_wants(&c->speech);
	if (!wanted)
		return;
	ssize_t n = pread(j->fd, piece, wanted < sizeof piece ? (size_t)wanted : sizeof piece, (off_t)c->speech.sent);
	if (n <= 0) {
		log_error("scan.read.failed", LOG_INT("at", c->speech.sent), LOG_INT("size", j->size));
		end(c, ERR_IO, &(struct speech_answer){ .verdict = SCAN_NONE });
		return;
	}
	speech_put(&c->speech, bytes_make(piece, (size_t)n), link_out(&c->link));
	c->server->scan->stats[STAT_BYTES] += (uint64_t)n;
	link_kick(&c->link);
	more(c); /* what the kernel does not take brings it back (drained) */
}

static void on_connected(void *arg)
{
	struct conn *c = arg;

	c->is_connected = true;
	if (c->job)
		speech_scan(&c->speech, c->job->size, bytes_of(c->job->type), link_out(&c->link));
	else
		speech_probe(&c->speech, link_out(&c->link));
	link_kick(&c->link);
	more(c);
}

static void on_drained(void *arg)
{
	pump(arg);
}

/* ---- answers ---- */

static void on_data(void *arg, struct bytes in)
{
	struct conn *c = arg;
	struct speech_answer a;

	if (c->is_gone)
		return;
	int rc = speech_hear(&c->speech, in, &a);
	if (rc == ERR_AGAIN) {
		more(c);
		return;
	}
	if (rc) {
		c->server->scan->stats[STAT_MALFORMED] += rc != ERR_NOMEM && rc != ERR_UNSUPPORTED;
		fail(c, "answer", rc, a.text);
		return;
	}
	if (c->job && a.verdict == SCAN_NONE) { /* it answers, and cannot judge */
		fail(c, "answer", ERR_UNSUPPORTED, a.text);
		return;
	}
	server_is_there(c->server);
	end(c, 0, &a);
}

static void on_closed(void *arg, int why)
{
	struct conn *c = arg;

	fail(c, c->is_connected ? "answer" : "connect", why ? why : ERR_CLOSED, c->link.words);
}

static const struct link_owner owner = { .connected = on_connected, .data = on_data, .drained = on_drained, .closed = on_closed };

/* ---- begin ---- */

static void try_address(struct conn *c)
{
	struct sockaddr_storage to;
	socklen_t n = dns_addr_sockaddr(&c->addrs.addrs[c->addr_at], c->server->port, &to);
	int rc = link_connect(&c->link, c->server->scan->loop, (struct sockaddr *)&to, n, NULL, 0, CONNECT_MS, &owner, c, QUEUE_MAX);

	if (rc)
		fail(c, "connect", rc, "");
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct conn *c = arg;

	c->query = NULL;
	c->addrs = *a;
	c->addr_at = 0;
	if (a->rc || !a->n) {
		c->addrs.n = 0;
		fail(c, "dns", a->rc ? a->rc : ERR_DNS_NODATA, "");
	} else {
		try_address(c);
	}
}

static void on_timer(void *arg)
{
	struct conn *c = arg;

	c->addrs.n = 0; /* no time is left for another address */
	fail(c, c->is_connected ? "answer" : "connect", ERR_TIMEOUT, "");
}

struct conn *conn_new(struct server *s, struct job *j, uint64_t within_ms)
{
	struct scan *g = s->scan;
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->server = s;
	c->job = j;
	c->speech.protocol = g->config.protocol;
	c->speech.service = (struct icap_service){ s->host, s->port, g->config.service };
	c->speech.options = s->options;
	loop_timer_init(&c->timer, on_timer, c);
	loop_timer_init(&c->pump, pump, c);
	c->query = loop_timer_set(g->loop, &c->timer, within_ms) ? NULL : dns_addr(g->dns, s->host, on_addresses, c);
	if (!c->query) {
		loop_timer_del(g->loop, &c->timer);
		free(c);
		return NULL;
	}
	list_add_tail(&g->conns, &c->node);
	return c;
}
