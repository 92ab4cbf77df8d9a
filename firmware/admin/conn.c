#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"

#include <stdlib.h>
#include <unistd.h>

/* A connection's life: TLS, heads and bodies within their times, one request at a time. */

enum {
	TLS_MS = 10000,
	HEAD_MS = 10000,     /* from the first byte of a head to its last, and for the first head */
	BODY_MS = 120000,    /* the whole body: 8 MiB at 70 kB/s */
	KEEP_MS = 60000,     /* between requests */
	WRITE_MS = 60000,    /* without the client taking anything */
	FIELDS_BYTES = 16 << 10,
	WAITING_MAX = 16 << 10,
};

static const char *const alpn[] = { "http/1.1", NULL };

void conn_drop(struct conn *c, const char *reason)
{
	struct admin *a = c->admin;

	if (c->is_gone)
		return;
	c->is_gone = true;
	log_debug("web.closed", LOG_STR("reason", reason), LOG_INT("in", c->link.bytes_in), LOG_INT("out", c->link.bytes_out));
	if (c->work)
		c->work->gone(c->work_arg);
	c->work = NULL;
	link_close(&c->link);
	address_leave(&a->addresses, c->address);
	loop_timer_del(a->loop, &c->timer);
	loop_defer_cancel(&c->again);
	list_del(&c->node);
	list_add_tail(&a->gone, &c->node);
	a->n_conns--;
	a->stats[STAT_CLOSED]++;
	loop_defer_call(a->loop, &a->sweep);
}

static void forget_request(struct request *q)
{
	secret_wipe(q->body.p, q->body.cap); /* passwords come here */
	secret_wipe(q->text.p, q->text.cap); /* cookies too */
	http1_path_fini(&q->path);
	buf_fini(&q->body);
	buf_fini(&q->text);
	*q = (struct request){ 0 };
}

void conn_sweep(struct admin *a)
{
	LIST_EACH (it, &a->gone) {
		struct conn *c = LIST_OWNER(it, struct conn, node);
		list_del(it);
		forget_request(&c->request);
		secret_wipe(c->reader.in.p, c->reader.in.cap);
		http1_reader_fini(&c->reader);
		free(c);
	}
}

void conn_drop_all(struct admin *a)
{
	LIST_EACH (it, &a->conns)
		conn_drop(LIST_OWNER(it, struct conn, node), "stopped");
}

/* ---- time ---- */

static void wait_for(struct conn *c, uint32_t ms)
{
	if (loop_timer_set(c->admin->loop, &c->timer, ms))
		conn_drop(c, "memory"); /* nothing may wait without an end */
}

static void on_timer(void *arg)
{
	struct conn *c = arg;

	if (c->is_answering && !link_queued(&c->link)) {
		wait_for(c, WRITE_MS); /* the answer takes its time; gh-conf has its own limits */
		return;
	}
	c->admin->stats[STAT_TIMEOUT]++;
	if (!c->is_answering && c->link.state == LINK_SECURE && http1_is_inside(&c->reader)) {
		c->is_ending = true;
		conn_problem(c, 408, "timeout", "the request did not come in time");
		return;
	}
	conn_drop(c, "timeout");
}

/* ---- a request comes ---- */

static struct bytes keep(struct buf *text, struct bytes v)
{
	size_t at = buf_len(text);

	buf_put_bytes(text, v);
	return buf_failed(text) ? BYTES_NONE : bytes_skip(buf_bytes(text), at);
}

/* Copies of what is asked later; the reader's views go with the next bytes. */
static int keep_head(struct conn *c, const struct http1_request *q)
{
	struct request *r = &c->request;

	r->method = q->method;
	r->is_minor_0 = q->minor == 0;
	r->is_kept = q->is_kept;
	r->takes_gzip = http1_has_token(q, "accept-encoding", "gzip");
	r->is_background = http1_count(q, "x-background") > 0;
	buf_init(&r->text, FIELDS_BYTES + 64);
	buf_init(&r->body, CONN_BODY_MAX + 1);
	if (!buf_reserve(&r->text, FIELDS_BYTES)) /* all of it at once: the views stay */
		return ERR_NOMEM;
	r->raw_path = keep(&r->text, q->path);
	r->query = keep(&r->text, q->query);
	r->host = keep(&r->text, q->host);
	r->authorization = keep(&r->text, http1_value(q, "authorization"));
	r->cookie = keep(&r->text, http1_cookie(q, "__Host-session"));
	r->csrf = keep(&r->text, http1_value(q, "x-csrf-token"));
	r->content_type = keep(&r->text, http1_value(q, "content-type"));
	r->accept = keep(&r->text, http1_value(q, "accept"));
	r->if_none_match = keep(&r->text, http1_value(q, "if-none-match"));
	r->origin = keep(&r->text, http1_value(q, "origin"));
	if (buf_failed(&r->text))
		return ERR_LIMIT;
	return http1_path_decode(r->raw_path, true, &r->path);
}

static void on_head(struct conn *c, const struct http1_request *q)
{
	int rc = keep_head(c, q);

	c->admin->stats[STAT_REQUESTS]++;
	c->is_ending = !q->is_kept;
	c->is_body_dropped = false;
	wait_for(c, BODY_MS);
	if (c->is_gone)
		return;
	if (!route_admit(c, q)) {
		c->is_body_dropped = q->has_body;
		return;
	}
	if (rc < 0) {
		c->is_body_dropped = c->is_ending = true;
		c->admin->stats[STAT_MALFORMED]++;
		conn_problem(c, 400, "path", "the path is malformed");
		return;
	}
	if (q->expects_continue) {
		http1_put_status(link_out(&c->link), 100);
		http1_end_head_none(link_out(&c->link));
		link_kick(&c->link);
	}
}

static void on_body(struct conn *c, struct bytes piece)
{
	if (c->is_body_dropped)
		return;
	buf_put_bytes(&c->request.body, piece);
	if (buf_failed(&c->request.body)) {
		c->is_body_dropped = c->is_ending = true;
		conn_problem(c, 413, "too-large", "the body is too long");
	}
}

static void on_malformed(struct conn *c)
{
	c->admin->stats[STAT_MALFORMED]++;
	c->is_ending = true;
	forget_request(&c->request);
	conn_problem(c, c->reader.status, "http", c->reader.why);
}

static void on_event(struct conn *c, enum http1_event what, const struct http1_request *q, struct bytes piece)
{
	if (what == HTTP1_HEAD_CAME) {
		on_head(c, q);
	} else if (what == HTTP1_BODY_CAME) {
		on_body(c, piece);
	} else if (!c->is_answering) {
		wait_for(c, WRITE_MS);
		if (!c->is_gone)
			route_request(c);
	}
}

static void read_on(struct conn *c)
{
	static struct http1_request q; /* large; used within one call */
	enum http1_event what;
	struct bytes piece = BYTES_NONE;
	int rc = 0;

	while (rc == 0 && !c->is_gone && !c->is_answering) {
		rc = http1_next(&c->reader, &what, &q, &piece);
		if (rc == 0)
			on_event(c, what, &q, piece);
	}
	if (!c->is_gone && rc < 0 && rc != ERR_AGAIN)
		on_malformed(c);
}

static void on_again(void *arg)
{
	struct conn *c = arg;

	read_on(c);
	if (!c->is_gone && !c->is_answering)
		link_pause(&c->link, false);
}

static void on_data(void *arg, struct bytes in)
{
	struct conn *c = arg;
	bool was_inside = http1_is_inside(&c->reader);

	while (in.n > 0 && !c->is_gone) {
		size_t n = in.n < 32 << 10 ? in.n : 32 << 10;
		if (c->is_ending && c->is_answering)
			return; /* it has had its answer; what else it says is not read */
		if (http1_feed(&c->reader, bytes_make(in.p, n)) < 0) {
			conn_drop(c, "pipeline");
			return;
		}
		in = bytes_skip(in, n);
		read_on(c);
	}
	/* What comes during an answer waits for its end; so much of it, and the client's own end is still seen. */
	if (!c->is_gone && c->is_answering && http1_waiting(&c->reader) > WAITING_MAX)
		link_pause(&c->link, true);
	if (!c->is_gone && !was_inside && !c->is_answering && http1_is_inside(&c->reader) && !c->request.text.p)
		wait_for(c, HEAD_MS); /* the whole head, however slowly its bytes come */
}

/* ---- the link ---- */

static void on_secured(void *arg)
{
	wait_for(arg, HEAD_MS);
}

static void on_drained(void *arg)
{
	struct conn *c = arg;

	if (c->work && c->work->drained)
		c->work->drained(c->work_arg);
}

static void on_closed(void *arg, int why)
{
	struct conn *c = arg;

	if (why == ERR_TLS)
		c->admin->stats[STAT_TLS_FAILED]++;
	conn_drop(c, err_name(why));
}

static const struct link_owner owner = { .secured = on_secured, .data = on_data, .drained = on_drained, .closed = on_closed };

static int start_tls(struct conn *c)
{
	const struct tls_options o = { .side = TLS_SERVER, .domain = conn_tls_name, .alpn = alpn };
	struct tls *t;

	if (!c->admin->tls)
		return ERR_CERT_NONE;
	int rc = tls_new(c->admin->tls, &o, &t);
	return rc < 0 ? rc : link_start_tls(&c->link, t, TLS_MS);
}

int conn_open(struct admin *a, int fd, const struct sockaddr *from, bool is_redirect)
{
	struct conn *c = calloc(1, sizeof *c);
	int rc = c ? address_enter(&a->addresses, from, a->config.conns_per_address, &c->address) : ERR_NOMEM;

	if (rc < 0 || link_accept(&c->link, a->loop, fd, &owner, c, CONN_QUEUE_MAX) < 0) {
		if (rc == 0)
			address_leave(&a->addresses, c->address);
		free(c);
		(void)close(fd); /* refused */
		return rc < 0 ? rc : ERR_NOMEM;
	}
	c->admin = a;
	c->is_redirect = is_redirect;
	peer_address_of(from, &c->peer);
	http1_reader_init(&c->reader, &http1_limits_default);
	loop_timer_init(&c->timer, on_timer, c);
	loop_defer_init(&c->again, on_again, c);
	list_add_tail(&a->conns, &c->node);
	a->n_conns++;
	wait_for(c, is_redirect ? HEAD_MS : TLS_MS + HEAD_MS);
	if (!c->is_gone && !is_redirect && start_tls(c) < 0)
		conn_drop(c, "tls");
	return 0;
}

/* ---- answers ---- */

static void put_common(struct conn *c, int status, const char *type, const struct conn_fields *fields)
{
	static const struct {
		const char *name, *value;
	} always[] = {
		{ "Strict-Transport-Security", "max-age=31536000" },
		{ "Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
		  "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'" },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
	};
	struct buf *out = link_out(&c->link);
	char date[HTTP1_DATE_BYTES];
	bool has_cache = false;

	http1_put_status(out, status);
	http1_date(loop_wall_ms(c->admin->loop) / 1000, date);
	(void)http1_put_field(out, "Date", bytes_of(date)); /* ours: it is well-formed */
	for (size_t i = c->is_redirect ? 1 : 0; i < sizeof always / sizeof always[0]; i++)
		(void)http1_put_field(out, always[i].name, bytes_of(always[i].value)); /* as above */
	for (size_t i = 0; fields && i < fields->n; i++) {
		has_cache |= strcmp(fields->v[i].name, "Cache-Control") == 0;
		if (http1_put_field(out, fields->v[i].name, fields->v[i].value) < 0)
			log_warn("web.field", LOG_STR("name", fields->v[i].name)); /* left out: it is not for the wire */
	}
	if (!has_cache)
		(void)http1_put_field(out, "Cache-Control", BYTES("no-store")); /* as above */
	if (type)
		(void)http1_put_field(out, "Content-Type", bytes_of(type)); /* as above */
	if (c->is_ending)
		(void)http1_put_field(out, "Connection", BYTES("close")); /* as above */
}

static void answered(struct conn *c)
{
	c->work = NULL;
	link_kick(&c->link);
	if (c->is_ending || c->is_body_dropped) {
		c->is_ending = true;
		link_pause(&c->link, false); /* so that its end is seen; what it still says is not read */
		wait_for(c, WRITE_MS);
		link_shutdown(&c->link);
		return;
	}
	forget_request(&c->request);
	c->is_answering = false;
	wait_for(c, KEEP_MS);
	if (!c->is_gone)
		loop_defer_call(c->admin->loop, &c->again);
}

void conn_field(struct conn_fields *f, const char *name, const char *value)
{
	if (f->n < sizeof f->v / sizeof f->v[0]) {
		f->v[f->n].name = name;
		f->v[f->n++].value = bytes_of(value);
	}
}

void conn_respond(struct conn *c, int status, const char *type, struct bytes body, const struct conn_fields *fields)
{
	c->is_answering = true;
	put_common(c, status, type, fields);
	if (status == 204 || status == 304)
		http1_end_head_none(link_out(&c->link));
	else
		http1_end_head_length(link_out(&c->link), body.n);
	if (c->request.method != HTTP1_HEAD)
		buf_put_bytes(link_out(&c->link), body);
	answered(c);
}

void conn_begin(struct conn *c, int status, const char *type)
{
	c->is_answering = true;
	c->is_chunked = !c->request.is_minor_0;
	if (c->request.is_minor_0)
		c->is_ending = true;
	put_common(c, status, type, NULL);
	if (c->is_chunked)
		http1_end_head_chunked(link_out(&c->link));
	else
		http1_end_head_none(link_out(&c->link)); /* up to the end of the connection */
	link_kick(&c->link);
}

void conn_put(struct conn *c, struct bytes b)
{
	if (c->request.method == HTTP1_HEAD)
		return;
	if (c->is_chunked)
		http1_put_chunk(link_out(&c->link), b);
	else
		buf_put_bytes(link_out(&c->link), b);
	link_kick(&c->link);
	wait_for(c, WRITE_MS);
}

void conn_end(struct conn *c)
{
	if (c->is_chunked && c->request.method != HTTP1_HEAD)
		http1_put_last_chunk(link_out(&c->link));
	answered(c);
}

void conn_set_work(struct conn *c, const struct conn_work *w, void *arg)
{
	c->is_answering = true;
	c->work = w;
	c->work_arg = arg;
}
