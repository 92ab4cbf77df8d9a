#include "expiry.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "cert.h"
#include "run/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOUR_MS = 3600000, DAY_S = 86400 };

int expiry_severity(int64_t left_s, int64_t period_s)
{
	static const struct {
		int64_t days;
		enum alarm_severity severity;
	} stages[] = { { 1, ALARM_CRITICAL }, { 7, ALARM_MAJOR }, { 14, ALARM_MINOR }, { CERT_SOON_DAYS, ALARM_WARNING } };

	for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
		if (left_s <= stages[i].days * DAY_S)
			return period_s < 2 * stages[i].days * DAY_S ? -1 : (int)stages[i].severity;
	}
	return -1;
}

/* What ends, and the two alarms for it. */
struct ending {
	enum alarm soon, over;
	const char *key, *what;
	struct bytes name, of; /* of what: the certificate's, anchor's or list's name; of: the domain or setting that uses it */
	struct cert_life life;
};

static const struct expiry_alarm *find(const struct expiry_alarm *v, size_t n, enum alarm a, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i].alarm == a && strcmp(v[i].key, key) == 0)
			return &v[i];
	}
	return NULL;
}

struct look {
	const struct expiry *expiry;
	int64_t wall_s;
	const char *remark; /* about the clock */
	struct expiry_alarm *v;
	size_t n;
};

/* One line in the log for each stage, not one an hour. */
static void tell(const struct ending *e, int64_t left_s, const char *until)
{
	int64_t days = left_s >= 0 ? left_s / DAY_S : -1 - (-left_s - 1) / DAY_S;

	if (e->soon == ALARM_CERTIFICATE_ENDING)
		log_warn("conf.certificate.ending", LOG_BYTES("domain", e->of), LOG_BYTES("certificate", e->name), LOG_STR("until", until), LOG_INT("days", days));
	else
		log_warn("conf.trust.ending", LOG_STR("what", e->what), LOG_BYTES("name", e->name), LOG_STR("until", until), LOG_INT("days", days));
}

static void raise(struct look *l, const struct ending *e)
{
	int64_t left_s = e->life.until_s - l->wall_s;
	bool is_list = e->soon == ALARM_REVOCATION_ENDING;
	int severity = left_s < 0 ? ALARM_USUAL : expiry_severity(left_s, is_list ? e->life.until_s - e->life.from_s : INT64_MAX);
	char until[TEXT_TIME_BYTES], text[ALARM_TEXT_MAX + 1];
	enum alarm a = left_s < 0 ? e->over : e->soon;

	if ((left_s >= 0 && severity < 0) || l->n == ALARM_STANDING_MAX)
		return;
	struct expiry_alarm *new = &l->v[l->n++];
	*new = (struct expiry_alarm){ .alarm = a, .severity = severity };
	snprintf(new->key, sizeof new->key, "%s", e->key);
	text_time((uint64_t)e->life.until_s * 1000, false, until);
	snprintf(text, sizeof text, "%s %.*s until %s%s", e->what, BYTES_FMT(e->name), until, l->remark);
	const struct expiry_alarm *old = find(l->expiry->raised, l->expiry->n_raised, a, new->key);
	if (!old || old->severity != severity)
		tell(e, left_s, until);
	alarm_raise(a, new->key, severity, text);
}

/* The usual certificate of a domain by the domain's name; what is further known by its setting. */
static void look_certificate(struct look *l, const struct row_item *item, struct bytes pem)
{
	struct bytes key = item->row->id == SET_DOMAIN_CERTIFICATE ? item->key : item->path;
	char text[ALARM_KEY_MAX + 1];
	struct ending e = { .soon = ALARM_CERTIFICATE_ENDING, .over = ALARM_CERTIFICATE_ENDED, .key = text, .what = "certificate",
			    .name = item->value, .of = key };

	snprintf(text, sizeof text, "%.*s", BYTES_FMT(key));
	if (cert_life(pem, &e.life) == 0)
		raise(l, &e);
}

static void look_trust(struct look *l, const struct row_item *item)
{
	bool is_list = item->row->id == SET_TRUST_REVOCATION;
	char text[ALARM_KEY_MAX + 1];
	struct ending e = { .soon = is_list ? ALARM_REVOCATION_ENDING : ALARM_ANCHOR_ENDING, .over = is_list ? ALARM_REVOCATION_ENDED : ALARM_ANCHOR_ENDED,
			    .key = text, .what = is_list ? "revocation list" : "trust anchor", .name = item->key };

	snprintf(text, sizeof text, "%.*s", BYTES_FMT(item->key));
	if ((is_list ? cert_list_life : cert_life)(item->value, &e.life) == 0)
		raise(l, &e);
}

void expiry_look(struct expiry *e)
{
	struct look l = { .expiry = e, .wall_s = (int64_t)(loop_wall_ms(e->loop) / 1000), .v = calloc(ALARM_STANDING_MAX, sizeof *l.v) };

	/* without the seconds' play: a text that is another each hour is news each hour */
	l.remark = clock_trouble((uint64_t)l.wall_s) ? " (but the clock of this box is wrong: see the alarm ClockImplausible)" : "";
	for (size_t i = 0; l.v && i < e->running->n; i++) {
		const struct row_item *item = &e->running->v[i];
		if (cert_is_used_by(item->row->id))
			look_certificate(&l, item, rows_value(e->running, SET_CERTIFICATE_CHAIN, item->value));
		else if (item->row->id == SET_TRUST_ANCHOR || item->row->id == SET_TRUST_REVOCATION)
			look_trust(&l, item);
	}
	if (!l.v)
		return; /* without memory now: in an hour */
	for (size_t i = 0; i < e->n_raised; i++) {
		if (!find(l.v, l.n, e->raised[i].alarm, e->raised[i].key))
			alarm_clear(e->raised[i].alarm, e->raised[i].key);
	}
	free(e->raised);
	e->raised = l.v;
	e->n_raised = l.n;
}

static void on_hour(void *arg)
{
	struct expiry *e = arg;

	expiry_look(e);
	(void)loop_timer_set(e->loop, &e->hourly, HOUR_MS); /* without memory now: with the next commit or start */
}

void expiry_init(struct expiry *e, struct loop *l, const struct rows *running)
{
	*e = (struct expiry){ .loop = l, .running = running };
	loop_timer_init(&e->hourly, on_hour, e);
	on_hour(e);
}

void expiry_fini(struct expiry *e)
{
	loop_timer_del(e->loop, &e->hourly);
	free(e->raised);
	*e = (struct expiry){ 0 };
}
