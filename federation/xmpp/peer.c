#include "peer.h"

#include <stdlib.h>

#include "base/err.h"
#include "proto/jid.h"

struct peer *peer_new(struct bytes domain, uint64_t now_ms)
{
	struct peer *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->domain = strndup((const char *)domain.p, domain.n);
	if (!p->domain) {
		free(p);
		return NULL;
	}
	if (jid_domain_to_ascii(domain, p->ascii) < 0)
		p->ascii[0] = '\0'; /* an address literal: needs a row with a host */
	list_init(&p->pairs);
	list_init(&p->verifies);
	rate_init(&p->attempts, PEER_ATTEMPTS_PER_S, PEER_ATTEMPTS_BURST, now_ms);
	p->used_ms = now_ms;
	return p;
}

void pair_free(struct pair *p)
{
	struct queue_item *i;

	while ((i = queue_take(&p->queue)))
		queue_item_free(i);
	list_del(&p->node);
	free(p->local);
	free(p);
}

void peer_free(struct peer *p)
{
	LIST_EACH(it, &p->pairs)
		pair_free(LIST_OWNER(it, struct pair, node));
	free(p->domain);
	free(p);
}

struct pair *peer_find_pair(struct peer *p, struct bytes local)
{
	LIST_EACH(it, &p->pairs) {
		struct pair *pair = LIST_OWNER(it, struct pair, node);
		if (bytes_eq_str(local, pair->local))
			return pair;
	}
	return NULL;
}

struct pair *peer_pair(struct peer *p, struct bytes local)
{
	struct pair *pair = peer_find_pair(p, local);

	if (pair)
		return pair;
	pair = calloc(1, sizeof *pair);
	if (!pair)
		return NULL;
	pair->local = strndup((const char *)local.p, local.n);
	if (!pair->local) {
		free(pair);
		return NULL;
	}
	pair->peer = p;
	queue_init(&pair->queue);
	list_add_tail(&p->pairs, &pair->node);
	return pair;
}

uint64_t peer_attempt(struct peer *p, uint64_t now_ms)
{
	if (now_ms < p->retry_ms)
		return p->retry_ms - now_ms;
	if (!rate_take(&p->attempts, 1, now_ms))
		return rate_wait_ms(&p->attempts, 1, now_ms);
	return 0;
}

void peer_failed(struct peer *p, const struct s2s_conf *c, const struct reason *why, uint32_t jitter,
                 uint64_t now_ms)
{
	uint64_t pause = p->backoff_ms ? (uint64_t)p->backoff_ms * 2 : c->backoff_min_ms;

	if (pause > c->backoff_max_ms)
		pause = c->backoff_max_ms;
	p->backoff_ms = (uint32_t)pause;
	p->retry_ms = now_ms + pause * 3 / 4 + pause / 2 * (jitter % 1000) / 1000;
	p->n_failures++;
	p->last = *why;
	p->last_ms = now_ms;
}

void peer_succeeded(struct peer *p)
{
	p->backoff_ms = 0;
	p->retry_ms = 0;
	p->n_failures = 0;
}

void peer_retry_now(struct peer *p, uint64_t now_ms)
{
	peer_succeeded(p);
	rate_init(&p->attempts, PEER_ATTEMPTS_PER_S, PEER_ATTEMPTS_BURST, now_ms);
}

bool reason_is_lasting(const struct reason *r)
{
	switch ((enum rung)r->rung) {
	case RUNG_CERTIFICATE:
		return r->rc != ERR_DNS_BOGUS;
	case RUNG_POLICY:
	case RUNG_AUTH:
	case RUNG_DIALBACK:
		return true;
	case RUNG_DNS:
		return r->rc == ERR_DNS_NXDOMAIN || r->rc == ERR_DNS_NODATA || r->rc == ERR_NOT_FOUND ||
		       r->rc == ERR_SYNTAX || r->rc == ERR_BAD_STATE;
	case RUNG_TLS:
		return r->rc == ERR_UNSUPPORTED;
	case RUNG_STREAM:
		return r->rc == ERR_NOT_FOUND || r->rc == ERR_DENIED;
	default:
		return false;
	}
}

bool peer_is_single_label(const char *ascii)
{
	return strchr(ascii, '.') == NULL && strchr(ascii, ':') == NULL;
}
