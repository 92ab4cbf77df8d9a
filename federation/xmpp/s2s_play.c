#include "s2s_play.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

void party_init(struct party *p, const char *domain, const char *rows)
{
	struct buf b;
	unsigned line = 0;

	*p = (struct party){ .domain = domain, .has_certificate = true };
	buf_init(&b, 65536);
	buf_putf(&b, "domain %s certificate = c\n%s", domain, rows);
	if (settings_parse(buf_bytes(&b), &p->settings, &line) < 0 || conf_init(&p->conf, p->settings) < 0) {
		fprintf(stderr, "bad settings of %s, line %u\n", domain, line);
		abort();
	}
	buf_fini(&b);
	struct conf_domain *d;
	size_t at = 0;
	while ((d = map_next(&p->conf.domains, &at)))
		d->has_certificate = true; /* as when the chain is there */
	arena_init(&p->arena, 16 << 20);
	memset(p->secret, domain[0], sizeof p->secret);
	p->env = (struct stream_env){ .conf = &p->conf, .pool = xml_pool_new(4), .arena = &p->arena,
		                      .dialback_secret = bytes_make(p->secret, sizeof p->secret) };
	p->last_from[0] = p->last_to[0] = '\0';
}

void party_fini(struct party *p)
{
	xml_pool_free(p->env.pool);
	arena_fini(&p->arena);
	conf_fini(&p->conf);
	settings_free(p->settings);
}

static void ask_authority(struct line *l, struct end *e, const struct stream_act *a);

static void note_delivery(struct line *l, struct end *e, const struct stream_act *a)
{
	struct party *p = e->self;
	struct stream_out out = { .bytes = &e->out };

	p->n_delivered++;
	p->delivered_rc = a->rc;
	(void)snprintf(p->last_from, sizeof p->last_from, "%.*s", BYTES_FMT(a->from));
	(void)snprintf(p->last_to, sizeof p->last_to, "%.*s", BYTES_FMT(a->to));
	if (l->does_handle)
		stream_handled(&e->stream, 1, l->now_ms, &out);
}

static void carry(struct line *l, struct end *e, struct stream_out *out);

static void prove(struct line *l, struct end *e, const struct stream_act *a)
{
	struct stream_out out = { .bytes = &e->out };
	char remote[256];

	(void)snprintf(remote, sizeof remote, "%.*s", BYTES_FMT(a->remote));
	/* the certificate proves its own domain only */
	int rc = strcmp(remote, e->other->domain) == 0 ? e->other->proof_rc : ERR_CERT_NAME;
	stream_proof(&e->stream, bytes_of(remote), rc, rc ? "" : "pkix", l->now_ms, &out);
	carry(l, e, &out);
}

static void do_act(struct line *l, struct end *e, const struct stream_act *a)
{
	struct party *p = e->self;

	switch (a->kind) {
	case ACT_START_TLS:
		e->wants_tls = true;
		break;
	case ACT_PROVE:
		prove(l, e, a);
		break;
	case ACT_VERIFY:
		ask_authority(l, e, a);
		break;
	case ACT_VERIFIED:
		p->delivered_rc = a->rc;
		break;
	case ACT_DELIVER:
		note_delivery(l, e, a);
		break;
	case ACT_PONG:
		p->n_pongs++;
		break;
	case ACT_OPEN:
		p->n_opened++;
		break;
	case ACT_PAIR_READY:
		p->n_ready++;
		break;
	case ACT_PAIR_FAILED:
		p->n_failed++;
		p->last_why = a->why;
		break;
	case ACT_ACKED:
		p->acked = a->h;
		break;
	case ACT_SHUTDOWN:
		e->is_shut = true;
		break;
	case ACT_KIND_COUNT:
		break;
	}
}

static void carry(struct line *l, struct end *e, struct stream_out *out)
{
	for (unsigned i = 0; i < out->n; i++)
		do_act(l, e, &out->acts[i]);
}

static void pump(struct line *l, struct end *e)
{
	bool is_more = true;

	while (is_more) {
		struct stream_out out = { .bytes = &e->out };
		arena_reset(e->stream.env->arena);
		is_more = stream_next(&e->stream, l->now_ms, &out);
		carry(l, e, &out);
	}
}

static bool pass(struct line *l, struct end *from, struct end *to, const char *mark)
{
	struct bytes b = buf_bytes(&from->out);
	bool is_some = b.n > 0;

	if (is_some) {
		buf_put_str(&l->log, mark);
		buf_put_bytes(&l->log, b);
		buf_put_str(&l->log, "\n");
		if (to->stream.env)
			(void)stream_feed(&to->stream, b);
		buf_clear(&from->out);
	}
	if (to->stream.env)
		pump(l, to);
	return is_some;
}

static void secure(struct line *l, struct end *e)
{
	struct stream_out out = { .bytes = &e->out };

	e->wants_tls = false;
	stream_secured(&e->stream, e->other->has_certificate, l->now_ms, &out);
	carry(l, e, &out);
}

void line_run(struct line *l)
{
	for (unsigned turns = 0; turns < 64; turns++) {
		bool is_some = pass(l, &l->out, &l->in, "O: ");
		is_some |= pass(l, &l->in, &l->out, "I: ");
		if (l->out.wants_tls && l->in.wants_tls) {
			secure(l, &l->in);
			secure(l, &l->out);
			is_some = true;
		}
		if (!is_some)
			return;
	}
}

static void end_init(struct end *e, struct party *self, struct party *other)
{
	e->self = self;
	e->other = other;
	buf_init(&e->out, 8 << 20);
	list_init(&e->asks);
}

void line_open(struct line *l, struct party *from, struct party *to, bool is_direct_tls, bool is_only_verify)
{
	struct stream_out out = { .bytes = &l->out.out };

	*l = (struct line){ .is_direct_tls = is_direct_tls, .does_handle = true, .now_ms = 1000 };
	buf_init(&l->log, 8 << 20);
	end_init(&l->out, from, to);
	end_init(&l->in, to, from);
	stream_init_in(&l->in.stream, &to->env, l->now_ms);
	if (stream_init_out(&l->out.stream, &from->env, bytes_of(from->domain), bytes_of(to->domain),
	                    is_only_verify, l->now_ms) < 0)
		abort();
	if (is_direct_tls) {
		secure(l, &l->in);
		secure(l, &l->out);
	} else {
		stream_connected(&l->out.stream, l->now_ms, &out);
		carry(l, &l->out, &out);
	}
	line_run(l);
}

void line_meet(struct line *l, struct party *stranger, struct party *to, bool is_secure)
{
	*l = (struct line){ .does_handle = true, .now_ms = 1000 };
	buf_init(&l->log, 8 << 20);
	end_init(&l->out, stranger, to);
	end_init(&l->in, to, stranger);
	stream_init_in(&l->in.stream, &to->env, l->now_ms);
	if (is_secure)
		secure(l, &l->in);
}

static void note_out(struct line *l, struct end *e)
{
	buf_put_bytes(&l->log, buf_bytes(&e->out));
	buf_clear(&e->out);
}

void line_call(struct line *l, struct party *from, struct party *to)
{
	struct stream_out out = { .bytes = &l->out.out };

	*l = (struct line){ .does_handle = true, .now_ms = 1000 };
	buf_init(&l->log, 8 << 20);
	end_init(&l->out, from, to);
	end_init(&l->in, to, from);
	if (stream_init_out(&l->out.stream, &from->env, bytes_of(from->domain), bytes_of(to->domain), false,
	                    l->now_ms) < 0)
		abort();
	stream_connected(&l->out.stream, l->now_ms, &out);
	carry(l, &l->out, &out);
	note_out(l, &l->out);
}

void line_hear(struct line *l, const char *bytes)
{
	(void)stream_feed(&l->out.stream, bytes_of(bytes));
	pump(l, &l->out);
	note_out(l, &l->out);
}

void line_close(struct line *l)
{
	stream_fini(&l->out.stream);
	stream_fini(&l->in.stream);
	buf_fini(&l->out.out);
	buf_fini(&l->in.out);
	buf_fini(&l->log);
}

void line_say(struct line *l, const char *bytes)
{
	(void)stream_feed(&l->in.stream, bytes_of(bytes));
	pump(l, &l->in);
	note_out(l, &l->in);
}

static void tick(struct line *l, struct end *e)
{
	struct stream_out out = { .bytes = &e->out };

	if (!e->stream.env)
		return;
	arena_reset(e->stream.env->arena);
	stream_timer(&e->stream, l->now_ms, &out);
	carry(l, e, &out);
}

void line_wait(struct line *l, uint64_t ms)
{
	uint64_t end = l->now_ms + ms;

	while (l->now_ms < end) {
		l->now_ms += end - l->now_ms < 500 ? end - l->now_ms : 500;
		tick(l, &l->out);
		tick(l, &l->in);
		line_run(l);
	}
}

bool line_has(struct line *l, const char *text)
{
	return strstr(buf_cstr(&l->log), text) != NULL;
}

void line_send(struct line *l, const char *stanza)
{
	struct stream_out out = { .bytes = &l->out.out };

	stream_send_stanza(&l->out.stream, bytes_of(stanza), l->now_ms, &out);
	stream_batch_end(&l->out.stream, l->now_ms, &out);
	line_run(l);
}

/* The receiving server's question goes over a line of its own to the originating server. */
static void ask_authority(struct line *l, struct end *e, const struct stream_act *a)
{
	char local[256], remote[256], id[300], key[300];
	struct party *asker = e->self, *authority = e->other;
	struct stream_out out = { .bytes = &e->out };
	struct line *q = calloc(1, sizeof *q);
	int rc = ERR_TIMEOUT;

	(void)snprintf(local, sizeof local, "%.*s", BYTES_FMT(a->local));
	(void)snprintf(remote, sizeof remote, "%.*s", BYTES_FMT(a->remote));
	(void)snprintf(id, sizeof id, "%.*s", BYTES_FMT(a->id));
	(void)snprintf(key, sizeof key, "%.*s", BYTES_FMT(a->key));
	assert(q);
	line_open(q, asker, authority, false, true);
	struct stream_out qout = { .bytes = &q->out.out };
	if (stream_verify(&q->out.stream, bytes_of(local), bytes_of(remote), bytes_of(id), bytes_of(key), &qout) == 0) {
		asker->delivered_rc = ERR_TIMEOUT;
		line_run(q);
		rc = asker->delivered_rc;
	}
	line_close(q);
	free(q);
	stream_verdict(&e->stream, bytes_of(local), bytes_of(remote), rc, l->now_ms, &out);
	carry(l, e, &out);
}
