#include "door.h"

#include "base/err.h"
#include "base/log.h"
#include "chain.h"
#include "net/link.h"
#include "proto/http1.h"

#include <stdlib.h>
#include <unistd.h>

enum { QUEUE_MAX = 4096, TLS_MS = 5000 };

#define CHALLENGE_PATH "/.well-known/acme-challenge/"

static const char *const stat_names[] = { "acme.door.accepted", "acme.door.refused", "acme.door.answered", "acme.door.not-found",
					  "acme.door.timeout" };
_Static_assert(sizeof stat_names / sizeof stat_names[0] == DOOR_STAT_COUNT, "one name a count");
static const char *const alpn[] = { "acme-tls/1", NULL };
static const struct http1_limits limits = { .line_bytes = 2048, .head_bytes = 8192, .fields = 32, .body_bytes = 0 };

struct visitor {
	struct list node;
	struct door *door;
	struct link link;
	struct http1_reader reader;
	struct loop_timer timer;
	struct address_count *address;
	bool is_gone, is_answered;
};

static void drop(struct visitor *v)
{
	struct door *d = v->door;

	if (v->is_gone)
		return;
	v->is_gone = true;
	link_close(&v->link);
	loop_timer_del(d->loop, &v->timer);
	address_leave(&d->addresses, v->address);
	list_del(&v->node);
	list_add_tail(&d->gone, &v->node);
	d->n_conns--;
	loop_defer_call(d->loop, &d->sweep);
}

static void sweep(void *arg)
{
	struct door *d = arg;

	LIST_EACH (it, &d->gone) {
		struct visitor *v = LIST_OWNER(it, struct visitor, node);
		list_del(it);
		http1_reader_fini(&v->reader);
		free(v);
	}
}

static void on_timer(void *arg)
{
	struct visitor *v = arg;

	v->door->counts[DOOR_TIMEOUT]++;
	drop(v);
}

/* ---- http-01 ---- */

static void answer(struct visitor *v, int status, const char *text, bool has_body)
{
	struct buf *out = link_out(&v->link);
	char date[HTTP1_DATE_BYTES];

	v->is_answered = true;
	v->door->counts[status == 200 ? DOOR_ANSWERED : DOOR_NOT_FOUND]++;
	http1_put_status(out, status);
	http1_date(loop_wall_ms(v->door->loop) / 1000, date);
	(void)http1_put_field(out, "Date", bytes_of(date)); /* ours: well-formed, as those below */
	(void)http1_put_field(out, "Content-Type", BYTES("application/octet-stream"));
	(void)http1_put_field(out, "Cache-Control", BYTES("no-store"));
	(void)http1_put_field(out, "X-Content-Type-Options", BYTES("nosniff"));
	(void)http1_put_field(out, "Connection", BYTES("close"));
	http1_end_head_length(out, strlen(text));
	if (has_body)
		buf_put_str(out, text);
	link_kick(&v->link);
	link_shutdown(&v->link);
}

static void on_request(struct visitor *v, const struct http1_request *q)
{
	const struct bytes prefix = BYTES(CHALLENGE_PATH);
	struct door *d = v->door;
	bool is_asked = d->token[0] && bytes_starts(q->path, prefix) && bytes_eq_str(bytes_skip(q->path, prefix.n), d->token);

	if (q->method != HTTP1_GET && q->method != HTTP1_HEAD)
		answer(v, 405, "", false);
	else if (is_asked)
		answer(v, 200, d->answer, q->method == HTTP1_GET);
	else
		answer(v, 404, "", false);
}

static void on_data(void *arg, struct bytes in)
{
	static struct http1_request q; /* large; used within one call */
	struct visitor *v = arg;
	enum http1_event what;
	struct bytes piece;

	if (v->is_answered || v->link.tls)
		return; /* what else it says is not read */
	int rc = http1_feed(&v->reader, in);
	if (!rc)
		rc = http1_next(&v->reader, &what, &q, &piece);
	if (!rc && what == HTTP1_HEAD_CAME)
		on_request(v, &q);
	else if (rc && rc != ERR_AGAIN && v->reader.status)
		answer(v, v->reader.status, "", false);
	else if (rc && rc != ERR_AGAIN)
		drop(v);
}

/* ---- tls-alpn-01 ---- */

/* The handshake is all of it (RFC 8737 3). */
static void on_secured(void *arg)
{
	struct visitor *v = arg;

	v->door->counts[tls_alpn_matched(v->link.tls) ? DOOR_ANSWERED : DOOR_NOT_FOUND]++;
	v->is_answered = true;
	link_shutdown(&v->link);
}

static void on_closed(void *arg, int why)
{
	(void)why;
	drop(arg);
}

static const struct link_owner owner = { .secured = on_secured, .data = on_data, .closed = on_closed };

static int start_tls(struct visitor *v)
{
	const struct tls_options o = { .side = TLS_SERVER, .alpn = alpn };
	struct tls *t;

	if (!v->door->proof)
		return ERR_NOT_FOUND;
	int rc = tls_new(v->door->proof, &o, &t);
	return rc ? rc : link_start_tls(&v->link, t, TLS_MS);
}

/* ---- newcomers ---- */

static struct visitor *visitor_new(struct door *d, int fd, const struct sockaddr *from)
{
	struct visitor *v = d->n_conns < DOOR_CONNS_MAX ? calloc(1, sizeof *v) : NULL;

	if (!v || address_enter(&d->addresses, from, DOOR_CONNS_ADDRESS, &v->address)) {
		free(v);
		return NULL;
	}
	v->door = d;
	loop_timer_init(&v->timer, on_timer, v);
	http1_reader_init(&v->reader, &limits);
	if (link_accept(&v->link, d->loop, fd, &owner, v, QUEUE_MAX)) {
		address_leave(&d->addresses, v->address);
		http1_reader_fini(&v->reader);
		free(v);
		return NULL;
	}
	list_add_tail(&d->conns, &v->node);
	d->n_conns++;
	return v;
}

static void on_accepted(void *arg, const struct acceptor_listener *l, int fd, const struct sockaddr *from)
{
	struct door *d = arg;
	struct visitor *v = visitor_new(d, fd, from);

	d->counts[v ? DOOR_ACCEPTED : DOOR_REFUSED]++;
	if (!v)
		(void)close(fd); /* nothing was written to it */
	else if (loop_timer_set(d->loop, &v->timer, DOOR_MS) || (strcmp(l->name, "acme-tls") == 0 && start_tls(v)))
		drop(v);
}

static void on_paused(void *arg, int why, const uint32_t *not_shown)
{
	struct door *d = arg;

	if (not_shown)
		log_warn("acme.accept.paused", LOG_INT("errno", why), LOG_INT("connections", d->n_conns), LOG_INT("not-shown", *not_shown));
}

static const struct acceptor_hooks hooks = { on_accepted, on_paused };

void door_init(struct door *d, struct loop *l, struct bus *b)
{
	*d = (struct door){ .loop = l, .bus = b };
	list_init(&d->conns);
	list_init(&d->gone);
	loop_defer_init(&d->sweep, sweep, d);
	address_table_init(&d->addresses);
	acceptor_init(&d->acceptor, l, true, &hooks, d);
	stats_register(&d->stats, stat_names, d->counts, DOOR_STAT_COUNT);
}

void door_fini(struct door *d)
{
	acceptor_fini(&d->acceptor);
	LIST_EACH (it, &d->conns)
		drop(LIST_OWNER(it, struct visitor, node));
	sweep(d);
	loop_defer_cancel(&d->sweep);
	address_table_fini(&d->addresses);
	tls_store_free(d->proof);
}

void door_listener(struct door *d, const char *name, const char *addr, uint16_t port, int fd)
{
	int rc = acceptor_change(&d->acceptor, name, addr, port, fd);

	if (rc < 0)
		log_error("acme.listen.failed", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", err_name(rc)));
	else if (fd >= 0)
		log_info("acme.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}

/* ---- what is proved ---- */

void door_tell_admin(struct door *d)
{
	struct chan *to = bus_chan(d->bus, PROG_ADMIN, 0);
	struct buf *b = chan_begin(to, MSG_ACME_TOKEN, 0);

	wire_put_str(b, bytes_of(d->token));
	wire_put_str(b, bytes_of(d->answer));
	(void)chan_end(to); /* told again when it is back */
}

void door_prove_http(struct door *d, const char *token, const char *answer_text)
{
	memcpy(d->token, token, strlen(token) + 1); /* the caller has looked at its length */
	memcpy(d->answer, answer_text, strlen(answer_text) + 1); /* and so here */
	door_tell_admin(d);
}

int door_prove_tls(struct door *d, const char *name, const char *answer_text)
{
	struct tls_store *s = tls_store_new(NULL);
	struct buf pem;

	buf_init(&pem, 16 << 10);
	int rc = s ? chain_make_alpn(name, bytes_of(answer_text), &pem) : ERR_NOMEM;
	if (!rc)
		rc = tls_store_add_certificate(s, BYTES("proof"), buf_bytes(&pem));
	if (!rc)
		rc = tls_store_add_domain(s, name, BYTES("proof"));
	buf_fini(&pem);
	if (rc) {
		tls_store_free(s);
		return rc;
	}
	tls_store_free(d->proof);
	d->proof = s;
	return 0;
}

void door_forget(struct door *d)
{
	bool was_told = d->token[0];

	d->token[0] = d->answer[0] = '\0';
	if (was_told)
		door_tell_admin(d);
	tls_store_free(d->proof);
	d->proof = NULL;
}
