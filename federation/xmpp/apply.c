#include "apply.h"

#include <stdlib.h>

#include "base/err.h"
#include "net/dns_settings.h"
#include "net/tls_settings.h"
#include "conn.h"
#include "run/fence.h"

/* One certificate of a domain of ours. */
static int show_certificate(struct tls_store *store, const struct conf_domain *d, struct bytes name)
{
	int rc = tls_store_add_domain(store, d->ascii, name);

	if (rc < 0) /* lesson 5: the exact name that is not covered */
		log_warn("s2s.domain", LOG_BYTES("domain", d->domain), LOG_BYTES("certificate", name),
		         LOG_STR("reason", err_name(rc)));
	return rc;
}

static struct tls_store *make_store(struct s2s *s, const struct settings *set, struct s2s_conf *conf)
{
	struct tls_store *store = tls_settings_trust(set, s->keys, &s->news);
	struct conf_domain *d;

	if (!store)
		return NULL;
	tls_settings_certificates(store, set);
	for (size_t at = 0; (d = map_next(&conf->domains, &at));) {
		int rc = show_certificate(store, d, d->certificate);
		d->has_certificate = rc == 0 || rc == ERR_CERT_NAME;
		if (d->second.n)
			(void)show_certificate(store, d, d->second); /* has warned; the first one serves */
	}
	return store;
}

static void configure_dns(struct s2s *s, const struct settings *set)
{
	int rc = dns_settings_apply(s->dns, set);

	if (rc < 0)
		log_error("s2s.dns", LOG_STR("reason", err_name(rc)));
}

/* ---- open streams under the new settings ---- */

/* Is there a value in `from` that is another or none in `to`? */
static bool has_lost(const struct settings *from, const struct settings *to, enum setting id)
{
	size_t at = 0;
	struct bytes key;

	while (settings_next_key(from, id, &at, &key))
		if (!settings_is_set(to, id, key) || !bytes_eq(settings_text_at(from, id, key), settings_text_at(to, id, key)))
			return true;
	return false;
}

/* Open streams stand on what was trusted when they were proved: they may stay where all of it still is, and nothing more revoked. */
static bool is_less_trusted(const struct settings *old, const struct settings *new)
{
	return (settings_bool(old, SET_TRUST_SYSTEM) && !settings_bool(new, SET_TRUST_SYSTEM)) ||
	       (!settings_bool(old, SET_TRUST_REQUIRED) && settings_bool(new, SET_TRUST_REQUIRED)) || has_lost(old, new, SET_TRUST_ANCHOR) || has_lost(new, old, SET_TRUST_REVOCATION);
}

static bool rows_differ(const struct policy_row *a, const struct policy_row *b)
{
	return a->auth != b->auth || a->is_tls_required != b->is_tls_required || a->has_pin != b->has_pin ||
	       memcmp(a->pin, b->pin, sizeof a->pin) != 0 || !bytes_eq(a->authority, b->authority) ||
	       a->may_wildcard != b->may_wildcard;
}

/* What a change means for an open stream: nothing, an orderly end and a new one under the new rule,
 * or an error (lesson 16). */
enum verdict { KEEP, RENEW, REFUSE, GONE };

static enum verdict judge_pair(struct bytes local, struct bytes remote, const struct s2s_conf *old,
                               const struct s2s_conf *new)
{
	struct policy_rule before = policy_for(&old->policy, remote), now = policy_for(&new->policy, remote);

	if (!now.is_allowed)
		return REFUSE;
	if (local.n && !conf_domain(new, local))
		return GONE;
	return rows_differ(before.row, now.row) ? RENEW : KEEP;
}

static enum verdict judge_conn(struct conn *c, const struct s2s_conf *old, const struct s2s_conf *new,
                               bool is_trust_less)
{
	enum verdict worst = is_trust_less ? RENEW : KEEP, v;

	if (c->stream.remote) {
		v = judge_pair(bytes_of(c->stream.local), bytes_of(c->stream.remote), old, new);
		worst = v > worst ? v : worst;
	}
	LIST_EACH(it, &c->stream.pairs) {
		const struct stream_pair *p = LIST_OWNER(it, struct stream_pair, node);
		v = judge_pair(bytes_of(p->local), bytes_of(p->remote), old, new);
		worst = v > worst ? v : worst;
	}
	return worst;
}

static void judge_all(struct s2s *s, const struct s2s_conf *old, bool is_trust_less)
{
	struct { uint64_t id; enum verdict v; } *todo = calloc(s->conns.count + 1, sizeof *todo);
	size_t at = 0, n = 0;
	struct conn *c;

	if (!todo)
		die("s2s.apply", "no memory to close what the new settings forbid");
	while ((c = map_next(&s->conns, &at))) {
		enum verdict v = c->is_gone ? KEEP : judge_conn(c, old, &s->conf, is_trust_less);
		if (v != KEEP) {
			todo[n].id = c->id;
			todo[n++].v = v;
		}
	}
	for (size_t i = 0; i < n; i++) {
		c = conn_find(s, todo[i].id);
		if (!c)
			continue;
		conn_close(c, todo[i].v == REFUSE ? STREAM_POLICY_VIOLATION : todo[i].v == GONE ? STREAM_HOST_GONE : -1,
		           NULL);
	}
	free(todo);
}

/* ---- open streams and new revocation lists ---- */

/* Pins, DANE and dialback do not stand on the authority's word. */
static bool stands_on_authority(const struct conn *c)
{
	return !c->is_gone && c->has_link && c->link.tls && c->has_verdict && c->verdict.rc == 0 && strcmp(c->verdict.proof, "pkix") == 0;
}

/* RFC 6120 13.7.2.3: what the stream stood on has gone; a new one has to prove itself by what is left. */
static void reset(struct conn *c)
{
	log_warn("s2s.revoked", LOG_ID("id", c->id), LOG_STR("domain", c->stream.remote ? c->stream.remote : ""),
	         LOG_STR("subject", c->verdict.subject), LOG_STR("issuer", c->verdict.issuer),
	         LOG_STR("advice", "its authority has revoked the certificate: tell the partner"));
	conn_close(c, STREAM_RESET, "your certificate has been revoked");
}

void apply_revoked(struct s2s *s)
{
	uint64_t *ids = calloc(s->conns.count + 1, sizeof *ids);
	size_t at = 0, n = 0;
	struct conn *c;

	if (!ids)
		die("s2s.apply", "no memory to close streams whose certificates are revoked");
	while ((c = map_next(&s->conns, &at)))
		if (stands_on_authority(c) && tls_is_revoked(c->link.tls))
			ids[n++] = c->id;
	for (size_t i = 0; i < n; i++)
		if ((c = conn_find(s, ids[i])))
			reset(c);
	free(ids);
}

/* New time limits reach open streams. */
static void arm_all(struct s2s *s)
{
	size_t at = 0;
	struct conn *c;

	while ((c = map_next(&s->conns, &at)))
		if (!c->is_gone)
			conn_arm(c);
}

/* New settings may be the cure of an old failure (lesson 10). */
static void retry_all(struct s2s *s)
{
	size_t at = 0;
	struct peer *p;

	while ((p = map_next(&s->peers, &at))) {
		peer_retry_now(p, loop_now(s->loop));
		LIST_EACH(it, &p->pairs)
			LIST_OWNER(it, struct pair, node)->is_alone = false;
	}
}

/* bind() stays, so that a source address can be set while streams are open; further filters cannot be loaded. */
static void narrow(void)
{
	int rc = fence_narrow(true);

	if (rc < 0)
		die("s2s.fence", err_text(rc));
}

void apply_settings(void *program, const struct settings *set)
{
	struct s2s *s = program;
	struct s2s_conf old = s->conf, new;
	bool had_conf = s->settings, is_trust_less = had_conf && is_less_trusted(s->settings, set);
	struct tls_store *store;

	if (conf_init(&new, set) < 0 || !(store = make_store(s, set, &new)))
		die("s2s.apply", "no memory for the settings");
	s->conf = new;
	s->settings = set;
	tls_store_free(s->certificates); /* open streams keep it */
	s->certificates = store;
	configure_dns(s, set);
	if (!had_conf) {
		narrow();
	} else {
		judge_all(s, &old, is_trust_less);
		conf_fini(&old);
		arm_all(s);
		retry_all(s);
	}
}
