#include "base/err.h"
#include "net/dns_impl.h"

#include <stdio.h>

enum { PORT_SERVER = 5269, ALL_MAX = DNS_SRV_MAX * 2 };

struct choice {
	const struct dns_srv_record *record;
	bool is_direct_tls, is_secure, is_taken;
};

/* RFC 2782: a single "." says that the service is decidedly not there. */
static bool is_refusal(const struct dns_set *s)
{
	return s->rc == 0 && s->n == 1 && s->srvs[0].target[0] == 0;
}

static size_t gather(const struct dns_set *s, bool is_direct, struct choice *out, size_t n)
{
	for (size_t i = 0; s->rc == 0 && i < s->n; i++)
		if (s->srvs[i].target[0] && s->srvs[i].port)
			out[n++] = (struct choice){ &s->srvs[i], is_direct, s->is_secure, false };
	return n;
}

/* The running-sum draw of RFC 2782 among those of one priority; weightless ones come first in the
 * order, so that they have a small chance. */
static struct choice *draw_one(struct choice *all, size_t n, uint16_t priority, uint32_t (*draw)(uint32_t))
{
	uint32_t total = 0, sum = 0;
	struct choice *last = NULL;

	for (size_t i = 0; i < n; i++)
		if (!all[i].is_taken && all[i].record->priority == priority)
			total += all[i].record->weight;
	uint32_t want = draw(total + 1);
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n; i++) {
			if (all[i].is_taken || all[i].record->priority != priority || (all[i].record->weight != 0) != pass)
				continue;
			sum += all[i].record->weight;
			last = &all[i];
			if (sum >= want)
				return last;
		}
	}
	return last;
}

static bool lowest_priority(const struct choice *all, size_t n, uint16_t *out)
{
	bool is_found = false;

	for (size_t i = 0; i < n; i++) {
		if (all[i].is_taken || (is_found && all[i].record->priority >= *out))
			continue;
		*out = all[i].record->priority;
		is_found = true;
	}
	return is_found;
}

static void add(struct dns_srv_answer *out, const char *host, uint16_t port, const struct choice *c)
{
	struct dns_target *t = &out->targets[out->n++];

	*t = (struct dns_target){ .port = port, .is_direct_tls = c && c->is_direct_tls, .is_secure = c && c->is_secure };
	snprintf(t->host, sizeof t->host, "%s", host);
}

static void draw_all(struct choice *all, size_t n, uint32_t (*draw)(uint32_t), struct dns_srv_answer *out)
{
	uint16_t priority = 0;

	*out = (struct dns_srv_answer){ 0 };
	while (lowest_priority(all, n, &priority)) {
		struct choice *c = draw_one(all, n, priority, draw);
		c->is_taken = true;
		add(out, c->record->target, c->record->port, c);
	}
}

void dns_order_service(const struct dns_set *set, uint32_t (*draw)(uint32_t below), struct dns_srv_answer *out)
{
	struct choice all[ALL_MAX];
	size_t n = gather(set, false, all, 0);

	draw_all(all, n, draw, out);
	out->ttl_s = set->ttl_s;
	if (out->n == 0)
		out->rc = is_refusal(set) ? ERR_NOT_FOUND : set->rc ? set->rc : ERR_DNS_NODATA;
}

/* A stable insertion: there are few. */
void dns_order_naptr(const struct dns_set *set, struct dns_naptr_answer *out)
{
	*out = (struct dns_naptr_answer){ .rc = set->rc, .ttl_s = set->ttl_s };
	for (size_t i = 0; set->rc == 0 && i < set->n; i++) {
		const struct dns_naptr *r = &set->naptrs[i];
		size_t at = out->n++;
		for (; at > 0; at--) {
			const struct dns_naptr *before = &out->records[at - 1];
			if (before->order < r->order || (before->order == r->order && before->preference <= r->preference))
				break;
			out->records[at] = *before;
		}
		out->records[at] = *r;
	}
}

void dns_order(const struct dns_set *starttls, const struct dns_set *direct, const char *domain,
	       uint32_t (*draw)(uint32_t below), struct dns_srv_answer *out)
{
	struct choice all[ALL_MAX];
	size_t n = gather(direct, true, all, gather(starttls, false, all, 0));

	draw_all(all, n, draw, out);
	if (out->n)
		return;
	if (is_refusal(starttls)) {
		out->rc = ERR_NOT_FOUND;
		return;
	}
	add(out, domain, PORT_SERVER, NULL); /* RFC 6120 3.2.2 */
	out->is_fallback = true;
}
