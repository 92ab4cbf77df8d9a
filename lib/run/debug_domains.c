#include "run/debug_domains.h"

#include "run/log_watch.h"

/* The map's values only say that they are there. */
int debug_domains_read(struct map *domains, const struct settings *s)
{
	static bool is_there;
	size_t at = 0;
	struct bytes key;
	int rc = 0;

	while (rc == 0 && settings_next_key(s, SET_LOG_DEBUG_DOMAIN, &at, &key))
		if (settings_bool_at(s, SET_LOG_DEBUG_DOMAIN, key))
			rc = map_add(domains, key, &is_there);
	return rc;
}

bool debug_domains_has(const struct map *domains, struct bytes domain)
{
	return domain.n && ((domains->count && map_get(domains, domain)) || log_watch_has_domain(domain));
}
