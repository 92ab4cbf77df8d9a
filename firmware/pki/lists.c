#include "lists.h"

#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "fetch_url.h"
#include "run/alarm.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

enum { FETCH_MS = 120000, LOOK_MAX_S = 3600, TRIM_BYTES = 1 << 20 };

static int64_t now_of(const struct lists *l)
{
	return (int64_t)(loop_wall_ms(l->loop) / 1000);
}

/* ---- the doors ---- */

static void tell_one(struct chan *c, const struct list_source *s)
{
	uint32_t at = 0;
	bool is_more = true;

	while (is_more) {
		is_more = revoked_put(s->held, &at, chan_begin(c, MSG_REVOKED, 0));
		if (chan_end(c)) /* it does not take any more: it will come anew */
			return;
	}
}

static const enum prog tellers[] = { PROG_S2S, PROG_SIP, PROG_LOG };

static void tell(const struct list_source *s)
{
	for (size_t i = 0; i < sizeof tellers / sizeof tellers[0]; i++)
		for (struct chan *c = NULL; (c = bus_next(s->all->bus, tellers[i], c));)
			tell_one(c, s);
}

static void tell_gone(const struct list_source *s)
{
	for (size_t i = 0; i < sizeof tellers / sizeof tellers[0]; i++) {
		for (struct chan *c = NULL; (c = bus_next(s->all->bus, tellers[i], c));) {
			revoked_put_gone(s->name, chan_begin(c, MSG_REVOKED, 0));
			(void)chan_end(c); /* it has gone itself */
		}
	}
}

void lists_up(struct lists *l, struct chan *c)
{
	bool wants = false;

	for (size_t i = 0; i < sizeof tellers / sizeof tellers[0]; i++)
		wants |= chan_prog(c) == tellers[i];
	LIST_EACH(node, &l->all) {
		const struct list_source *s = LIST_OWNER(node, struct list_source, node);
		if (wants && s->held)
			tell_one(c, s);
	}
}

/* ---- what is wrong, and what is not any more ---- */

static void look_alarm(const struct list_source *s)
{
	bool is_stale = s->held ? !when_is_good(&s->when, now_of(s->all)) : s->when.failures > 0;
	char until[TEXT_TIME_BYTES], text[ALARM_TEXT_MAX + 1];

	if (!s->held) {
		(void)snprintf(text, sizeof text, "none was ever fetched: %s", s->why); /* cut: enough of it */
	} else {
		text_time((uint64_t)s->when.until_s * 1000, false, until);
		(void)snprintf(text, sizeof text, "its next one was due %s%s%s", until, s->why[0] ? "; " : "", s->why); /* cut */
	}
	alarm_set(ALARM_LIST_STALE, s->name, is_stale, text);
}

static void complain(struct list_source *s, int rc, const char *why)
{
	bool is_news = strcmp(s->why, why) != 0;

	(void)snprintf(s->why, sizeof s->why, "%.*s", (int)sizeof s->why - 1, why); /* cut: enough of it */
	if (is_news)
		log_warn("pki.list.failed", LOG_STR("name", s->name), LOG_STR("url", s->url), LOG_STR("reason", err_name(rc)), LOG_STR("text", s->why));
}

/* ---- a list has come ---- */

static void hold(struct list_source *s, struct revoked_list *l, const struct crl_about *about)
{
	char until[TEXT_TIME_BYTES];

	memcpy(l->name, s->name, sizeof l->name);
	(void)snprintf(s->issuer, sizeof s->issuer, "%s", about->issuer); /* as long */
	revoked_list_free(s->held);
	s->held = l;
	text_time((uint64_t)l->head.until_s * 1000, false, until);
	log_info("pki.list", LOG_STR("name", s->name), LOG_STR("issuer", s->issuer), LOG_INT("revoked", l->n), LOG_STR("until", until));
	tell(s);
}

/* An older list than the one that is held would give revoked certificates back. */
static bool is_older(const struct list_source *s, const struct revoked_list *l)
{
	return s->held && memcmp(s->held->head.key, l->head.key, sizeof l->head.key) == 0 && l->head.from_s < s->held->head.from_s;
}

static int read_list(struct list_source *s, struct bytes file, char why[static CRL_WHY_BYTES])
{
	struct revoked_list *l;
	struct crl_about about;
	uint8_t digest[CACHE_KEY_BYTES];

	if (EVP_Digest(file.p, file.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return ERR_NOMEM;
	if (s->held && memcmp(digest, s->file_sha256, sizeof digest) == 0)
		return 0;
	int rc = s->all->trust ? crl_read(s->all->trust, s->all->pool, file, now_of(s->all), &l, &about) : ERR_NOMEM;
	(void)snprintf(why, CRL_WHY_BYTES, "%s", rc ? about.why[0] ? about.why : err_text(rc) : ""); /* as long */
	if (file.n > TRIM_BYTES)
		(void)malloc_trim(0); /* whether it gave anything back changes nothing */
	if (rc)
		return rc;
	if (is_older(s, l)) {
		revoked_list_free(l);
		(void)snprintf(why, CRL_WHY_BYTES, "%s", "it is older than the one before"); /* fits */
		return ERR_CERT_EXPIRED;
	}
	memcpy(s->file_sha256, digest, sizeof digest);
	hold(s, l, &about);
	return 0;
}

static void schedule(struct lists *l);

static void take(struct list_source *s, struct bytes file)
{
	struct lists *l = s->all;
	char why[CRL_WHY_BYTES] = "";
	const struct revoked_list *before = s->held;
	int rc = read_list(s, file, why);

	if (rc) {
		complain(s, rc, why);
		when_failed(&s->when, now_of(l));
		return;
	}
	if (s->why[0])
		log_info("pki.list.again", LOG_STR("name", s->name), LOG_STR("url", s->url));
	s->why[0] = '\0';
	s->fetched_s = now_of(l);
	when_fetched(&s->when, s->held->head.from_s, s->held->head.until_s, now_of(l), l->every_s);
	if (s->held != before && (rc = cache_write(l->cache, CACHE_LIST, s->key, file)))
		log_error("pki.cache", LOG_STR("file", s->name), LOG_STR("reason", err_name(rc)));
}

static void on_answer(void *arg, const struct fetch_answer *a)
{
	struct list_source *s = arg;
	char why[64];

	s->fetch = NULL;
	if (a->rc == 0 && a->status == 200) {
		take(s, a->body);
	} else {
		(void)snprintf(why, sizeof why, "the server answered %u", a->status); /* fits */
		complain(s, a->rc ? a->rc : ERR_PROTOCOL, a->rc ? a->why : why);
		when_failed(&s->when, now_of(s->all));
	}
	look_alarm(s);
	schedule(s->all);
}

/* ---- time ---- */

static void start(struct list_source *s)
{
	const struct fetch_ask ask = { .method = FETCH_GET, .url = bytes_of(s->url), .flags = FETCH_PLAIN | FETCH_REDIRECTS,
				       .accept = "application/pkix-crl", .max_bytes = s->all->max_bytes, .timeout_ms = FETCH_MS };

	s->fetch = fetch_start(s->all->fetcher, &ask, on_answer, s);
	if (!s->fetch) /* too many at once */
		s->when.next_s = now_of(s->all) + WHEN_RETRY_S;
}

static void on_time(void *arg)
{
	struct lists *l = arg;

	LIST_EACH(node, &l->all) {
		struct list_source *s = LIST_OWNER(node, struct list_source, node);
		if (!s->fetch && s->when.next_s <= now_of(l))
			start(s);
		look_alarm(s);
	}
	schedule(l);
}

/* The wall clock may be set: looked at within the hour. */
static void schedule(struct lists *l)
{
	int64_t now_s = now_of(l), next_s = now_s + LOOK_MAX_S;

	LIST_EACH(node, &l->all) {
		const struct list_source *s = LIST_OWNER(node, struct list_source, node);
		int64_t own_s = s->fetch ? next_s : when_next(&s->when, now_s);
		next_s = own_s < next_s ? own_s : next_s;
	}
	if (list_is_empty(&l->all))
		loop_timer_del(l->loop, &l->timer);
	else if (loop_timer_set(l->loop, &l->timer, next_s > now_s ? (uint64_t)(next_s - now_s) * 1000 : 1))
		die("pki.timer", "no memory"); /* nothing would ever be fetched again */
}

void lists_fetch_all(struct lists *l)
{
	LIST_EACH(node, &l->all)
		LIST_OWNER(node, struct list_source, node)->when.next_s = 0;
	schedule(l);
}

/* ---- settings ---- */

static void source_free(struct list_source *s)
{
	fetch_cancel(s->fetch);
	alarm_clear(ALARM_LIST_STALE, s->name);
	list_del(&s->node);
	revoked_list_free(s->held);
	free(s);
}

static struct list_source *find(struct lists *l, struct bytes name)
{
	LIST_EACH(node, &l->all) {
		struct list_source *s = LIST_OWNER(node, struct list_source, node);
		if (bytes_eq_str(name, s->name))
			return s;
	}
	return NULL;
}

/* What was known before the restart. Only while nothing is held: it is as old as that, or older. */
static void recall(struct list_source *s)
{
	struct lists *l = s->all;
	char why[CRL_WHY_BYTES] = "";
	struct buf file;

	buf_init(&file, l->max_bytes);
	int rc = cache_read(l->cache, CACHE_LIST, s->key, &file);
	if (!rc && !(rc = read_list(s, buf_bytes(&file), why)))
		s->when = (struct when){ .from_s = s->held->head.from_s, .until_s = s->held->head.until_s };
	if (rc && rc != ERR_NOT_FOUND)
		log_warn("pki.list.failed", LOG_STR("name", s->name), LOG_STR("url", s->url), LOG_STR("reason", err_name(rc)), LOG_STR("text", why));
	buf_fini(&file);
}

static struct list_source *source_new(struct lists *l, struct bytes name, struct bytes url)
{
	struct list_source *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->all = l;
	(void)snprintf(s->name, sizeof s->name, "%.*s", BYTES_FMT(name)); /* lists_check has looked at its length */
	(void)snprintf(s->url, sizeof s->url, "%.*s", BYTES_FMT(url));    /* as that of this */
	list_add_tail(&l->all, &s->node);
	if (EVP_Digest(url.p, url.n, s->key, NULL, EVP_sha256(), NULL) == 1)
		recall(s);
	return s;
}

/* A list of someone who is not trusted any more is none. */
static void judge_again(struct list_source *s)
{
	revoked_list_free(s->held);
	s->held = NULL;
	s->when = (struct when){ .next_s = 0 };
	recall(s);
	if (!s->held)
		tell_gone(s);
}

static void read_source(struct lists *l, struct bytes name, struct bytes url, bool is_trust_new)
{
	struct list_source *s = find(l, name);

	if (s && !bytes_eq_str(url, s->url)) {
		tell_gone(s);
		source_free(s);
		s = NULL;
	} else if (s && is_trust_new) {
		judge_again(s);
	}
	if (!s && !(s = source_new(l, name, url)))
		die("pki.lists", "no memory for the settings");
	s->is_seen = true;
}

static bool is_used(void *arg, const uint8_t key[static CACHE_KEY_BYTES])
{
	struct lists *l = arg;

	LIST_EACH(node, &l->all)
		if (memcmp(key, LIST_OWNER(node, struct list_source, node)->key, CACHE_KEY_BYTES) == 0)
			return true;
	return false;
}

void lists_apply(struct lists *l, const struct settings *s, bool is_trust_new)
{
	struct bytes key;

	l->every_s = (uint32_t)settings_int(s, SET_TRUST_LIST_EVERY) * 60;
	l->max_bytes = (uint32_t)settings_int(s, SET_TRUST_LIST_SIZE) << 10;
	LIST_EACH(node, &l->all)
		LIST_OWNER(node, struct list_source, node)->is_seen = false;
	for (size_t at = 0; settings_next_key(s, SET_TRUST_LIST_URL, &at, &key);)
		read_source(l, key, settings_text_at(s, SET_TRUST_LIST_URL, key), is_trust_new);
	LIST_EACH(node, &l->all) {
		struct list_source *old = LIST_OWNER(node, struct list_source, node);
		if (old->is_seen)
			continue;
		tell_gone(old);
		source_free(old);
	}
	cache_sweep(l->cache, CACHE_LIST, is_used, l);
	schedule(l);
}

int lists_check(const struct settings *s, char path[static 256], const char **why)
{
	struct fetch_url url;
	struct bytes key;
	size_t n = 0;

	for (size_t at = 0; settings_next_key(s, SET_TRUST_LIST_URL, &at, &key);) {
		(void)snprintf(path, 256, "trust revocation-url %.*s", BYTES_FMT(key)); /* cut: a name is shorter */
		*why = ++n > REVOKED_LISTS_MAX ? "at most 64 lists" : key.n > REVOKED_NAME_MAX ? "a name has at most 63 bytes" : NULL;
		if (!*why && fetch_url_parse(settings_text_at(s, SET_TRUST_LIST_URL, key), FETCH_PLAIN, &url) < 0)
			*why = "wants a URL that begins with http:// or https://";
		if (*why)
			return ERR_SYNTAX;
	}
	return 0;
}

/* ---- life, and what operators see ---- */

void lists_init(struct lists *l)
{
	list_init(&l->all);
	loop_timer_init(&l->timer, on_time, l);
}

void lists_fini(struct lists *l)
{
	loop_timer_del(l->loop, &l->timer);
	LIST_EACH(node, &l->all)
		source_free(LIST_OWNER(node, struct list_source, node));
}

static void put_time(struct proc_ask *ask, const char *key, int64_t at_s)
{
	char text[TEXT_TIME_BYTES] = "";

	if (at_s > 0)
		text_time((uint64_t)at_s * 1000, false, text);
	proc_record_str(ask, key, text);
}

void lists_show(const struct lists *l, struct proc_ask *ask)
{
	LIST_EACH(node, &l->all) {
		const struct list_source *s = LIST_OWNER(node, struct list_source, node);
		proc_record_begin(ask);
		proc_record_str(ask, "name", s->name);
		proc_record_str(ask, "state", !s->held ? "none" : when_is_good(&s->when, now_of(l)) ? "in-force" : "out-of-date");
		proc_record_str(ask, "issuer", s->issuer);
		proc_record_int(ask, "revoked", s->held ? s->held->n : 0);
		put_time(ask, "from", s->when.from_s);
		put_time(ask, "until", s->when.until_s);
		put_time(ask, "fetched", s->fetched_s);
		put_time(ask, "next", s->when.next_s);
		proc_record_str(ask, "url", s->url);
		proc_record_str(ask, "trouble", s->why);
		proc_record_end(ask);
	}
	proc_done(ask, 0, "");
}
