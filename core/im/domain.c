#include "domain.h"

#include "auth/policy.h"

#include <stdlib.h>

struct domain *domain_of(const struct im *im, struct bytes name)
{
	return map_get(&im->domains, name);
}

static struct domain *make(struct bytes name, struct bytes contact)
{
	struct domain *d = malloc(sizeof *d + name.n + contact.n + 1);

	if (!d)
		return NULL;
	uint8_t *p = (uint8_t *)(d + 1);
	memcpy(p, name.p, name.n);
	if (contact.n)
		memcpy(p + name.n, contact.p, contact.n);
	d->name = bytes_make(p, name.n);
	d->contact = bytes_make(p + name.n, contact.n);
	return d;
}

void domains_fini(struct im *im)
{
	size_t at = 0;

	for (struct domain *d; (d = map_next(&im->domains, &at));)
		free(d);
	map_fini(&im->domains);
}

void domains_apply(struct im *im, const struct settings *s)
{
	struct bytes key;
	size_t at = 0;

	domains_fini(im);
	while (settings_next_key(s, SET_DOMAIN_CERTIFICATE, &at, &key)) {
		/* A contact address alone does not make a domain. */
		if (!settings_is_set(s, SET_DOMAIN_CERTIFICATE, key))
			continue;
		struct domain *d = make(key, settings_text_at(s, SET_DOMAIN_CONTACT, key));
		if (d)
			d->outside = policy_read(s, key);
		if (!d || map_add(&im->domains, d->name, d)) {
			im_stats[STAT_NO_MEMORY]++;
			free(d);
		}
	}
}
