/* A stream's engine fed with bytes, in both roles and under several policies. The first byte picks
 * role and policy; a NUL in the rest (which XML cannot hold) is an event of the driver, picked by the
 * byte behind it. Whatever comes: no crash, bounded memory, and no stanza without a proof. */
#include <stdlib.h>

#include "base/err.h"
#include "stream.h"

int s2s_stream_fuzz(const uint8_t *data, size_t size);

enum { FUZZ_POLICIES = 4, FUZZ_OUT = 4, FUZZ_SECURE = 8, FUZZ_BAD_CERTIFICATE = 16, FUZZ_NO_CERTIFICATE = 32,
       FUZZ_ONLY_VERIFY = 64 };

#define COMMON "domain b.example certificate = c\ndomain b2.example certificate = c\n"
static const char *const policies[FUZZ_POLICIES] = {
	COMMON "federation mode = open\n",
	COMMON "federation mode = open\nfederation peer a.example auth = dialback-allowed\n"
	       "federation peer *.a.example auth = dialback-only\n",
	COMMON "federation mode = open\nfederation peer a.example auth = dialback-allowed\n"
	       "federation peer a.example tls = optional\nfederation peer a.example stanza-size = 10000\n",
	COMMON "federation mode = allow-list\nfederation peer a.example action = deny\nfederation bidi = off\n"
	       "federation stream-management = off\n",
};

struct fuzz {
	struct settings *settings[FUZZ_POLICIES];
	struct s2s_conf conf[FUZZ_POLICIES];
	struct arena arena;
	struct xml_pool *pool;
	uint8_t secret[32];
};

static struct fuzz *fuzz_new(void)
{
	struct fuzz *f = calloc(1, sizeof *f);
	unsigned line;

	if (!f)
		abort();
	for (int i = 0; i < FUZZ_POLICIES; i++) {
		if (settings_parse(bytes_of(policies[i]), &f->settings[i], &line) < 0 ||
		    conf_init(&f->conf[i], f->settings[i]) < 0)
			abort();
		conf_domain(&f->conf[i], BYTES("b.example"))->has_certificate = true;
	}
	arena_init(&f->arena, 4 << 20);
	f->pool = xml_pool_new(2);
	return f;
}

struct run {
	struct stream stream;
	struct buf out;
	uint64_t now_ms;
	int proof_rc;
	bool has_certificate;
};

static void carry(struct run *r, struct stream_out *out)
{
	struct stream_out more = { .bytes = &r->out };

	for (unsigned i = 0; i < out->n; i++) {
		const struct stream_act *a = &out->acts[i];
		if (a->kind == ACT_DELIVER && !stream_is_proven(&r->stream))
			abort(); /* the promise of all this */
		if (a->kind == ACT_PROVE)
			stream_proof(&r->stream, a->remote, r->proof_rc, "pkix", r->now_ms, &more);
		else if (a->kind == ACT_DELIVER || a->kind == ACT_PONG)
			stream_handled(&r->stream, 1, r->now_ms, &more);
	}
	if (more.n && more.n < STREAM_ACTS_MAX)
		for (unsigned i = 0; i < more.n; i++)
			if (more.acts[i].kind == ACT_DELIVER)
				abort(); /* a verdict delivers nothing */
	if (buf_len(&r->out) > 65536)
		buf_clear(&r->out);
}

static void event(struct run *r, uint8_t what)
{
	struct stream_out out = { .bytes = &r->out };
	struct stream *s = &r->stream;

	switch (what % 8) {
	case 0:
		if (s->state == SS_IN_HANDSHAKE || s->state == SS_OUT_HANDSHAKE)
			stream_secured(s, r->has_certificate, r->now_ms, &out);
		break;
	case 1:
		stream_verdict(s, BYTES("b.example"), BYTES("a.example"), 0, r->now_ms, &out);
		break;
	case 2:
		stream_verdict(s, BYTES("b.example"), BYTES("a.example"), ERR_AUTH, r->now_ms, &out);
		break;
	case 3:
		r->now_ms += 1000u * (what / 8);
		stream_timer(s, r->now_ms, &out);
		break;
	case 4:
		(void)stream_want_pair(s, BYTES("b2.example"), r->now_ms, &out); /* may not fit: fine */
		break;
	case 5:
		(void)stream_verify(s, BYTES("b.example"), BYTES("a.example"), BYTES("id"), BYTES("key"), &out); /* as above */
		break;
	case 6:
		if (stream_may_send(s, BYTES("b.example"), BYTES("a.example"))) {
			stream_send_stanza(s, BYTES("<message/>"), r->now_ms, &out);
			stream_batch_end(s, r->now_ms, &out);
		}
		break;
	default:
		stream_close(s, what & 8 ? STREAM_RESET : -1, NULL, r->now_ms, &out);
		break;
	}
	carry(r, &out);
}

static void feed(struct run *r, struct bytes in)
{
	bool is_more = true;

	(void)stream_feed(&r->stream, in); /* the stream reports it itself */
	while (is_more) {
		struct stream_out out = { .bytes = &r->out };
		arena_reset(r->stream.env->arena);
		is_more = stream_next(&r->stream, r->now_ms, &out);
		carry(r, &out);
	}
}

int s2s_stream_fuzz(const uint8_t *data, size_t size)
{
	static struct fuzz *f;
	struct run r = { .now_ms = 1000 };
	struct stream_env env;
	struct stream_out out = { .bytes = &r.out };
	struct bytes in = { data, size };

	if (!f)
		f = fuzz_new();
	if (size < 1)
		return 0;
	env = (struct stream_env){ .conf = &f->conf[data[0] % FUZZ_POLICIES], .pool = f->pool, .arena = &f->arena,
		                   .dialback_secret = bytes_make(f->secret, sizeof f->secret) };
	r.proof_rc = data[0] & FUZZ_BAD_CERTIFICATE ? ERR_CERT_NAME : 0;
	r.has_certificate = !(data[0] & FUZZ_NO_CERTIFICATE);
	buf_init(&r.out, 1 << 20);
	arena_reset(&f->arena);
	if (!(data[0] & FUZZ_OUT))
		stream_init_in(&r.stream, &env, r.now_ms);
	else if (stream_init_out(&r.stream, &env, BYTES("b.example"), BYTES("a.example"), data[0] & FUZZ_ONLY_VERIFY,
	                         r.now_ms) < 0)
		abort();
	if (data[0] & FUZZ_SECURE)
		stream_secured(&r.stream, r.has_certificate, r.now_ms, &out);
	else if (data[0] & FUZZ_OUT)
		stream_connected(&r.stream, r.now_ms, &out);
	carry(&r, &out);
	in = bytes_skip(in, 1);
	while (in.n) {
		size_t n = bytes_find(in, 0);
		feed(&r, bytes_make(in.p, n));
		if (n + 1 < in.n)
			event(&r, in.p[n + 1]);
		in = bytes_skip(in, n + 2);
	}
	stream_fini(&r.stream);
	buf_fini(&r.out);
	return 0;
}
