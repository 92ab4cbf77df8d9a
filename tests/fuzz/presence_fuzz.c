/* Presence between SIP and XMPP with random events from both sides, two bytes each: stanzas, SUBSCRIBE, NOTIFY,
 * answers, failures, time, restarts. Nothing is lost from the counts, and when both sides have taken back
 * all that they wanted, everything ends. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "play.h"
#include "presence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENTS_MAX = 120, DIALOGS = 16, OPEN_MAX = 40 };

struct dialog_seen {
	uint64_t id;
	char call_id[64], tag[64], user[64];
};

struct stage {
	struct play play;
	struct dialog_seen seen[DIALOGS]; /* that gh-xlate began */
	unsigned n_seen, seq;
	char tags[DIALOGS][256];          /* of dialogs that the partner began */
};

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static const char *const xmpp[] = { "juliet@example.com", "nurse@example.com" };
static const char *const sip[] = { "romeo@example.net", "paris@example.net" };
static const char *const resources[] = { "", "/a", "/b", "/c" };
static const char *const types[] = { "subscribe", "unsubscribe", "probe", "subscribed", "unsubscribed", "unavailable", "", "" };

static void stanza(struct stage *g, uint8_t what, uint8_t how)
{
	char text[600], type[40] = "";

	if (*types[what & 7])
		snprintf(type, sizeof type, " type='%s'", types[what & 7]);
	snprintf(text, sizeof text, "<presence%s id='i%u' from='%s%s' to='%s'><show>%s</show></presence>", type, how, xmpp[how & 1],
		 (what & 7) >= 5 || (what & 7) == 2 ? resources[how >> 2 & 3] : "", sip[how >> 1 & 1], how & 0x80 ? "away" : "dnd");
	play_stanza(&g->play, text);
}

static void error_stanza(struct stage *g, uint8_t how)
{
	static const char *const errors[] = { "item-not-found", "forbidden", "remote-server-timeout", "bad-request" };
	char text[400];

	snprintf(text, sizeof text, "<presence type='error' from='%s' to='%s'><error type='%s'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
		"</error></presence>", xmpp[how & 1], sip[how >> 1 & 1], how & 16 ? "wait" : "cancel", errors[how >> 2 & 3]);
	play_stanza(&g->play, text);
}

static void subscribe(struct stage *g, uint8_t how, bool is_inside)
{
	static const char *const expires[] = { "", "Expires: 0\n", "Expires: 60\n", "Expires: 5\n" };
	char head[1500], *tag = g->tags[how & 15];

	if (is_inside && !*tag)
		return;
	snprintf(head, sizeof head, "SUBSCRIBE sip:%s SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK%u\nMax-Forwards: 70\n"
		"From: <sip:%s>;tag=his\nTo: <sip:%s>%s%s\nCall-ID: c%u\nCSeq: %u SUBSCRIBE\nContact: <sip:h.example.net>\n"
		"Event: presence\n%s", xmpp[how & 1], g->seq, sip[how >> 1 & 1], xmpp[how & 1], is_inside ? ";tag=" : "",
		is_inside ? tag : "", how & 15u, g->seq + 1, expires[how >> 4 & 3]);
	g->seq++;
	play_sip(&g->play, head, NULL);
	must(g->play.answer.is_there);
	if (!is_inside && g->play.answer.status == 200)
		memcpy(tag, g->play.answer.to_tag, sizeof g->tags[0]);
}

static void notify(struct stage *g, uint8_t how)
{
	static const char *const states[] = { "active;expires=100", "pending", "terminated;reason=rejected", "terminated;reason=deactivated",
		"terminated;reason=probation;retry-after=3", "terminated", "terminated;reason=invariant", "active" };
	const struct dialog_seen *d = &g->seen[how & 15];
	char head[1500], body[400] = "";

	if (!d->id)
		return;
	if (how & 16)
		snprintf(body, sizeof body, "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:a@b'><tuple id='t%u'><status><basic>%s</basic>"
			"</status></tuple></presence>", g->seq & 3, g->seq & 4 ? "open" : "closed");
	snprintf(head, sizeof head, "NOTIFY sip:%s SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK%u\nMax-Forwards: 70\nFrom: <sip:romeo@example.net>;tag=%s\n"
		"To: <sip:%s>;tag=%s\nCall-ID: %s\nCSeq: %u NOTIFY\nContact: <sip:h.example.net>\nEvent: presence\nSubscription-State: %s\n%s",
		xmpp[0], g->seq, how & 0x80 && g->seq & 1 ? "fork" : "remote", xmpp[0], d->tag, d->call_id, g->seq + 1, states[how >> 5],
		*body ? "Content-Type: application/pidf+xml\n" : "");
	g->seq++;
	play_sip(&g->play, head, *body ? body : NULL);
	must(g->play.answer.is_there);
}

/* What the SUBSCRIBE that waits first says of its dialog. */
static void learn(struct stage *g)
{
	struct dialog_seen *d = &g->seen[g->n_seen % DIALOGS];
	struct play *p = &g->play;

	if (strncmp(play_line(p), "SUBSCRIBE", 9) != 0)
		return;
	d->id = p->requests[0].id;
	snprintf(d->call_id, sizeof d->call_id, "%.63s", play_header(p, "Call-ID"));
	const char *tag = strstr(play_header(p, "From"), "tag=");
	snprintf(d->tag, sizeof d->tag, "%.63s", tag ? tag + 4 : "");
	g->n_seen++;
}

static void respond(struct stage *g, uint8_t how)
{
	static const unsigned statuses[] = { 200, 200, 200, 200, 423, 481, 403, 404, 480, 503, 603, 410, 500, 408, 489, 302 };
	static const char *const headers[] = { "Contact: <sip:h.example.net>\nExpires: 3600\n", "Min-Expires: 100\n", "Retry-After: 2\n",
		"Contact: <sip:h.example.net>\nExpires: 0\n" };

	if (!g->play.n_requests)
		return;
	learn(g);
	if (how & 0x80)
		play_fail(&g->play, how & 0x40 ? 408 : 503, how & 0x40 ? ERR_TIMEOUT : ERR_CLOSED);
	else
		play_respond(&g->play, statuses[how & 15], headers[how >> 4 & 3]);
}

static void check(const struct stage *g)
{
	const struct presence *p = g->play.x.presence;
	size_t at = 0, n = 0;

	for (struct pair *c; (c = map_next(&p->pairs, &at));) {
		n += c->watch != NULL;
		must(c->watch || !list_is_empty(&c->notifiers));
		LIST_EACH (it, &c->notifiers)
			n++;
	}
	must(n == p->n && p->dialogs.count + p->watches.count <= n);
}

/* Everybody takes back what they wanted; what is asked is answered; time passes. */
static void finish(struct stage *g)
{
	struct play *p = &g->play;

	for (uint8_t i = 0; i < 4; i++) {
		stanza(g, 1, i);
		stanza(g, 4, i);
	}
	for (int i = 0; i < 90000 / 600 && (p->x.presence->n || p->n_requests); i++) {
		while (p->n_requests)
			play_respond(p, 481, "");
		loop_fake_advance(p->loop, 600000);
		play_run(p);
	}
	must(p->x.presence->n == 0 && p->x.presence->pairs.count == 0 && p->x.presence->holders.count == 0);
	must(p->x.presence->texts.bytes == 0 && p->x.requests_in.count == 0 && p->x.requests_out.count == 0);
	play_wait(p, 3000);
	must(p->n_rows == 0);
}

static void step(struct stage *g, uint8_t what, uint8_t how)
{
	switch (what % 16) {
	case 0: case 1: case 2: case 3: case 4: case 5: case 6:
		stanza(g, what % 16, how);
		break;
	case 7:
		error_stanza(g, how);
		break;
	case 8:
		subscribe(g, how, false);
		break;
	case 9:
		subscribe(g, how, true);
		break;
	case 10: case 11:
		notify(g, how);
		break;
	case 12: case 13:
		respond(g, how);
		break;
	case 14:
		loop_fake_advance(g->play.loop, how & 0x80 ? (how & 0x7f) * 40000u : how * 100u);
		play_run(&g->play);
		break;
	default:
		if (how < 40)
			play_restart(&g->play, how * 100u);
	}
	while (g->play.n_requests > OPEN_MAX)
		respond(g, 0);
	buf_clear(&g->play.stanzas);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stage *g = calloc(1, sizeof *g);

	must(g != NULL);
	play_open(&g->play, "");
	for (size_t i = 0; i + 1 < size && i / 2 < EVENTS_MAX; i += 2) {
		step(g, data[i], data[i + 1]);
		check(g);
	}
	finish(g);
	play_close(&g->play);
	free(g);
	return 0;
}
