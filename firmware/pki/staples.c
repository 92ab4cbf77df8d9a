#include "staples.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "net/tls_news.h"
#include "run/alarm.h"

#include <stdio.h>
#include <stdlib.h>

enum { FETCH_MS = 20000, LOOK_MAX_S = 3600, EVERY_S = 6 * 3600, ASK_MAX = 4096 };

static int64_t now_of(const struct staples *s)
{
	return (int64_t)(loop_wall_ms(s->loop) / 1000);
}

static bool has_responder(const struct staple_source *s)
{
	return s->subject.issuer && s->subject.url[0];
}

/* ---- the doors ---- */

static const enum prog doors[] = { PROG_S2S, PROG_ACCESS, PROG_SIP, PROG_LINE, PROG_TURN, PROG_ADMIN, PROG_PROXY };

static void tell_one(struct chan *c, const struct staple_source *s)
{
	tls_news_put_staple(s->subject.leaf_sha256, s->when.until_s, s->all->is_on ? buf_bytes(&s->answer) : BYTES_NONE,
	                    chan_begin(c, MSG_STAPLE, 0));
	(void)chan_end(c); /* it takes no more, and will come anew */
}

static void tell(const struct staple_source *s)
{
	for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++)
		for (struct chan *c = NULL; (c = bus_next(s->all->bus, doors[i], c));)
			tell_one(c, s);
}

void staples_up(struct staples *all, struct chan *c)
{
	bool wants = false;

	for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++)
		wants |= chan_prog(c) == doors[i];
	LIST_EACH(node, &all->all) {
		const struct staple_source *s = LIST_OWNER(node, struct staple_source, node);
		if (wants && buf_len(&s->answer))
			tell_one(c, s);
	}
}

/* ---- what is wrong, and what is not any more ---- */

/* Clients that honour RFC 7633 refuse the certificate without an answer: said before that is so. */
static void look_missing(const struct staple_source *s)
{
	int64_t now_s = now_of(s->all);
	bool is_good = s->all->is_on && buf_len(&s->answer) && when_is_good(&s->when, now_s);
	bool is_pending = s->all->is_on && has_responder(s) && !s->when.failures;
	char until[TEXT_TIME_BYTES], text[ALARM_TEXT_MAX + 1];

	if (!s->subject.must_staple || (is_good && (!s->when.failures || !when_is_late(&s->when, now_s))) || (!is_good && is_pending)) {
		alarm_clear(ALARM_STAPLE_MISSING, s->name);
		return;
	}
	text_time((uint64_t)s->when.until_s * 1000, false, until);
	const char *why = !s->all->is_on ? "tls stapling is off" : !has_responder(s) ? "it names no responder, or its issuer is not known" : s->why;
	if (is_good)
		(void)snprintf(text, sizeof text, "the one that is shown is good until %s: %s", until, why); /* fits */
	else
		(void)snprintf(text, sizeof text, "none is shown: %s", why); /* fits */
	alarm_raise(ALARM_STAPLE_MISSING, s->name, is_good ? ALARM_USUAL : ALARM_CRITICAL, text);
}

static void look_alarms(const struct staple_source *s)
{
	look_missing(s);
	alarm_set(ALARM_CERTIFICATE_REVOKED, s->name, s->all->is_on && s->is_known && s->status == OCSP_REVOKED, "its OCSP responder says so");
}

static void complain(struct staple_source *s, int rc, const char *why)
{
	bool is_news = strcmp(s->why, why) != 0;

	(void)snprintf(s->why, sizeof s->why, "%.*s", (int)sizeof s->why - 1, why); /* cut: enough of it */
	if (is_news)
		log_warn("pki.staple.failed", LOG_STR("certificate", s->name), LOG_STR("url", s->subject.url), LOG_STR("reason", err_name(rc)),
		         LOG_STR("text", s->why));
}

/* ---- an answer has come ---- */

static void show_good(struct staple_source *s, struct bytes der, const struct ocsp_answer *a)
{
	char until[TEXT_TIME_BYTES];

	buf_clear(&s->answer);
	buf_put_bytes(&s->answer, der);
	when_fetched(&s->when, a->from_s, a->until_s, now_of(s->all), EVERY_S);
	text_time((uint64_t)a->until_s * 1000, false, until);
	log_info("pki.staple", LOG_STR("certificate", s->name), LOG_STR("until", until));
	tell(s);
}

/* It is not shown: who sees our certificate asks for himself or not at all. */
static void hide_revoked(struct staple_source *s, const struct ocsp_answer *a)
{
	buf_clear(&s->answer);
	when_fetched(&s->when, a->from_s, a->until_s, now_of(s->all), EVERY_S);
	tell(s);
	log_error("pki.certificate.revoked", LOG_STR("certificate", s->name), LOG_STR("url", s->subject.url));
}

/* 0: *why is untouched. */
static int take(struct staple_source *s, struct bytes der, const char **why)
{
	struct ocsp_answer a;
	int rc = ocsp_read(&s->subject, der, now_of(s->all), &a);

	if (!rc && a.status == OCSP_UNKNOWN) {
		a.why = "its responder does not know the certificate";
		rc = ERR_NOT_FOUND;
	}
	if (rc) {
		*why = a.why && a.why[0] ? a.why : err_text(rc);
		return rc;
	}
	s->status = a.status;
	s->is_known = true;
	if (a.status == OCSP_GOOD)
		show_good(s, der, &a);
	else
		hide_revoked(s, &a);
	return 0;
}

static void schedule(struct staples *s);

static void on_answer(void *arg, const struct fetch_answer *a)
{
	struct staple_source *s = arg;
	const char *why = a->why;
	char status[64];
	int rc = a->rc;

	s->fetch = NULL;
	if (!rc && a->status != 200) {
		(void)snprintf(status, sizeof status, "the server answered %u", a->status); /* fits */
		why = status;
		rc = ERR_PROTOCOL;
	}
	if (!rc)
		rc = take(s, a->body, &why);
	if (rc) {
		complain(s, rc, why);
		when_failed(&s->when, now_of(s->all));
	} else {
		s->why[0] = '\0';
		if (cache_write(s->all->cache, CACHE_STAPLE, s->subject.leaf_sha256, a->body))
			log_error("pki.cache", LOG_STR("file", s->name), LOG_STR("reason", err_name(ERR_IO)));
	}
	look_alarms(s);
	schedule(s->all);
}

/* ---- time ---- */

static void start(struct staple_source *s)
{
	struct buf question;

	buf_init(&question, ASK_MAX);
	if (ocsp_ask(&s->subject, &question) == 0) {
		const struct fetch_ask ask = { .method = FETCH_POST, .url = bytes_of(s->subject.url), .body = buf_bytes(&question),
					       .content_type = "application/ocsp-request", .accept = "application/ocsp-response",
					       .flags = FETCH_PLAIN, .max_bytes = OCSP_ANSWER_MAX, .timeout_ms = FETCH_MS };
		s->fetch = fetch_start(s->all->fetcher, &ask, on_answer, s);
	}
	buf_fini(&question);
	if (!s->fetch) /* too many at once */
		s->when.next_s = now_of(s->all) + WHEN_RETRY_S;
}

static void on_time(void *arg)
{
	struct staples *all = arg;

	LIST_EACH(node, &all->all) {
		struct staple_source *s = LIST_OWNER(node, struct staple_source, node);
		if (all->is_on && has_responder(s) && !s->fetch && s->when.next_s <= now_of(all))
			start(s);
		look_alarms(s);
	}
	schedule(all);
}

/* The wall clock may be set: looked at within the hour. */
static void schedule(struct staples *all)
{
	int64_t now_s = now_of(all), next_s = now_s + LOOK_MAX_S;

	LIST_EACH(node, &all->all) {
		const struct staple_source *s = LIST_OWNER(node, struct staple_source, node);
		int64_t own_s = !all->is_on || !has_responder(s) || s->fetch ? next_s : when_next(&s->when, now_s);
		next_s = own_s < next_s ? own_s : next_s;
	}
	if (list_is_empty(&all->all))
		loop_timer_del(all->loop, &all->timer);
	else if (loop_timer_set(all->loop, &all->timer, next_s > now_s ? (uint64_t)(next_s - now_s) * 1000 : 1))
		die("pki.timer", "no memory"); /* nothing would ever be asked again */
}

void staples_fetch_all(struct staples *all)
{
	LIST_EACH(node, &all->all)
		LIST_OWNER(node, struct staple_source, node)->when.next_s = 0;
	schedule(all);
}

/* ---- settings ---- */

static void source_free(struct staple_source *s)
{
	fetch_cancel(s->fetch);
	alarm_clear(ALARM_STAPLE_MISSING, s->name);
	alarm_clear(ALARM_CERTIFICATE_REVOKED, s->name);
	list_del(&s->node);
	buf_fini(&s->answer);
	ocsp_subject_fini(&s->subject);
	free(s);
}

static void withdraw(struct staple_source *s)
{
	buf_clear(&s->answer);
	tell(s);
}

static struct staple_source *find(struct staples *all, struct bytes name)
{
	LIST_EACH(node, &all->all) {
		struct staple_source *s = LIST_OWNER(node, struct staple_source, node);
		if (bytes_eq_str(name, s->name))
			return s;
	}
	return NULL;
}

/* What was known before the restart; it is verified as if it had just come, and asked for again at once. */
static void recall(struct staple_source *s)
{
	struct buf file;
	const char *why;

	buf_init(&file, OCSP_ANSWER_MAX);
	if (s->subject.issuer && cache_read(s->all->cache, CACHE_STAPLE, s->subject.leaf_sha256, &file) == 0)
		(void)take(s, buf_bytes(&file), &why); /* too old: a new one comes */
	s->when.next_s = 0;
	buf_fini(&file);
}

static struct staple_source *source_new(struct staples *all, struct bytes name, struct ocsp_subject *subject)
{
	struct staple_source *s = calloc(1, sizeof *s);

	if (!s)
		die("pki.staples", "no memory for the settings");
	s->all = all;
	s->subject = *subject;
	buf_init(&s->answer, OCSP_ANSWER_MAX);
	(void)snprintf(s->name, sizeof s->name, "%.*s", BYTES_FMT(name)); /* cut: names of certificates are shorter */
	list_add_tail(&all->all, &s->node);
	recall(s);
	return s;
}

static void read_source(struct staples *all, struct bytes name, struct bytes pem)
{
	struct staple_source *s = find(all, name);
	struct ocsp_subject subject;
	int rc = ocsp_subject_read(&subject, pem);

	if (rc == ERR_NOT_FOUND && all->trust)
		(void)ocsp_subject_complete(&subject, all->trust); /* none: nobody is asked */
	else if (rc)
		return; /* the doors have said that they cannot use it */
	if (s && memcmp(s->subject.leaf_sha256, subject.leaf_sha256, OCSP_LEAF_BYTES)) { /* renewed under its name */
		source_free(s);
		s = NULL;
	}
	if (!s) {
		source_new(all, name, &subject)->is_seen = true;
		return;
	}
	ocsp_subject_fini(&s->subject); /* the issuer may be known only now */
	s->subject = subject;
	s->is_seen = true;
}

static bool is_used(void *arg, const uint8_t key[static CACHE_KEY_BYTES])
{
	struct staples *all = arg;

	LIST_EACH(node, &all->all)
		if (memcmp(key, LIST_OWNER(node, struct staple_source, node)->subject.leaf_sha256, CACHE_KEY_BYTES) == 0)
			return true;
	return false;
}

static void turn_on_or_off(struct staples *all, bool is_on)
{
	if (is_on == all->is_on)
		return;
	all->is_on = is_on;
	LIST_EACH(node, &all->all)
		tell(LIST_OWNER(node, struct staple_source, node));
}

void staples_apply(struct staples *all, const struct settings *set)
{
	struct bytes key;

	turn_on_or_off(all, settings_bool(set, SET_TLS_STAPLING));
	LIST_EACH(node, &all->all)
		LIST_OWNER(node, struct staple_source, node)->is_seen = false;
	for (size_t at = 0; settings_next_key(set, SET_CERTIFICATE_CHAIN, &at, &key);)
		read_source(all, key, settings_text_at(set, SET_CERTIFICATE_CHAIN, key));
	LIST_EACH(node, &all->all) {
		struct staple_source *old = LIST_OWNER(node, struct staple_source, node);
		if (old->is_seen)
			continue;
		withdraw(old);
		source_free(old);
	}
	cache_sweep(all->cache, CACHE_STAPLE, is_used, all);
	on_time(all);
}

/* ---- life, and what operators see ---- */

void staples_init(struct staples *s)
{
	list_init(&s->all);
	loop_timer_init(&s->timer, on_time, s);
}

void staples_fini(struct staples *s)
{
	loop_timer_del(s->loop, &s->timer);
	LIST_EACH(node, &s->all)
		source_free(LIST_OWNER(node, struct staple_source, node));
}

static const char *state_of(const struct staple_source *s)
{
	if (!has_responder(s))
		return "no-responder";
	if (!s->all->is_on)
		return "off";
	if (s->is_known && s->status == OCSP_REVOKED)
		return "revoked";
	return buf_len(&s->answer) && when_is_good(&s->when, now_of(s->all)) ? "shown" : "none";
}

static void put_time(struct proc_ask *ask, const char *key, int64_t at_s)
{
	char text[TEXT_TIME_BYTES] = "";

	if (at_s > 0)
		text_time((uint64_t)at_s * 1000, false, text);
	proc_record_str(ask, key, text);
}

void staples_show(const struct staples *all, struct proc_ask *ask)
{
	LIST_EACH(node, &all->all) {
		const struct staple_source *s = LIST_OWNER(node, struct staple_source, node);
		proc_record_begin(ask);
		proc_record_str(ask, "certificate", s->name);
		proc_record_str(ask, "state", state_of(s));
		proc_record_str(ask, "required", s->subject.must_staple ? "yes" : "no");
		put_time(ask, "from", s->when.from_s);
		put_time(ask, "until", s->when.until_s);
		put_time(ask, "next", has_responder(s) ? s->when.next_s : 0);
		proc_record_str(ask, "responder", s->subject.url);
		proc_record_str(ask, "trouble", s->why);
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}
