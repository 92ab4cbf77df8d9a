#include "run/service.h"

enum { DELAY_MS = 200, DELAY_MAX_MS = 30000, FDS_FEW = 256, FDS_MANY = 20000 };

static const struct service services[] = {
	/* prog         plane       roles      may                             folder   min max  files     restart delays */
	{ PROG_SUPER,  PLANE_ROOT, ROLE_BOTH, 0,                              "",      1,  1,   FDS_FEW,  DELAY_MS, DELAY_MAX_MS },
	{ PROG_CONF,   PLANE_MGMT, ROLE_BOTH, FENCE_FILES | FENCE_ACCEPT,     "conf",  1,  1,   FDS_FEW,  DELAY_MS, DELAY_MAX_MS },
	{ PROG_KEYS,   PLANE_KEYS, ROLE_BOTH, FENCE_FILES,                    "keys",  1,  1,   FDS_FEW,  DELAY_MS, DELAY_MAX_MS },
	{ PROG_SWITCH, PLANE_HUB,  ROLE_BOTH, 0,                              "",      1,  1,   FDS_FEW,  DELAY_MS, DELAY_MAX_MS },
	{ PROG_S2S,    PLANE_DMZ,  ROLE_EDGE, FENCE_ACCEPT | FENCE_CONNECT | FENCE_BIND, "",      1,  1,   FDS_MANY, DELAY_MS, DELAY_MAX_MS },
	{ PROG_ACCESS, PLANE_CORE, ROLE_CORE, FENCE_ACCEPT,                   "",      1,  16,  FDS_MANY, DELAY_MS, DELAY_MAX_MS },
	{ PROG_IM,     PLANE_CORE, ROLE_CORE, 0,                              "",      1,  1,   FDS_FEW,  DELAY_MS, DELAY_MAX_MS },
	{ PROG_STORE,  PLANE_CORE, ROLE_CORE, FENCE_FILES,                    "store", 1,  1,   FDS_FEW,  DELAY_MS, DELAY_MAX_MS },
};
_Static_assert(sizeof services / sizeof services[0] == PROG_COUNT, "one row a program");

static const struct service_listener listeners[] = {
	/* name      program      unix   per instance */
	{ "c2s",     PROG_ACCESS, false, true },  /* RFC 6120 3, STARTTLS; F-030 */
	{ "c2s-tls", PROG_ACCESS, false, true },  /* XEP-0368 */
	{ "s2s",     PROG_S2S,    false, false }, /* RFC 6120 3, STARTTLS; F-031 */
	{ "s2s-tls", PROG_S2S,    false, false }, /* XEP-0368 */
	{ "ghsh",    PROG_CONF,   true,  false }, /* operators of this box */
};

const struct service *service_of(enum prog p)
{
	return p < PROG_COUNT ? &services[p] : NULL;
}

const struct service_listener *service_listener(struct bytes name)
{
	for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++)
		if (bytes_eq_str(name, listeners[i].name))
			return &listeners[i];
	return NULL;
}
