/* What a box of its role runs (run/service.h). */
#include "conf.h"
#include "run/service.h"

bool conf_runs(const struct conf *c, enum prog p)
{
	return service_runs(service_of(p), service_role(rows_value(&c->store.running, SET_SYSTEM_ROLE, BYTES_NONE)));
}
