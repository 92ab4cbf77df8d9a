#include "probe.h"

#include "base/err.h"
#include "net/link.h"
#include "proto/xml.h"
#include "proto/xmpp.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	CONNECT_MS = 5000,
	TLS_MS = 10000,
	BUDGET_MS = 20000, /* for all of it */
	QUEUE_BYTES = 16 << 10,
	ARENA_BYTES = 1 << 20,
};

static const struct xml_limits limits = { .header_bytes = 4096, .stanza_bytes = 32 << 10, .depth = 8, .attrs = 16, .nodes = 200 };
const char *const probe_stage_names[PROBE_STAGE_COUNT] = { "tcp", "starttls", "tls", "certificate", "stream" };

struct probe {
	struct loop *loop;
	struct tls_store *trust;
	struct probe_ask ask;
	probe_fn fn;
	void *arg;
	struct link link;
	bool has_link, is_over;
	struct xml_pool *pool;
	struct xml_stream xml;
	struct arena arena;
	struct loop_timer budget;
	struct loop_defer finish;
	struct probe_answer answer;
};

static void probe_free(struct probe *p)
{
	if (p->has_link)
		link_close(&p->link);
	loop_timer_del(p->loop, &p->budget);
	loop_defer_cancel(&p->finish);
	if (p->pool)
		xml_stream_fini(&p->xml);
	xml_pool_free(p->pool);
	arena_fini(&p->arena);
	free(p);
}

/* From the loop: nothing above us on the stack belongs to this probe. */
static void on_finish(void *arg)
{
	struct probe *p = arg;
	struct probe_answer a = p->answer;
	probe_fn fn = p->fn;
	void *fn_arg = p->arg;

	probe_free(p);
	fn(fn_arg, &a);
}

static void end(struct probe *p, int rc)
{
	if (p->is_over)
		return;
	p->is_over = true;
	p->answer.rc = rc;
	loop_defer_call(p->loop, &p->finish);
}

static void on_budget(void *arg)
{
	end(arg, ERR_TIMEOUT);
}

/* ---- the stream ---- */

static bool is_server(const struct probe *p)
{
	return bytes_starts(bytes_of(p->ask.row->listener), BYTES("s2s"));
}

static bool has_stream(const struct probe *p)
{
	return p->ask.row->how == HOW_STREAM_TLS || p->ask.row->how == HOW_STREAM_STARTTLS;
}

static void send_header(struct probe *p)
{
	struct buf *b = link_out(&p->link);

	buf_putf(b, "<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='" NS_STREAM "' version='1.0'", is_server(p) ? NS_SERVER : NS_CLIENT);
	xml_write_attr(b, "to", p->ask.domain_text);
	buf_put_str(b, ">");
	link_kick(&p->link);
}

static void start_tls(struct probe *p)
{
	static const char *const client[] = { "xmpp-client", NULL }, *const server[] = { "xmpp-server", NULL }; /* XEP-0368 */
	const struct tls_options o = { .side = TLS_CLIENT, .server_name = p->ask.name, .alpn = !p->ask.row->alpn ? NULL : is_server(p) ? server : client };
	struct tls *t;
	int rc = tls_new(p->trust, &o, &t);

	p->answer.stage = PROBE_TLS;
	if (rc == 0)
		rc = link_start_tls(&p->link, t, TLS_MS);
	if (rc)
		end(p, rc);
}

static void note_mechanisms(struct probe *p, const struct xml_node *features)
{
	char *said = p->answer.said;
	size_t n = 0, room = sizeof p->answer.said;

	for (const struct xml_node *m = xml_first(xml_child(features, "mechanisms", NS_SASL)); m; m = xml_next(m)) {
		struct bytes text = xml_text(m);
		int put = n < room ? snprintf(said + n, room - n, "%s%.*s", n ? " " : "", BYTES_FMT(text)) : 0;
		n += put > 0 ? (size_t)put : 0;
	}
}

static void take_features(struct probe *p, const struct xml_node *n)
{
	if (p->answer.stage != PROBE_STARTTLS) {
		note_mechanisms(p, n);
		end(p, 0);
	} else if (xml_child(n, "starttls", NS_TLS)) {
		(void)link_send(&p->link, BYTES("<starttls xmlns='" NS_TLS "'/>")); /* full: the link says closed */
	} else {
		end(p, ERR_UNSUPPORTED);
	}
}

static void take_error(struct probe *p, const struct xml_node *n)
{
	const struct xml_node *condition = xml_first(n);

	snprintf(p->answer.said, sizeof p->answer.said, "%s", condition ? condition->name : "error");
	end(p, ERR_PROTOCOL);
}

static void take(struct probe *p, const struct xml_event *ev)
{
	if (ev->kind == XML_EVENT_OPEN) {
		/* What a partner would get next depends on who he says he is: we do not say it. */
		if (is_server(p) && p->answer.stage == PROBE_STREAM)
			end(p, 0);
		return;
	}
	if (ev->kind == XML_EVENT_CLOSE)
		end(p, ERR_CLOSED);
	else if (xml_is(ev->node, "features", NS_STREAM))
		take_features(p, ev->node);
	else if (xml_is(ev->node, "error", NS_STREAM))
		take_error(p, ev->node);
	else if (p->answer.stage == PROBE_STARTTLS && xml_is(ev->node, "proceed", NS_TLS)) {
		xml_stream_restart(&p->xml); /* RFC 6120 5.4.3.3 */
		start_tls(p);
	} else {
		end(p, ERR_PROTOCOL);
	}
}

static void on_data(void *arg, struct bytes in)
{
	struct probe *p = arg;
	struct xml_event ev;

	if (p->is_over || !has_stream(p))
		return;
	int rc = xml_stream_feed(&p->xml, in);
	while (!rc && !p->is_over) {
		enum probe_stage stage = p->answer.stage;
		arena_reset(&p->arena);
		rc = xml_stream_next(&p->xml, &p->arena, &ev);
		if (rc || ev.kind == XML_EVENT_NONE)
			break;
		take(p, &ev);
		if (p->answer.stage != stage)
			return; /* what came in clear is forgotten */
	}
	if (rc)
		end(p, rc);
}

/* ---- the way there ---- */

static int verify(struct probe *p)
{
	static const struct tls_sip_demand sip = { .subjects = NULL };
	const struct tls_demand d = {
		.domain_ascii = p->ask.name,
		.srv_service = !has_stream(p) ? NULL : is_server(p) ? "_xmpp-server" : "_xmpp-client",
		.allow_wildcard = true,
		.sip = p->ask.row->host == HOST_FRONT && !has_stream(p) ? &sip : NULL, /* RFC 5922 */
	};
	struct tls_verdict v;

	tls_verify(p->link.tls, &d, &v);
	snprintf(p->answer.subject, sizeof p->answer.subject, "%s", v.subject);
	snprintf(p->answer.not_after, sizeof p->answer.not_after, "%s", v.not_after);
	return v.rc;
}

static void on_secured(void *arg)
{
	struct probe *p = arg;

	snprintf(p->answer.tls, sizeof p->answer.tls, "%s", tls_version_name(p->link.tls));
	if (p->ask.row->alpn && !tls_alpn_matched(p->link.tls)) {
		end(p, ERR_UNSUPPORTED);
		return;
	}
	p->answer.stage = PROBE_CERTIFICATE;
	int rc = verify(p);
	if (rc || !has_stream(p)) {
		end(p, rc);
		return;
	}
	p->answer.stage = PROBE_STREAM;
	send_header(p);
}

static void on_connected(void *arg)
{
	struct probe *p = arg;

	switch (p->ask.row->how) {
	case HOW_STREAM_STARTTLS:
		p->answer.stage = PROBE_STARTTLS;
		send_header(p);
		return;
	case HOW_TLS:
	case HOW_STREAM_TLS:
		start_tls(p);
		return;
	default:
		end(p, 0);
	}
}

static void on_closed(void *arg, int why)
{
	struct probe *p = arg;

	p->has_link = false;
	end(p, why ? why : ERR_CLOSED);
}

static const struct link_owner owner = { .connected = on_connected, .secured = on_secured, .data = on_data, .closed = on_closed };

struct probe *probe_start(struct loop *l, struct tls_store *trust, const struct probe_ask *ask, probe_fn fn, void *arg)
{
	struct probe *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	*p = (struct probe){ .loop = l, .trust = trust, .ask = *ask, .fn = fn, .arg = arg };
	loop_timer_init(&p->budget, on_budget, p);
	loop_defer_init(&p->finish, on_finish, p);
	arena_init(&p->arena, ARENA_BYTES);
	p->pool = xml_pool_new(1);
	if (!p->pool || loop_timer_set(l, &p->budget, BUDGET_MS)) {
		probe_free(p);
		return NULL;
	}
	xml_stream_init(&p->xml, p->pool, &limits);
	int rc = link_connect(&p->link, l, (const struct sockaddr *)&p->ask.to, p->ask.to_n, NULL, 0, CONNECT_MS, &owner, p, QUEUE_BYTES);
	p->has_link = rc == 0;
	if (rc)
		end(p, rc);
	return p;
}

void probe_cancel(struct probe *p)
{
	if (p)
		probe_free(p);
}
