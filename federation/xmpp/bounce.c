#include "bounce.h"

#include "base/err.h"
#include "handover.h"
#include "proto/jid.h"
#include "trouble.h"

static bool is_elsewhere(const struct s2s *s, const struct queue_item *i, const struct reason *why)
{
	return s->conf.may_be_sip && i->id && why->rung == RUNG_DNS && (why->rc == ERR_DNS_NXDOMAIN || why->rc == ERR_DNS_NODATA);
}

void bounce_item(struct s2s *s, struct pair *p, struct queue_item *i, const struct reason *why)
{
	if (is_elsewhere(s, i, why)) {
		handover_elsewhere(s, i);
		return;
	}

	struct buf text, b;
	struct jid to = jid_of_normal(i->to);
	struct stanza_refusal refusal = { .error = reason_stanza_error(why), .by = jid_domain(&to) };
	struct envelope e = { .trace = i->trace, .kind = i->kind, .type = TYPE_ERROR, .from = i->to,
		              .to = i->from, .sid = i->sid };

	s->counts[STAT_BOUNCED]++;
	if (p) {
		p->n_bounced++;
		trouble_bounced(s, p->peer, why);
	}
	buf_init(&text, 512);
	buf_init(&b, 16384);
	reason_write(&text, why);
	refusal.text = buf_cstr(&text);
	if (stanza_write_error(&b, (enum stanza_kind)i->kind, (enum stanza_type)i->type, i->sid, i->to, i->from,
	                       &refusal) && !buf_failed(&b)) {
		e.stanza = buf_bytes(&b);
		(void)handover_give(s, &e, 0, false); /* without memory the sender's own time-out must do */
	}
	log_debug_of(conf_is_watched(&s->conf, jid_domain(&to)), "s2s.bounced", LOG_ID("trace", i->trace),
	             LOG_BYTES("domain", jid_domain(&to)), LOG_STR("rung", rung_name(why->rung)),
	             LOG_STR("reason", err_name(why->rc)));
	buf_fini(&text);
	buf_fini(&b);
	handover_done(s, i);
}

void bounce_all(struct s2s *s, struct pair *p, const struct reason *why)
{
	struct queue_item *i;

	while ((i = queue_take(&p->queue)))
		bounce_item(s, p, i, why);
}

void bounce_hasty(struct s2s *s, struct pair *p, const struct reason *why)
{
	struct queue_item *i;

	while ((i = queue_take_kind(&p->queue, STANZA_IQ)) || (i = queue_take_kind(&p->queue, STANZA_PRESENCE)))
		bounce_item(s, p, i, why);
}

void bounce_envelope(struct s2s *s, const struct envelope *e, enum rung rung, int rc, const char *text)
{
	struct s2s_conf endless = { .queue_stanzas = 1, .queue_bytes = UINT32_MAX };
	struct reason why = { 0 };
	struct queue q;

	reason_set(&why, rung, rc, text);
	queue_init(&q);
	if (queue_put(&q, &endless, e, 0) == 0)
		bounce_item(s, NULL, queue_take(&q), &why);
}
