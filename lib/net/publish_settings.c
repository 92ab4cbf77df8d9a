#include "net/publish_settings.h"

#include "base/err.h"
#include "base/log.h"

static void complain(const char *what, struct bytes key, int rc, const char *why)
{
	log_error("publish.settings", LOG_STR("what", what), LOG_BYTES("name", key), LOG_STR("reason", why && why[0] ? why : err_name(rc)));
}

void publish_settings_list(const struct settings *s, bool needs_url, struct allow_list *out)
{
	const char *why;
	struct bytes key;
	int rc;

	allow_init(out);
	for (size_t at = 0; settings_next_key(s, SET_PUBLISH_NAME, &at, &key);) {
		if (!settings_is_set(s, SET_PUBLISH_NAME, key) || (needs_url && !settings_is_set(s, SET_PUBLISH_URL, key)))
			continue;
		rc = allow_add_site(out, key, settings_text_at(s, SET_PUBLISH_NAME, key), settings_text_at(s, SET_PUBLISH_DEPLOYMENT, key));
		if (rc)
			complain("target", key, rc, NULL);
	}
	for (size_t at = 0; settings_next_key(s, SET_PUBLISH_RULE_URL, &at, &key);) {
		struct allow_words w = {
			.name = key,
			.url = settings_text_at(s, SET_PUBLISH_RULE_URL, key),
			.methods = settings_text_at(s, SET_PUBLISH_RULE_METHODS, key),
			.match = settings_enum_at(s, SET_PUBLISH_RULE_MATCH, key) ? BYTES("exact") : BYTES("prefix"),
			.deployment = settings_text_at(s, SET_PUBLISH_RULE_DEPLOYMENT, key),
		};
		if (!w.url.n)
			continue;
		rc = allow_add_rule(out, &w, &why);
		if (rc)
			complain("rule", key, rc, why);
	}
}
