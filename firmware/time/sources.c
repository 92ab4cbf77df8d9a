/* Names of time servers to addresses, by our own resolver; what is wanted to the keeper. */
#include "timed.h"

#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "net/dns_settings.h"
#include "run/foreign.h"

#include <stdio.h>
#include <stdlib.h>

enum { AGAIN_MS = 600 * 1000, SOON_MS = 30 * 1000 };

static size_t n_running(const struct timed *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_lookups; i++)
		n += t->lookups[i].query != NULL;
	return n;
}

static bool have_all(const struct timed *t)
{
	for (size_t i = 0; i < t->n_lookups; i++)
		if (t->lookups[i].n == 0)
			return false;
	return true;
}

static void collect(const struct timed *t, struct time_hosts *out)
{
	out->n = 0;
	for (size_t i = 0; i < t->n_lookups; i++)
		for (size_t k = 0; k < t->lookups[i].n && out->n < TIME_HOSTS_MAX; k++) {
			struct time_host *h = &out->v[out->n++];
			snprintf(h->address, sizeof h->address, "%s", t->lookups[i].addresses[k]);
			snprintf(h->host, sizeof h->host, "%s", t->lookups[i].host);
		}
}

/* Authorities for NTS: those for partners. More than the keeper takes are left out, and said. */
static void collect_anchors(const struct timed *t, struct buf *out)
{
	struct bytes key;
	size_t at = 0;

	buf_init(out, KEEPER_ANCHORS_MAX);
	while (settings_next_key(t->settings, SET_TRUST_ANCHOR, &at, &key)) {
		size_t before = buf_len(out);
		buf_put_bytes(out, settings_text_at(t->settings, SET_TRUST_ANCHOR, key));
		buf_put_u8(out, '\n');
		if (!buf_failed(out))
			continue;
		buf_truncate(out, before);
		log_warn("time.anchor.left_out", LOG_BYTES("anchor", key));
	}
}

static bool has_nts(const struct time_wanted *w)
{
	for (size_t i = 0; i < w->n_servers; i++)
		if (w->servers[i].has_nts)
			return true;
	return false;
}

static void put_run(struct timed *t, const struct time_hosts *hosts, struct buf *frame)
{
	struct buf anchors;

	buf_init(&anchors, 1);
	if (has_nts(&t->wanted))
		collect_anchors(t, &anchors);
	wire_put_u8(frame, KEEPER_RUN);
	wanted_put(&t->wanted, frame);
	hosts_put(hosts, frame);
	wire_put_u8(frame, settings_bool(t->settings, SET_TRUST_SYSTEM));
	wire_put_bytes(frame, buf_bytes(&anchors));
	buf_fini(&anchors);
}

static void tell_keeper(struct timed *t)
{
	static struct time_hosts hosts;
	struct buf frame;

	collect(t, &hosts);
	buf_init(&frame, FOREIGN_FRAME_MAX);
	/* chronyd asks for a name that had no address less and less often: it is started anew instead. */
	bool is_run = !t->is_sent || (!t->had_addresses && hosts.n > 0);
	if (t->wanted.n_servers == 0) {
		wire_put_u8(&frame, KEEPER_STOP);
	} else if (is_run) {
		put_run(t, &hosts, &frame);
	} else {
		wire_put_u8(&frame, KEEPER_HOSTS);
		hosts_put(&hosts, &frame);
	}
	bool is_taken = watch_send(t, &frame);
	secret_wipe(frame.p, frame.end);
	buf_fini(&frame);
	if (is_taken && (is_run || t->wanted.n_servers == 0)) { /* what was known is of another chronyd */
		t->is_running = false;
		t->report_ms = 0;
		t->is_changing = t->wanted.n_servers > 0;
	}
	if (is_taken) {
		t->is_sent = true;
		t->had_addresses = have_all(t);
	}
	(void)loop_timer_set(t->loop, &t->again, is_taken && have_all(t) ? AGAIN_MS : SOON_MS); /* it was set before */
}

/* A name that has none now keeps those it had. */
static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct time_lookup *l = arg;
	char text[DNS_ADDR_TEXT_BYTES];

	l->query = NULL;
	if (a->rc)
		log_warn("time.server.unknown", LOG_STR("server", l->host), LOG_STR("why", err_text(a->rc)));
	for (size_t i = 0; i < a->n && i < TIME_ADDRESSES_MAX; i++) {
		dns_addr_text(&a->addrs[i], text);
		snprintf(l->addresses[i], TIME_ADDRESS_BYTES, "%s", text);
		l->n = i + 1;
	}
	if (n_running(l->timed) == 0)
		tell_keeper(l->timed);
}

static void stop_lookups(struct timed *t)
{
	for (size_t i = 0; i < t->n_lookups; i++) {
		dns_cancel(t->lookups[i].query);
		t->lookups[i].query = NULL;
	}
}

void sources_again(struct timed *t)
{
	stop_lookups(t);
	for (size_t i = 0; i < t->n_lookups; i++)
		t->lookups[i].query = dns_addr(t->dns, t->lookups[i].host, on_addresses, &t->lookups[i]);
	if (n_running(t) == 0)
		tell_keeper(t);
}

static void add_lookup(struct timed *t, const char *host, const struct time_lookup *before, size_t n_before)
{
	struct time_lookup *to = &t->lookups[t->n_lookups];

	for (size_t i = 0; i < t->n_lookups; i++)
		if (strcmp(t->lookups[i].host, host) == 0)
			return;
	*to = (struct time_lookup){ .timed = t };
	for (size_t i = 0; i < n_before; i++)
		if (strcmp(before[i].host, host) == 0)
			*to = before[i];
	snprintf(to->host, sizeof to->host, "%s", host);
	t->n_lookups++;
}

void sources_apply(struct timed *t)
{
	static struct time_lookup before[TIME_SERVERS_MAX];
	size_t n_before = t->n_lookups;

	int rc = dns_settings_apply(t->dns, t->settings);
	if (rc)
		log_error("time.dns", LOG_STR("why", err_text(rc)));
	stop_lookups(t);
	memcpy(before, t->lookups, sizeof before);
	t->n_lookups = 0;
	for (size_t i = 0; i < t->wanted.n_servers; i++)
		if (!t->wanted.servers[i].is_numeric)
			add_lookup(t, t->wanted.servers[i].host, before, n_before);
	sources_again(t);
}
