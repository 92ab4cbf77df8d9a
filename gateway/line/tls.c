#include "tls.h"

#include "base/err.h"
#include "net/tls_settings.h"

void line_apply_tls(struct line *l, const struct settings *s)
{
	char first[TLS_DOMAIN_BYTES];
	struct tls_store *t;

	int rc = tls_settings_store(s, l->keys, l->tls, &t, first);
	if (rc) {
		log_error("line.settings.failed", LOG_STR("reason", err_name(rc)));
		return; /* the old certificates stay */
	}
	tls_store_use_news(t, &l->news);
	siptransports_set_tls(sipendpoint_transports(l->sip), t);
	/* Many phones send no SNI: of several domains they see the first that could be loaded. */
	siptransports_set_default_domain(sipendpoint_transports(l->sip), first[0] ? first : NULL);
	tls_store_free(l->tls);
	l->tls = t;
}
