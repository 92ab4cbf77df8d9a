#include "sip/endpoint_fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

struct siptransports {
	const struct siptransport_owner *owner;
	void *arg;
};

struct fake_wire fake_wire;

void fake_clear(void)
{
	fake_wire = (struct fake_wire){ .is_quiet = fake_wire.is_quiet };
}

const char *fake_text(size_t i)
{
	return i < fake_wire.n && i < FAKE_SENT_MAX ? (const char *)fake_wire.sent[i].text : "";
}

static int keep(enum fake_way way, enum siptransport transport, uint64_t flow, uint64_t token, struct bytes text)
{
	size_t i = fake_wire.n++;

	if (i >= FAKE_SENT_MAX || fake_wire.is_quiet)
		return fake_wire.send_rc;
	struct fake_sent *s = &fake_wire.sent[i];
	*s = (struct fake_sent){ .way = way, .transport = transport, .flow = flow, .token = token };
	s->n = text.n < sizeof s->text ? text.n : sizeof s->text - 1;
	memcpy(s->text, text.p, s->n);
	return fake_wire.send_rc;
}

struct siptransports *siptransports_new(struct loop *l, const struct siptransport_owner *o, void *arg)
{
	struct siptransports *t = calloc(1, sizeof *t);

	(void)l;
	if (t)
		*t = (struct siptransports){ o, arg };
	return t;
}

void siptransports_free(struct siptransports *t)
{
	free(t);
}

int siptransports_send(struct siptransports *t, const struct sip_place *to, uint64_t token, struct bytes message)
{
	(void)t;
	return keep(FAKE_SEND, to->transport, 0, token, message);
}

int siptransports_send_flow(struct siptransports *t, uint64_t flow, uint64_t token, struct bytes message)
{
	(void)t;
	return keep(FAKE_FLOW, SIPT_TCP, flow, token, message);
}

int siptransports_answer(struct siptransports *t, const struct sip_source *to, const struct sip_via *via, struct bytes message)
{
	(void)t;
	(void)via;
	return keep(FAKE_ANSWER, to->transport, to->flow, 0, message);
}

enum siptransport siptransports_flow_transport(const struct siptransports *t, uint64_t flow)
{
	(void)t;
	return fake_wire.is_tls && flow ? SIPT_TLS : SIPT_TCP;
}

void fake_deliver(struct siptransports *t, struct bytes text, const struct sip_source *from)
{
	struct sipmsg *m = NULL;

	if (sipmsg_parse(text, &m) == 0)
		t->owner->message(t->arg, m, from);
}

void fake_fail(struct siptransports *t, uint64_t token, int rc)
{
	t->owner->failed(t->arg, token, rc, "");
}

struct sip_source fake_source(enum siptransport transport, uint64_t flow)
{
	struct sip_source s = { .transport = transport, .flow = flow, .listener = 1 };

	s.addr.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(5060), .sin_addr.s_addr = htonl(0xc0000207) };
	return s;
}

struct sip_place fake_place(enum siptransport transport)
{
	struct sip_place p = { .transport = transport, .name = "b.example", .local = "a.example" };

	p.addr.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(5060), .sin_addr.s_addr = htonl(0xc0000208) };
	return p;
}
