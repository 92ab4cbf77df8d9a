/* Is there a resolver to use at all? Apart from the resolver, so that what decides by it stays pure. */
#include "run/settings.h"

bool settings_have_dns(const struct settings *s)
{
	size_t at = 0, zone_at = 0;
	struct bytes key;

	return settings_next_key(s, SET_DNS_SERVER, &at, &key) || settings_next_key(s, SET_DNS_ZONE_SERVER, &zone_at, &key);
}

bool settings_validate_dns(const struct settings *s)
{
	size_t at = 0;
	struct bytes key;
	bool is = settings_bool(s, SET_DNS_VALIDATES);

	while (!is && settings_next_key(s, SET_DNS_ZONE_SERVER, &at, &key))
		is = settings_bool_at(s, SET_DNS_ZONE_VALIDATES, key);
	return is;
}
