#include "ping.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"

enum { PINGS_MAX = 64 };

struct ping {
	struct gsip *g;
	struct sip_place place;
};

static void put_host(struct buf *b, const char *host)
{
	buf_putf(b, strchr(host, ':') ? "[%s]" : "%s", host);
}

static void set(struct sipmsg *m, enum siphdr h, struct buf *b)
{
	sipmsg_replace(m, h, buf_bytes(b));
	buf_clear(b);
}

struct sipmsg *ping_request(struct gsip *g, const char *host)
{
	const char *us = conf_name(&g->conf)[0] ? conf_name(&g->conf) : "localhost.invalid";
	char tag[SIP_TAG_BYTES], id[33];
	struct sipmsg *m = NULL;
	struct buf b;

	sip_new_tag(tag);
	random_hex(id, sizeof id - 1);
	buf_init(&b, 2048);
	buf_put_str(&b, "sip:");
	put_host(&b, host);
	if (!buf_failed(&b))
		m = sipmsg_request_new("OPTIONS", buf_bytes(&b));
	buf_clear(&b);
	if (m) {
		buf_put_str(&b, "<sip:");
		put_host(&b, us);
		buf_putf(&b, ">;tag=%s", tag);
		set(m, SIPH_FROM, &b);
		buf_put_str(&b, "<sip:");
		put_host(&b, host);
		buf_put_str(&b, ">");
		set(m, SIPH_TO, &b);
		buf_put_str(&b, id);
		set(m, SIPH_CALL_ID, &b);
		sipmsg_replace(m, SIPH_CSEQ, BYTES("1 OPTIONS"));
		sipmsg_replace(m, SIPH_MAX_FORWARDS, BYTES("70"));
	}
	buf_fini(&b);
	return m;
}

static void end(struct ping *p, bool is_back)
{
	struct gsip *g = p->g;
	struct hop *hop = hops_find(&g->hops, &p->place);
	char address[SIP_ADDR_TEXT_BYTES];

	if (hop)
		hop->is_probing = false;
	if (hop && is_back) {
		sip_sockaddr_text(&p->place.addr, address);
		log_info("sip.hop.up", LOG_STR("address", address), LOG_INT("port", sip_sockaddr_port(&p->place.addr)),
		         LOG_STR("transport", siptransport_name(p->place.transport)));
		g->counts[STAT_HOPS_UP]++;
		(void)hops_recovered(&g->hops, &p->place); /* it was there */
	} else if (hop) {
		(void)hops_failed(&g->hops, &p->place, true, ERR_TIMEOUT, loop_now(g->loop)); /* no news */
	}
	free(p);
}

/* Any answer but 503 comes from a server that lives. */
static void on_response(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	unsigned status = sipmsg_status(m);

	(void)from;
	if (status >= 200)
		end(arg, status != 503 && status != 408);
}

static void on_failed(void *arg, int rc, const char *words)
{
	(void)rc;
	(void)words;
	end(arg, false);
}

static const struct sipclient_owner owner = { .response = on_response, .failed = on_failed };

static void ping(struct gsip *g, struct hop *hop)
{
	struct ping *p = calloc(1, sizeof *p);
	struct sipmsg *m = p ? ping_request(g, hop->place.name[0] ? hop->place.name : "localhost.invalid") : NULL;
	struct sipclient *client;

	hop->is_probing = false;
	if (m) {
		*p = (struct ping){ .g = g, .place = hop->place };
		hop->is_probing = sipclient_start(g->endpoint, m, &p->place, 0, NULL, &owner, p, &client) == 0;
	}
	if (!hop->is_probing)
		free(p);
	sipmsg_free(m);
}

void ping_due(struct gsip *g)
{
	struct hop *due[PINGS_MAX];
	size_t n = g->settings && !g->is_stopping ? hops_due(&g->hops, loop_now(g->loop), due, PINGS_MAX) : 0;

	for (size_t i = 0; i < n; i++)
		ping(g, due[i]);
}
