#include "worker.h"

#include "base/err.h"
#include "net/tls_settings.h"

/* What clients over TLS and DTLS are shown. The keys are in gh-keys. */

/* RFC 7443 3: a client without ALPN is served too; one that offers others only is refused (RFC 7301 3.2). */
const char *const worker_alpn[] = { "stun.turn", "stun.nat-discovery", NULL };

void certificates_apply(struct worker *w)
{
	char first[TLS_DOMAIN_BYTES];
	struct tls_store *t;

	int rc = tls_settings_store(w->settings, w->keys, w->tls, &t, first);
	if (rc) {
		log_error("turn.settings.failed", LOG_STR("reason", err_name(rc)));
		return; /* the old certificates stay */
	}
	/* Many clients send no SNI: of several domains they see the first that could be loaded. */
	memcpy(w->tls_domain, first, sizeof first);
	tls_store_use_news(t, &w->news);
	tls_store_free(w->tls);
	w->tls = t;
}

void certificates_fini(struct worker *w)
{
	tls_store_free(w->tls);
	tls_news_fini(&w->news);
	keyproxy_free(w->keys);
	w->tls = NULL;
	w->keys = NULL;
}
