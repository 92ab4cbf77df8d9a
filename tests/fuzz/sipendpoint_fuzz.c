/* Transactions under any sequence of packets, time, failures and what their owner does. Each byte pair is a
 * step. Nothing crashes, everything ends, each owner of a request is told once how it ended. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "sip/endpoint.h"
#include "sip/endpoint_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

enum { MOST_STEPS = 400, MOST_CLIENTS = 64, MOST_SERVERS = 64 };

static struct world {
	struct loop *loop;
	struct sipendpoint *e;
	struct { /* our requests */
		struct sipclient *t; /* NULL: over, or dropped */
		unsigned told;
		bool is_dropped;
	} client[MOST_CLIENTS];
	struct { /* theirs; NULL: answered */
		struct sipserver *t;
	} server[MOST_SERVERS];
	size_t n_clients;
	uint8_t mood; /* what owners do in callbacks */
} w;

static const char *const methods[] = { "INVITE", "MESSAGE", "ACK", "CANCEL", "OPTIONS", "INVITE", "SUBSCRIBE", "BYE" };
static const unsigned statuses[] = { 100, 180, 183, 200, 202, 302, 404, 408, 486, 487, 503, 600 };
static unsigned status_of(uint8_t v)
{
	return statuses[v % (sizeof statuses / sizeof statuses[0])];
}

static void answer(size_t i, unsigned status)
{
	struct sipserver *t = w.server[i].t;

	if (!t)
		return;
	if (status >= 200)
		w.server[i].t = NULL;
	struct sipmsg *r = sipserver_response_new(t, status, NULL, "ours");
	if (r && (w.mood & 16))
		sipserver_accept(t, r);
	else if (r)
		sipserver_respond(t, r);
	else if (status >= 200)
		sipserver_refuse(t, NULL, status, NULL);
	sipmsg_free(r);
}

static void on_request(void *arg, struct sipserver *t, struct sipmsg *m, const struct sip_source *from)
{
	size_t i = 0;

	(void)arg;
	must(!sipmsg_fault(m).status && from->listener == 1);
	must(t || sipmsg_method(m) == SIPM_ACK);
	while (i < MOST_SERVERS && w.server[i].t)
		i++;
	if (t && i == MOST_SERVERS) {
		sipserver_refuse(t, m, 503, NULL);
	} else if (t) {
		w.server[i].t = t;
		if (w.mood & 8)
			(void)sipserver_claim(t, m); /* merged ones are answered like others here */
		if (w.mood & 1)
			answer(i, status_of(w.mood));
	}
	sipmsg_free(m);
}

static void on_cancelled(void *arg, struct sipserver *t)
{
	(void)arg;
	for (size_t i = 0; i < MOST_SERVERS; i++)
		if (w.server[i].t == t && (w.mood & 2))
			answer(i, 487);
}

static void on_stray(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	(void)arg;
	(void)from;
	sipmsg_free(m);
}

static void on_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	size_t i = (size_t)(uintptr_t)arg;

	(void)from;
	must(!w.client[i].is_dropped && !w.client[i].told && sipmsg_status(m) > 100);
	if (sipmsg_status(m) >= 200) {
		w.client[i].told++;
		w.client[i].t = NULL;
	} else if (w.client[i].t && (w.mood & 4)) {
		sipclient_cancel(w.client[i].t);
	}
}

static void on_failed(void *arg, int rc, const char *words)
{
	size_t i = (size_t)(uintptr_t)arg;

	must(rc < 0 && words && !w.client[i].is_dropped && !w.client[i].told);
	w.client[i].told++;
	w.client[i].t = NULL;
}

static const struct sipendpoint_owner owner = { .request = on_request, .cancelled = on_cancelled, .stray = on_stray };
static const struct sipclient_owner client_owner = { on_response, on_failed };

/* ---- steps ---- */

static struct sipmsg *request(const char *method, uint8_t v)
{
	struct sipmsg *m = sipmsg_request_new(method, BYTES("sip:b@b.example"));
	static const char fill[1500];
	char cseq[32];

	snprintf(cseq, sizeof cseq, "1 %s", method);
	sipmsg_append(m, SIPH_FROM, BYTES("<sip:a@a.example>;tag=1"));
	sipmsg_append(m, SIPH_TO, BYTES("<sip:b@b.example>"));
	sipmsg_append(m, SIPH_CALL_ID, BYTES("c"));
	sipmsg_append(m, SIPH_CSEQ, bytes_of(cseq));
	sipmsg_set_body(m, "text/plain", bytes_make(fill, v & 8 ? sizeof fill : 3));
	return m;
}

static void start_client(uint8_t v)
{
	struct sipmsg *m = request(v & 1 ? "INVITE" : "MESSAGE", v);
	struct sip_place place = fake_place((enum siptransport)((v >> 1) % SIPT_COUNT));
	size_t i = w.n_clients;

	if (i < MOST_CLIENTS) {
		w.n_clients++;
		int rc = sipclient_start(w.e, m, &place, v & 16 ? 7 : 0, NULL, &client_owner, (void *)(uintptr_t)i, &w.client[i].t);
		if (rc < 0)
			w.client[i].told++;
	}
	sipmsg_free(m);
}

static void deliver_request(uint8_t v)
{
	char text[512];
	const char *method = methods[v % 8];
	struct sip_source from = fake_source((enum siptransport)((v >> 3) % SIPT_COUNT), 0);

	snprintf(text, sizeof text, "%s sip:b@b.example SIP/2.0\r\nVia: SIP/2.0/UDP c.example;branch=%s%u\r\nFrom: <sip:c@c>;tag=1\r\n"
		 "To: <sip:b@b>\r\nCall-ID: x\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
		 method, v & 32 ? "z9hG4bK" : "", (unsigned)v >> 6, method);
	fake_deliver(sipendpoint_transports(w.e), bytes_of(text), &from);
}

static void deliver_response(uint8_t which, uint8_t v)
{
	struct sipmsg *m = NULL, *r = NULL;
	struct sip_source from = fake_source(SIPT_UDP, 0);
	struct buf text;
	size_t i = which % FAKE_SENT_MAX;

	buf_init(&text, SIPMSG_MAX_BYTES);
	if (i < fake_wire.n && sipmsg_parse(bytes_make(fake_wire.sent[i].text, fake_wire.sent[i].n), &m) == 0)
		r = sipmsg_response_new(m, status_of(v), NULL, "theirs");
	if (r && sipmsg_print(r, &text) == 0)
		fake_deliver(sipendpoint_transports(w.e), buf_bytes(&text), &from);
	buf_fini(&text);
	sipmsg_free(r);
	sipmsg_free(m);
}

static void fail_one(uint8_t which, uint8_t v)
{
	static const int rcs[] = { ERR_CONN_REFUSED, ERR_CERT_NAME, ERR_TIMEOUT, ERR_CLOSED };

	if (which % FAKE_SENT_MAX < fake_wire.n)
		fake_fail(sipendpoint_transports(w.e), fake_wire.sent[which % FAKE_SENT_MAX].token, rcs[v % 4]);
}

static void cancel_or_drop(uint8_t which, bool is_drop)
{
	size_t i = which % MOST_CLIENTS;

	if (!w.client[i].t)
		return;
	if (!is_drop) {
		sipclient_cancel(w.client[i].t);
		return;
	}
	sipclient_drop(w.client[i].t);
	w.client[i].t = NULL;
	w.client[i].is_dropped = true;
}

static void take_step(uint8_t op, uint8_t v)
{
	switch (op % 10) {
	case 0:
		start_client(v);
		break;
	case 1:
	case 2:
		deliver_request(v);
		break;
	case 3:
		answer(v % MOST_SERVERS, status_of(v / 4 + op));
		break;
	case 4:
		deliver_response(v, op);
		break;
	case 5:
		fail_one(v, op);
		break;
	case 6:
		loop_fake_advance(w.loop, (uint64_t)v * v);
		break;
	case 7:
		cancel_or_drop(v, op & 64);
		break;
	case 8:
		fake_wire.send_rc = v & 1 ? (v & 2 ? ERR_FULL : ERR_CLOSED) : 0;
		break;
	default:
		w.mood = v;
		fake_wire.n = v & 128 ? 0 : fake_wire.n;
		break;
	}
}

static void finish(void)
{
	struct sipendpoint_counts c;

	fake_wire.send_rc = 0;
	w.mood = 0;
	for (size_t i = 0; i < MOST_SERVERS; i++)
		answer(i, 404);
	loop_fake_advance(w.loop, 600000);
	sipendpoint_counts(w.e, &c);
	must(c.servers == 0 && c.clients == 0);
	for (size_t i = 0; i < w.n_clients; i++)
		must(w.client[i].is_dropped || w.client[i].told == 1);
	must(c.held_bytes < 4096); /* empty tables */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	log_set_level(LOG_LEVEL_ERROR);
	memset(&w, 0, sizeof w);
	memset(&fake_wire, 0, sizeof fake_wire);
	w.loop = loop_new(LOOP_FAKE);
	w.e = sipendpoint_new(w.loop, &owner, NULL);
	must(w.e != NULL);
	sipendpoint_set_sent_by(w.e, "a.example", 0);
	sipendpoint_set_limits(w.e, 48, 48);
	for (size_t i = 0; i + 1 < size && i < 2 * MOST_STEPS; i += 2)
		take_step(data[i], data[i + 1]);
	finish();
	sipendpoint_free(w.e);
	loop_free(w.loop);
	return 0;
}
