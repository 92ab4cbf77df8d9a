#include "request.h"

#include "base/err.h"
#include "base/random.h"

#include <stdlib.h>

enum { REFUSALS_PER_MINUTE = 60, TAG_CHARS = 16 };

struct request *request_new(struct line *l, struct sipserver *t, struct sipmsg *m, const struct sip_source *from,
                            const struct jid *who)
{
	struct bytes bare = jid_bare(who);
	struct request *r = calloc(1, sizeof *r + bare.n + 1);

	if (!r) {
		line_stats[STAT_NO_MEMORY]++;
		return NULL;
	}
	r->line = l;
	r->t = t;
	r->m = m;
	r->from = *from;
	r->jid_n = bare.n;
	r->local_n = who->local_n;
	memcpy(r->jid, bare.p, bare.n);
	list_init(&r->node);
	if (t)
		sipserver_set_user(t, &r->waiting);
	return r;
}

void request_aim_at(struct request *r, uint64_t reg, uint64_t flow)
{
	if (r->n_aims == REQUEST_AIMS_MAX)
		return;
	r->aims[r->n_aims].reg = reg;
	r->aims[r->n_aims++].flow = flow;
}

uint64_t request_aim(const struct request *r, uint64_t reg)
{
	for (size_t i = 0; i < r->n_aims; i++)
		if (r->aims[i].reg == reg)
			return r->aims[i].flow;
	return 0;
}

void request_free(struct request *r)
{
	list_del(&r->node);
	sipmsg_free(r->m);
	free(r);
}

struct sipmsg *request_response(struct request *r, unsigned status, const char *reason)
{
	char tag[TAG_CHARS + 1];

	random_hex(tag, TAG_CHARS);
	struct sipmsg *m = r->t ? sipmsg_response_new(r->m, status, reason, tag) : NULL;
	if (m)
		return m;
	if (r->t) {
		line_stats[STAT_NO_MEMORY]++;
		sipserver_refuse(r->t, r->m, 500, NULL);
	}
	request_free(r);
	return NULL;
}

void request_respond(struct request *r, struct sipmsg *response)
{
	sipserver_set_user(r->t, NULL);
	sipserver_respond(r->t, response);
	sipmsg_free(response);
	request_free(r);
}

static void log_refused(struct request *r, unsigned status, const char *why)
{
	struct line *l = r->line;
	char address[SIP_ADDR_TEXT_BYTES];
	uint32_t held = 0;

	if (why && log_limit_pass(&l->refusals, REFUSALS_PER_MINUTE, loop_now(l->loop), &held)) {
		sip_sockaddr_text(&r->from.addr, address);
		log_info("line.request.refused", LOG_BYTES("user", request_jid(r)),
			 LOG_BYTES("method", sipmsg_method_text(r->m)), LOG_INT("status", status), LOG_STR("reason", why),
			 LOG_STR("address", address), LOG_INT("suppressed", held));
	}
}

void request_refuse(struct request *r, unsigned status, const char *reason, const char *why)
{
	log_refused(r, status, why);
	if (r->t) {
		sipserver_set_user(r->t, NULL);
		sipserver_refuse(r->t, r->m, status, reason);
	}
	request_free(r);
}

void line_dismiss(struct line *l, struct sipserver *t, const struct sipmsg *m, const struct sip_source *from, unsigned status)
{
	if (from->transport != SIPT_UDP || stranger_may_hear(&l->strangers, &from->addr.any, loop_now(l->loop))) {
		sipserver_dismiss(t, m, status, NULL);
		return;
	}
	line_stats[STAT_IGNORED]++;
	sipserver_drop(t);
}

void request_later(struct request *r, unsigned retry_s)
{
	struct sipmsg *m = request_response(r, 503, NULL);
	struct buf v;

	if (!m)
		return;
	buf_init(&v, 16);
	buf_putf(&v, "%u", retry_s + (unsigned)random_below(retry_s));
	sipmsg_append(m, SIPH_RETRY_AFTER, buf_bytes(&v));
	buf_fini(&v);
	request_respond(r, m);
}

void request_dismiss(struct request *r, unsigned status, const char *why)
{
	log_refused(r, status, why);
	sipserver_set_user(r->t, NULL);
	line_dismiss(r->line, r->t, r->m, &r->from, status);
	request_free(r);
}
