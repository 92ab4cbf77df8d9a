#include "sip_subscribe.h"

#include <stdio.h>
#include <stdlib.h>

enum { QUIET_S = 2, GIVE_UP_S = 120 };

static void send_subscribe(struct subscriptions *s, unsigned i)
{
	struct subscription *d = &s->all[i];
	const struct sipside *side = s->side;
	struct buf out;
	char uri[128];

	d->cseq++;
	snprintf(uri, sizeof uri, "sip:user%u@%s", i % s->users, side->to);
	buf_init(&out, 8192);
	buf_putf(&out, "SUBSCRIBE %s SIP/2.0\r\nVia: SIP/2.0/%s %s:%u;branch=z9hG4bK%u.%u;rport\r\nMax-Forwards: 70\r\n%s"
		 "From: <sip:w%u@%s>;tag=f%u\r\nTo: <sip:user%u@%s>%s%s\r\nCall-ID: s%u@load\r\nCSeq: %u SUBSCRIBE\r\n"
		 "Contact: <sip:w%u@%s;transport=%s>\r\nEvent: presence\r\nAccept: application/pidf+xml\r\nExpires: %u\r\n"
		 "Content-Length: 0\r\n\r\n",
		 d->is_made ? d->target : uri, sipwire_name(side->kind), side->host, side->port, i, d->cseq, d->route, i,
		 side->from, i, i % s->users, side->to, d->is_made ? ";tag=" : "", d->tag, i, d->cseq, i, side->contact,
		 side->kind == SIPWIRE_UDP ? "udp" : side->kind == SIPWIRE_TCP ? "tcp" : "tls", s->expires_s);
	sipside_send(s->side, buf_bytes(&out));
	buf_fini(&out);
	d->is_waiting = true;
	s->in_flight++;
}

static void fill(struct subscriptions *s)
{
	while (s->in_flight < s->window && s->sent < s->count)
		send_subscribe(s, s->sent++);
}

static void begin(struct subscriptions *s, int phase)
{
	s->phase = phase;
	s->sent = s->in_flight = s->answered = 0;
	s->began = s->quiet_since = meter_now();
	meter_read(s->meter, &s->before);
	fill(s);
}

void subscriptions_start(struct subscriptions *s, struct sipside *side, const struct meter *m)
{
	s->side = side;
	s->meter = m;
	s->all = calloc(s->count, sizeof *s->all);
	meter_read(m, &s->empty);
	if (s->all)
		begin(s, SUBS_MAKE);
}

static void keep(struct subscription *d, struct bytes in)
{
	struct bytes uri = siptext_uri(siptext_header(in, "Contact", 'm', 0));
	struct bytes to = siptext_header(in, "To", 't', 0);
	const char *tag = memmem(to.p, to.n, ";tag=", 5);
	size_t at = 0;

	snprintf(d->target, sizeof d->target, "%.*s", (int)uri.n, (const char *)uri.p);
	if (tag)
		snprintf(d->tag, sizeof d->tag, "%.*s", (int)(to.n - (size_t)(tag + 5 - (const char *)to.p)), tag + 5);
	unsigned n = 0;
	while (siptext_header(in, "Record-Route", 0, n).n > 0)
		n++;
	while (n-- > 0 && at < sizeof d->route) { /* RFC 3261 12.1.2: reversed */
		struct bytes r = siptext_header(in, "Record-Route", 0, n);
		at += (size_t)snprintf(d->route + at, sizeof d->route - at, "Route: %.*s\r\n", (int)r.n, (const char *)r.p);
	}
	d->is_made = true;
}

void subscriptions_answer(struct subscriptions *s, struct bytes in, unsigned status)
{
	struct bytes id = siptext_header(in, "Call-ID", 'i', 0);
	unsigned i;

	if (status < 200 || sscanf(siptext_start(id).text, "s%u@load", &i) != 1 || i >= s->count || !s->all[i].is_waiting)
		return;
	s->all[i].is_waiting = false;
	s->in_flight--;
	s->answered++;
	if (status >= 300) {
		s->failed++;
		s->last_failure = status;
	} else if (!s->all[i].is_made) {
		keep(&s->all[i], in);
	}
	fill(s);
}

void subscriptions_notify(struct subscriptions *s, struct bytes in)
{
	struct bytes id = siptext_header(in, "Call-ID", 'i', 0);
	struct bytes state = siptext_header(in, "Subscription-State", 0, 0);
	unsigned i;

	s->notifies++;
	if (sscanf(siptext_start(id).text, "s%u@load", &i) != 1 || i >= s->count || s->all[i].is_active ||
	    state.n < 6 || memcmp(state.p, "active", 6) != 0)
		return;
	s->all[i].is_active = true;
	s->active++;
}

static void print(struct subscriptions *s, const char *what)
{
	struct meter_reading now;

	meter_read(s->meter, &now);
	printf("%s{\"phase\":\"%s\",\"count\":%u,\"answered\":%u,\"failed\":%u,\"last_failure\":%u,\"active\":%u,"
	       "\"notifies\":%lu,\"wall_s\":%.3f,\"cpu_s\":%.3f,\"us_each\":%.1f,\"pss_kib\":%llu,\"kib_each\":%.2f}",
	       s->phase > SUBS_SETTLE ? "," : "", what, s->count, s->answered, s->failed, s->last_failure, s->active,
	       s->notifies, meter_now() - s->began, now.cpu_s - s->before.cpu_s,
	       (now.cpu_s - s->before.cpu_s) * 1e6 / s->count, (unsigned long long)now.pss_kib,
	       ((double)now.pss_kib - (double)s->empty.pss_kib) / s->count);
}

/* Nothing has come for a while. */
static bool is_quiet(struct subscriptions *s)
{
	if (s->quiet_notifies != s->notifies + s->answered) {
		s->quiet_notifies = s->notifies + s->answered;
		s->quiet_since = meter_now();
	}
	return meter_now() - s->quiet_since > QUIET_S;
}

bool subscriptions_tick(struct subscriptions *s)
{
	bool is_late = meter_now() - s->began > GIVE_UP_S;

	switch (s->phase) {
	case SUBS_IDLE:
		return true;
	case SUBS_MAKE:
		if (s->answered < s->count && !is_late)
			return false;
		s->phase = SUBS_SETTLE;
		return false;
	case SUBS_SETTLE:
		if (!is_quiet(s) && !is_late)
			return false;
		print(s, "made");
		s->phase = SUBS_HOLD;
		s->began = meter_now();
		meter_read(s->meter, &s->before);
		return false;
	case SUBS_HOLD:
		if (meter_now() - s->began < s->hold_s)
			return false;
		print(s, "held");
		begin(s, SUBS_REFRESH);
		return false;
	case SUBS_REFRESH:
		if (s->answered < s->count && !is_late)
			return false;
		s->phase = SUBS_LAST;
		return false;
	case SUBS_LAST:
		if (!is_quiet(s) && !is_late)
			return false;
		print(s, "refreshed");
		s->failed += s->count - s->answered;
		return true;
	}
	return true;
}
