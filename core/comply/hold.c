#include "comply.h"

#include "proto/jid.h"

#include <stdio.h>

bool hold_is_of(struct bytes address, struct bytes name)
{
	struct jid j = jid_of_normal(address);

	return address.n && (bytes_eq(jid_bare(&j), name) || bytes_eq(jid_domain(&j), name));
}

static bool is_held(const struct comply *c, struct bytes address)
{
	struct jid j = jid_of_normal(address);

	return address.n && (settings_is_set(c->settings, SET_COMPLY_HOLD, jid_bare(&j)) ||
	                     settings_is_set(c->settings, SET_COMPLY_HOLD, jid_domain(&j)));
}

bool hold_has(const struct comply *c, const struct record *r)
{
	return is_held(c, r->from) || is_held(c, r->to);
}

bool hold_is_any(const struct comply *c)
{
	size_t at = 0;
	struct bytes key;

	return settings_next_key(c->settings, SET_COMPLY_HOLD, &at, &key);
}

void hold_tell(struct comply *c)
{
	static const char *const modes[] = { "off", "fast", "blocking" };
	char text[sizeof c->rules];
	size_t at = 0;
	struct bytes key;
	int n = snprintf(text, sizeof text, "mode=%s retention-days=%llu holds=", modes[c->config.mode],
	                 (unsigned long long)(c->config.keep_ms / 86400000));

	while ((size_t)n < sizeof text && settings_next_key(c->settings, SET_COMPLY_HOLD, &at, &key))
		n += snprintf(text + n, sizeof text - (size_t)n, "%.*s ", BYTES_FMT(key));
	if (strcmp(text, c->rules) == 0)
		return;
	snprintf(c->rules, sizeof c->rules, "%s", text);
	intake_event(c, "settings", "%s", text);
}
