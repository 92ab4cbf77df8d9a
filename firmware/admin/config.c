#include "conn.h"

#include "base/err.h"
#include "base/log.h"
#include "net/tls_settings.h"

#include <stdio.h>

enum { MINUTE_MS = 60000 };
enum { WEB_METRICS_OFF, WEB_METRICS_ACCOUNTS }; /* values of `web metrics`, in order */

/* The one name under which the certificate is kept: whatever a browser asks for, it is shown this. */
const char conn_tls_name[] = "web.invalid";

static struct tls_store *load(struct admin *a, const struct settings *s, struct bytes name)
{
	struct tls_store *t = tls_store_new(a->keys);

	if (!t)
		return NULL;
	if (settings_enum(s, SET_TLS_MINIMUM) == TLS_13 && tls_store_require_13(t))
		die("tls.settings", "TLS 1.3 cannot be required");
	int rc = tls_store_add_certificate(t, name, settings_text_at(s, SET_CERTIFICATE_CHAIN, name));
	if (rc)
		log_warn("web.certificate", LOG_BYTES("certificate", name), LOG_STR("reason", err_name(rc)));
	rc = tls_store_add_domain(t, conn_tls_name, name);
	if (rc == 0 || rc == ERR_CERT_NAME) /* browsers compare with the name that they asked for */
		return t;
	log_error("web.certificate.bad", LOG_BYTES("certificate", name), LOG_STR("reason", err_name(rc)));
	tls_store_free(t);
	return NULL;
}

/* A certificate that cannot be used leaves the one that was: an administrator must not lock himself out. */
static void apply_certificate(struct admin *a, const struct settings *s)
{
	struct bytes name = settings_text(s, SET_WEB_CERTIFICATE);
	struct tls_store *t = name.n ? load(a, s, name) : NULL;

	if (name.n && !t)
		return;
	if (t) {
		tls_store_keep_tickets(t, a->tls);
		tls_store_use_news(t, &a->news);
	}
	tls_store_free(a->tls);
	a->tls = t;
}

/* A range that is none stops the commit (gh-conf). */
static void read_sources(struct admin_config *c, const struct settings *s)
{
	struct bytes key;

	for (size_t at = 0; settings_next_key(s, SET_WEB_METRICS_SOURCE, &at, &key) && c->n_metrics_sources < ADMIN_METRICS_SOURCES_MAX;)
		c->n_metrics_sources +=
			prefix_parse(settings_text_at(s, SET_WEB_METRICS_SOURCE, key), &c->metrics_sources[c->n_metrics_sources]) == 0;
}

void admin_apply(struct admin *a, const struct settings *s)
{
	a->config = (struct admin_config){
		.conns_max = (uint32_t)settings_int(s, SET_WEB_CONNS),
		.conns_per_address = (uint32_t)settings_int(s, SET_WEB_CONNS_ADDRESS),
		.sessions_max = (uint32_t)settings_int(s, SET_WEB_SESSIONS),
		.idle_ms = (uint64_t)settings_int(s, SET_WEB_IDLE) * MINUTE_MS,
		.session_ms = (uint64_t)settings_int(s, SET_WEB_SESSION) * MINUTE_MS,
		.is_bound = settings_bool(s, SET_WEB_BOUND),
		.has_metrics = settings_enum(s, SET_WEB_METRICS) != WEB_METRICS_OFF,
	};
	read_sources(&a->config, s);
	if (a->config.n_metrics_sources == 0)
		collector_close(a);
	struct bytes banner = settings_text(s, SET_OPERATORS_BANNER);
	snprintf(a->config.banner, sizeof a->config.banner, "%.*s", BYTES_FMT(banner));
	apply_certificate(a, s);
	a->is_ready = true;
	admin_accept_update(a);
}
