#include "flight.h"

#include <stdlib.h>

#include "base/err.h"

struct item {
	uint64_t id;
	size_t n;
	uint8_t domain[];
};

void flight_fini(struct flight *f)
{
	while (flight_take(f))
		continue;
	map_fini(&f->by_id);
}

int flight_add(struct flight *f, uint64_t id, struct bytes domain)
{
	if (f->by_id.count >= FLIGHT_MAX)
		return ERR_FULL;
	struct item *it = malloc(sizeof *it + domain.n);
	if (!it)
		return ERR_NOMEM;
	it->id = id;
	it->n = domain.n;
	if (domain.n)
		memcpy(it->domain, domain.p, domain.n);
	int rc = map_add_u64(&f->by_id, id, it);
	if (rc)
		free(it);
	return rc == ERR_EXISTS ? 0 : rc;
}

struct bytes flight_domain(const struct flight *f, uint64_t id)
{
	const struct item *it = map_get_u64(&f->by_id, id);

	return it ? bytes_make(it->domain, it->n) : BYTES_NONE;
}

bool flight_del(struct flight *f, uint64_t id)
{
	struct item *it = map_del_u64(&f->by_id, id);

	free(it);
	return it != NULL;
}

uint64_t flight_take(struct flight *f)
{
	size_t at = 0;
	struct item *it = map_next(&f->by_id, &at);

	if (!it)
		return 0;
	uint64_t id = it->id;
	(void)flight_del(f, id); /* it is the one found */
	return id;
}
