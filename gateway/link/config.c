#include "ferry.h"
#include "renew.h"

#include "base/err.h"
#include "net/dns_settings.h"
#include "run/alarm.h"
#include "run/files_limit.h"

/* Settings into what gh-link uses all day. */

enum { LONELY_MS = 15000 };

static bool has_any(const struct settings *s, enum setting id)
{
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, id, &at, &key);)
		if (settings_is_set(s, id, key))
			return true;
	return false;
}

static void complain(const char *what, struct bytes name, int rc)
{
	log_error("link.settings.failed", LOG_STR("what", what), LOG_BYTES("name", name), LOG_STR("reason", err_name(rc)));
}

/* Our certificate, for the roles that this box has. */
static void present(struct tls_store *t, const struct settings *s, bool is_edge, bool is_core, bool *has)
{
	struct bytes name = settings_text(s, SET_LINK_CERTIFICATE);
	struct bytes pem = settings_text_at(s, SET_CERTIFICATE_CHAIN, name);
	*has = false;
	if (pem.n == 0) {
		log_info("link.no_certificate", LOG_BYTES("name", name), LOG_STR("do", "link enrol at the edge, link join at the core"));
		return;
	}
	int rc = tls_store_add_certificate(t, name, pem);

	if (rc && rc != ERR_CERT_EXPIRED && rc != ERR_CERT_NOT_YET) {
		complain("certificate", name, rc);
		return;
	}
	*has = true;
	rc = is_edge ? tls_store_add_domain(t, LINK_ROLE_EDGE, name) : 0;
	if (!rc && is_core)
		rc = tls_store_add_domain(t, LINK_ROLE_CORE, name);
	if (rc)
		complain("certificate", name, rc); /* it is shown all the same: the other side says no */
}

/* Nothing but these: the public authorities are never trusted here. */
static void trust(struct tls_store *t, const struct settings *s)
{
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_LINK_AUTHORITY, &at, &key);) {
		int rc = tls_store_trust_anchor(t, key, settings_text_at(s, SET_LINK_AUTHORITY, key));
		if (rc)
			complain("authority", key, rc);
	}
}

static void read_store(struct joint *j, const struct settings *s, bool is_core)
{
	struct tls_store *t = tls_store_new(j->keys);

	if (!t || tls_store_require_13(t))
		die("link.settings", "no memory");
	present(t, s, j->is_edge, is_core, &j->has_certificate);
	trust(t, s);
	tls_store_free(j->tls);
	j->tls = t;
}

/* Is an authority gone that was believed before? */
static bool lost_authority(const struct settings *before, const struct settings *s)
{
	struct bytes key;

	for (size_t at = 0; settings_next_key(before, SET_LINK_AUTHORITY, &at, &key);)
		if (!bytes_eq(settings_text_at(before, SET_LINK_AUTHORITY, key), settings_text_at(s, SET_LINK_AUTHORITY, key)))
			return true;
	return false;
}

static void drop_all(struct joint *j, const char *why)
{
	LIST_EACH (it, &j->trunks)
		trunk_drop(LIST_OWNER(it, struct trunk, node), why);
}

void joint_apply(struct joint *j, const struct settings *s)
{
	bool is_core = has_any(s, SET_LINK_EDGE_ADDRESS);

	j->is_edge = has_any(s, SET_LINK_LISTEN);
	if (j->sessions_max != (uint32_t)settings_int(s, SET_LINK_SESSIONS))
		files_limit_promise("link sessions-max", (uint64_t)settings_int(s, SET_LINK_SESSIONS), 1);
	j->sessions_max = (uint32_t)settings_int(s, SET_LINK_SESSIONS);
	if (dns_settings_apply(j->dns, s))
		log_error("link.settings.failed", LOG_STR("what", "dns"));
	if (j->is_edge || is_core)
		read_store(j, s, is_core);
	if (j->settings && lost_authority(j->settings, s))
		drop_all(j, "authority");
	j->settings = s;
	ferries_apply(j, s);
	dial_apply(j, s);
	renew_apply(j);
	joint_look_lonely(j);
	j->is_ready = true;
	joint_accept_update(j);
}

void joint_look_lonely(struct joint *j)
{
	bool is_lonely = j->is_edge;

	LIST_EACH (it, &j->trunks) {
		const struct trunk *t = LIST_OWNER(it, struct trunk, node);
		is_lonely = is_lonely && (t->edge || !t->is_up);
	}
	if (!j->is_edge || !is_lonely) {
		loop_timer_del(j->loop, &j->lonely);
		alarm_clear(ALARM_LINK_DOWN, "");
	} else if (!loop_timer_is_set(&j->lonely))
		(void)loop_timer_set(j->loop, &j->lonely, LONELY_MS); /* no memory: the log has said it */
}

void joint_config_fini(struct joint *j)
{
	tls_store_free(j->tls);
	j->tls = NULL;
}
