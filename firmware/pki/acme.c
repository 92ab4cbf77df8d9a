#include "acme.h"

#include "base/err.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "chain.h"
#include "fetch_url.h"
#include "proto/jid.h"
#include "run/alarm.h"

#include <stdio.h>
#include <stdlib.h>

enum { TICK_MS = 5000, SOON_MS = 200, SOON_AGAIN_MS = 5000, NAMES_BYTES_MAX = 16 << 10 };

/* How long after the first, second, ... failure it is tried again; the last for all that follow. Authorities count failed
 * proofs by the hour. */
static const uint32_t pauses_s[] = { 60, 300, 1800, 7200, 21600, 43200 };
enum { N_PAUSES = sizeof pauses_s / sizeof pauses_s[0] };

/* ---- what the settings say ---- */

static void keep(char *out, size_t room, struct bytes v)
{
	(void)snprintf(out, room, "%.*s", BYTES_FMT(v));
}

/* A-labels of a name as people write it. ERR_SYNTAX. */
static int to_ascii(struct bytes in, char out[static ACME_NAME_BYTES])
{
	struct bytes normal;
	struct arena a;

	arena_init(&a, NAMES_BYTES_MAX);
	int rc = jid_parse_domain(in, &a, &normal);
	if (!rc)
		rc = jid_domain_to_ascii(normal, out);
	arena_fini(&a);
	return rc ? ERR_SYNTAX : 0;
}

/* Once each. ERR_SYNTAX, ERR_LIMIT. */
static int add_name(struct acme_names *names, struct bytes in)
{
	char ascii[ACME_NAME_BYTES] = ""; /* whole: names are compared as bytes */
	int rc = to_ascii(in, ascii);

	for (size_t i = 0; !rc && i < names->n; i++) {
		if (strcmp(names->v[i], ascii) == 0)
			return 0;
	}
	if (!rc && names->n == ACME_NAMES_MAX)
		rc = ERR_LIMIT;
	if (!rc)
		memcpy(names->v[names->n++], ascii, sizeof ascii);
	return rc;
}

static int add_words(struct acme_names *names, struct bytes text)
{
	int rc = 0;

	while (!rc && text.n) {
		struct bytes word = bytes_make(text.p, bytes_find(text, ' '));
		text = bytes_skip(text, word.n + 1);
		if (word.n)
			rc = add_name(names, word);
	}
	return rc;
}

/* The hosted domains that this certificate proves. */
static int add_domains(struct acme_names *names, const struct settings *s, struct bytes certificate)
{
	static const enum setting ids[] = { SET_DOMAIN_CERTIFICATE, SET_DOMAIN_SECOND, SET_DOMAIN_FEDERATION };
	struct bytes domain;
	int rc = 0;

	for (size_t i = 0; i < 3; i++) {
		for (size_t at = 0; !rc && settings_next_key(s, ids[i], &at, &domain);) {
			if (bytes_eq(settings_text_at(s, ids[i], domain), certificate))
				rc = add_name(names, domain);
		}
	}
	return rc;
}

static int read_names(const struct settings *s, struct bytes certificate, struct acme_names *out)
{
	struct bytes text = settings_text_at(s, SET_CERTIFICATE_NAMES, certificate);

	out->n = 0;
	return text.n ? add_words(out, text) : add_domains(out, s, certificate);
}

static const char *const challenges[] = { "http-01", "tls-alpn-01" };

static void read_config(const struct settings *s, struct acme_config *c)
{
	memset(c, 0, sizeof *c); /* compared as bytes */
	keep(c->directory, sizeof c->directory, settings_text(s, SET_ACME_DIRECTORY));
	keep(c->contact, sizeof c->contact, settings_text(s, SET_ACME_CONTACT));
	keep(c->bind_id, sizeof c->bind_id, settings_text(s, SET_ACME_BIND_ID));
	c->is_agreed = settings_bool(s, SET_ACME_TERMS);
	c->challenge = challenges[settings_enum(s, SET_ACME_CHALLENGE)];
}

static bool is_mail_address(struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] <= ' ' || v.p[i] >= 0x7f || memchr(",?&:", v.p[i], 4))
			return false;
	}
	return bytes_find(v, '@') > 0 && bytes_find(v, '@') + 1 < v.n;
}

int acme_check(const struct settings *s, char path[static 256], const char **why)
{
	struct bytes url = settings_text(s, SET_ACME_DIRECTORY), contact = settings_text(s, SET_ACME_CONTACT), key;
	static struct acme_names names; /* large; used within one call */
	static struct fetch_url parts;

	*why = "wants an https URL";
	(void)snprintf(path, 256, "acme directory");
	if (url.n && fetch_url_parse(url, 0, &parts))
		return ERR_SYNTAX;
	*why = "wants one mail address, like admin@example.com";
	(void)snprintf(path, 256, "acme contact");
	if (contact.n && !is_mail_address(contact))
		return ERR_SYNTAX;
	for (size_t at = 0; settings_next_key(s, SET_CERTIFICATE_ACME, &at, &key);) {
		struct bytes text = settings_text_at(s, SET_CERTIFICATE_NAMES, key);
		(void)snprintf(path, 256, "certificate %.*s names", BYTES_FMT(key));
		*why = "a name with * wants a proof by DNS, which this box does not do: name the domains themselves";
		if (bytes_find(text, '*') < text.n)
			return ERR_UNSUPPORTED;
		names.n = 0;
		int rc = add_words(&names, text);
		*why = rc == ERR_LIMIT ? "more than 30 names" : "wants domain names, spaces between";
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- certificates ---- */

struct acme_certificate *acme_find(struct acme *a, struct bytes name)
{
	LIST_EACH (it, &a->certificates) {
		struct acme_certificate *c = LIST_OWNER(it, struct acme_certificate, node);
		if (bytes_eq_str(name, c->name))
			return c;
	}
	return NULL;
}

static void forget(struct acme *a, struct acme_certificate *c)
{
	if (a->certificate == c)
		acme_abort(a);
	if (a->info_of == c)
		acme_renewal_forget(a);
	alarm_clear(ALARM_ACME_FAILED, c->name);
	list_del(&c->node);
	a->n_certificates--;
	free(c);
}

/* What runs is what is wanted, and has time left. */
static void judge(struct acme_certificate *c, struct bytes pem, int64_t now_s)
{
	struct chain_about about = { 0 };
	bool is_there = pem.n && chain_read(pem, &about) == 0;

	char id[CHAIN_ID_BYTES] = "";

	c->from_s = is_there ? about.from_s : 0;
	c->until_s = is_there ? about.until_s : 0;
	c->renew_s = is_there ? chain_renewal_s(&about) : 0;
	if (is_there && !about.is_self_signed)
		(void)chain_identify(pem, id); /* without one the authority is not asked */
	if (strcmp(id, c->id) != 0) { /* another one: what was said of the last does not count */
		memset(&c->info, 0, sizeof c->info);
		c->is_replaced = false;
		keep(c->id, sizeof c->id, bytes_of(id));
	}
	c->is_due = !is_there || about.is_self_signed || acme_renewal_is_due(c, now_s);
	for (size_t i = 0; !c->is_due && i < c->names.n; i++)
		c->is_due = !chain_covers(pem, c->names.v[i]);
}

static void try_anew(struct acme_certificate *c)
{
	c->failures = 0;
	c->next_ms = 0;
}

static struct acme_certificate *certificate_new(struct acme *a, struct bytes name)
{
	struct acme_certificate *c = name.n < sizeof c->name && a->n_certificates < ACME_CERTIFICATES_MAX ? calloc(1, sizeof *c) : NULL;

	if (!c)
		return NULL;
	keep(c->name, sizeof c->name, name);
	list_add_tail(&a->certificates, &c->node);
	a->n_certificates++;
	return c;
}

static void apply_one(struct acme *a, const struct settings *s, struct bytes name, bool is_config_new)
{
	static const char *const kinds[] = { "ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096" };
	struct acme_certificate *c = acme_find(a, name);
	static struct acme_names names; /* large; used within one call */

	if (!c)
		c = certificate_new(a, name);
	if (!c)
		return; /* without memory: at the next commit */
	c->is_seen = true;
	memset(&names, 0, sizeof names);
	(void)read_names(s, name, &names); /* acme_check has refused what it cannot take; of too many domains the first */
	bool is_new = is_config_new || memcmp(&names, &c->names, sizeof names) != 0;
	c->names = names;
	keep(c->key_type, sizeof c->key_type, bytes_of(kinds[settings_enum_at(s, SET_CERTIFICATE_KEY_TYPE, name)]));
	judge(c, settings_text_at(s, SET_CERTIFICATE_CHAIN, name), (int64_t)(loop_wall_ms(a->loop) / 1000));
	if (!is_new)
		return;
	try_anew(c);
	if (a->certificate == c)
		acme_abort(a);
}

/* Another authority: what the last one said of renewals does not count. */
static void forget_infos(struct acme *a)
{
	LIST_EACH (it, &a->certificates) {
		struct acme_certificate *c = LIST_OWNER(it, struct acme_certificate, node);
		memset(&c->info, 0, sizeof c->info);
	}
}

void acme_apply(struct acme *a, const struct settings *s)
{
	struct acme_config next;
	struct bytes name;

	read_config(s, &next);
	bool is_new = memcmp(&next, &a->config, sizeof next) != 0;
	if (strcmp(next.directory, a->config.directory) != 0 || strcmp(next.bind_id, a->config.bind_id) != 0)
		a->kid[0] = '\0'; /* another authority, or another account there */
	if (strcmp(next.directory, a->config.directory) != 0) {
		acme_renewal_forget(a);
		memset(&a->directory, 0, sizeof a->directory);
		forget_infos(a);
	}
	a->config = next;
	LIST_EACH (it, &a->certificates)
		LIST_OWNER(it, struct acme_certificate, node)->is_seen = false;
	for (size_t at = 0; settings_next_key(s, SET_CERTIFICATE_ACME, &at, &name);) {
		if (settings_bool_at(s, SET_CERTIFICATE_ACME, name))
			apply_one(a, s, name, is_new);
	}
	LIST_EACH (it, &a->certificates) {
		struct acme_certificate *c = LIST_OWNER(it, struct acme_certificate, node);
		if (!c->is_seen)
			forget(a, c);
	}
	acme_next(a);
	acme_renewal_next(a);
}

/* ---- when ---- */

static void look_soon(struct acme *a)
{
	(void)loop_timer_set(a->loop, &a->tick, SOON_MS); /* it had room before */
}

static uint64_t pause_ms(unsigned failures, int64_t retry_s)
{
	uint64_t ms = (uint64_t)pauses_s[failures < N_PAUSES ? failures : N_PAUSES - 1] * 1000;

	if (retry_s > 0 && (uint64_t)retry_s * 1000 > ms)
		ms = (uint64_t)retry_s * 1000;
	return ms + random_u64() % (ms / 10 + 1); /* not all boxes at once */
}

static void note_failure(struct acme *a, struct acme_certificate *c, const char *why, int64_t retry_s)
{
	bool is_soon = retry_s == ACME_SOON && !c->failures;
	uint64_t ms = is_soon ? SOON_AGAIN_MS : pause_ms(c->failures, retry_s);

	(void)snprintf(c->why, sizeof c->why, "%s", why);
	c->failures++;
	c->next_ms = loop_now(a->loop) + ms;
	a->failed_n++;
	log_warn("acme.failed", LOG_STR("certificate", c->name), LOG_STR("step", acme_step_names[a->step]), LOG_STR("why", why),
		 LOG_INT("failures", c->failures), LOG_INT("again_s", ms / 1000));
	if (!is_soon)
		alarm_raise(ALARM_ACME_FAILED, c->name, ALARM_USUAL, why);
}

static void note_success(struct acme *a, struct acme_certificate *c)
{
	char until[TEXT_TIME_BYTES];

	try_anew(c);
	c->why[0] = '\0';
	c->is_asked = false;
	c->renewed_s = (int64_t)(loop_wall_ms(a->loop) / 1000);
	c->is_due = false; /* what runs comes with the settings; until then it is not ordered twice */
	a->issued_n++;
	text_time((uint64_t)c->until_s * 1000, false, until);
	log_info("acme.issued", LOG_STR("certificate", c->name), LOG_STR("until", until));
	alarm_clear(ALARM_ACME_FAILED, c->name);
}

void acme_ended(struct acme *a, const char *why, int64_t retry_s)
{
	struct acme_certificate *c = a->certificate;

	if (!c)
		return;
	if (why)
		note_failure(a, c, why, retry_s);
	else
		note_success(a, c);
	acme_abort(a);
	look_soon(a);
}

static bool is_turn_of(const struct acme *a, const struct acme_certificate *c)
{
	return (c->is_asked || c->is_due) && loop_now(a->loop) >= c->next_ms;
}

void acme_next(struct acme *a)
{
	if (a->certificate || !a->config.directory[0])
		return;
	LIST_EACH (it, &a->certificates) {
		struct acme_certificate *c = LIST_OWNER(it, struct acme_certificate, node);
		if (!is_turn_of(a, c))
			continue;
		if (c->names.n) {
			acme_begin(a, c);
			return;
		}
		note_failure(a, c, "it has no names: set certificate * names, or let a domain use it", 0);
	}
}

static void on_tick(void *arg)
{
	struct acme *a = arg;
	int64_t now_s = (int64_t)(loop_wall_ms(a->loop) / 1000);

	LIST_EACH (it, &a->certificates) {
		struct acme_certificate *c = LIST_OWNER(it, struct acme_certificate, node);
		c->is_due = c->is_due || acme_renewal_is_due(c, now_s);
	}
	acme_next(a);
	acme_renewal_next(a);
	(void)loop_timer_set(a->loop, &a->tick, TICK_MS); /* it had room before */
}

/* ---- life ---- */

void acme_init(struct acme *a, struct loop *l, struct bus *b, struct fetcher *f, struct door *d)
{
	*a = (struct acme){ .loop = l, .bus = b, .fetcher = f, .door = d };
	list_init(&a->certificates);
	loop_timer_init(&a->tick, on_tick, a);
	(void)loop_timer_set(l, &a->tick, TICK_MS); /* the first timer has room */
}

void acme_fini(struct acme *a)
{
	acme_abort(a);
	acme_renewal_forget(a);
	loop_timer_del(a->loop, &a->tick);
	LIST_EACH (it, &a->certificates)
		forget(a, LIST_OWNER(it, struct acme_certificate, node));
}
