#include "run/service.h"

#include "run/files_limit.h"

enum { DELAY_MS = 200, DELAY_MAX_MS = 30000, FDS_FEW = 256, FDS_WEB = 2048, FDS_MANY = 20000 };

/* What a partner's stanza passes: gh-s2s, or gh-sip and gh-xlate; gh-switch; gh-im. Where an edge and a core do that together, doors
 * are at the edge, gh-im at the core, and between the gh-switch of both is gh-link. gh-xlate is at the edge for SIP partners, and at
 * the core for SIP clients of gh-line. */
enum { ROLE_AT_EDGE = ROLE_COMBINED | ROLE_EDGE, ROLE_AT_CORE = ROLE_COMBINED | ROLE_CORE };

static const struct service services[] = {
	/* prog         plane       roles      may                             folder   min max  files     restart delays */
	{ PROG_SUPER,   PLANE_ROOT, ROLE_BOTH,     0,                                "",        1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_CONF,    PLANE_MGMT, ROLE_BOTH,     FENCE_FILES | FENCE_ACCEPT,       "conf",    1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_KEYS,    PLANE_KEYS, ROLE_BOTH,     FENCE_FILES,                      "keys",    1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_SWITCH,  PLANE_HUB,  ROLE_BOTH,     0,                                "",        1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_S2S,     PLANE_DMZ,  ROLE_AT_EDGE,  FENCE_ACCEPT | FENCE_CONNECT | FENCE_BIND, "",        1, 1,  FDS_MANY,     DELAY_MS, DELAY_MAX_MS },
	{ PROG_ACCESS,  PLANE_CORE, ROLE_AT_CORE,  FENCE_ACCEPT,                     "",        1, 16, FILES_LIMIT_MOST, DELAY_MS, DELAY_MAX_MS },
	{ PROG_IM,      PLANE_CORE, ROLE_AT_CORE,  0,                                "",        1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_STORE,   PLANE_CORE, ROLE_AT_CORE,  FENCE_FILES | FENCE_CONNECT | FENCE_YIELDS, "store",   1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_SIP,     PLANE_DMZ,  ROLE_AT_EDGE,  FENCE_ACCEPT | FENCE_CONNECT | FENCE_BIND, "",        1, 1,  FDS_MANY,     DELAY_MS, DELAY_MAX_MS },
	{ PROG_XLATE,   PLANE_HUB,  ROLE_BOTH,     0,                                "",        1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_LINE,    PLANE_CORE, ROLE_AT_CORE,  FENCE_ACCEPT,                     "",        1, 1,  FILES_LIMIT_MOST, DELAY_MS, DELAY_MAX_MS },
	{ PROG_TURN,    PLANE_DMZ,  ROLE_AT_EDGE,  FENCE_ACCEPT | FENCE_RELAY | FENCE_MAPS, "",        1, 16, FDS_MANY,     DELAY_MS, DELAY_MAX_MS },
	{ PROG_XDP,     PLANE_DMZ,  ROLE_AT_EDGE,  FENCE_MAPS | FENCE_LINKS,         "",        0, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_ADMIN,   PLANE_MGMT, ROLE_BOTH,     FENCE_ACCEPT | FENCE_PAIRS,       "",        1, 1,  FDS_WEB,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_CAPTURE, PLANE_MGMT, ROLE_BOTH,     FENCE_FILES | FENCE_CAPTURE,      "capture", 1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_LOG,     PLANE_MGMT, ROLE_BOTH,     FENCE_FILES | FENCE_CONNECT,      "log",     1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_UPDATE,  PLANE_MGMT, ROLE_BOTH,     FENCE_FILES,                      "update",  1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_PRIV,    PLANE_ROOT, ROLE_BOTH,     FENCE_NETWORK,                    "",        0, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_TIME,    PLANE_MGMT, ROLE_BOTH,     FENCE_CONNECT,                    "time",    0, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_SNMP,    PLANE_MGMT, ROLE_BOTH,     FENCE_FILES | FENCE_CONNECT | FENCE_PAIRS, "snmp",    0, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_PKI,     PLANE_DMZ,  ROLE_BOTH,     FENCE_FILES | FENCE_ACCEPT | FENCE_CONNECT, "pki",     1, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_DHCP,    PLANE_DMZ,  ROLE_BOTH,     0,                                "",        0, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_PROXY,   PLANE_DMZ,  ROLE_AT_EDGE,  FENCE_ACCEPT | FENCE_PAIRS,       "",        1, 1,  FILES_LIMIT_MOST, DELAY_MS, DELAY_MAX_MS },
	{ PROG_LINK,    PLANE_DMZ,  ROLE_BOTH,     FENCE_ACCEPT | FENCE_CONNECT | FENCE_PAIRS, "",        1, 1,  FILES_LIMIT_MOST, DELAY_MS, DELAY_MAX_MS },
	{ PROG_DNS,     PLANE_DMZ,  ROLE_BOTH,     0,                                "dns",     0, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_FILES,   PLANE_CORE, ROLE_AT_CORE,  FENCE_FILES,                      "files",   0, 1,  FDS_WEB,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_PUBLISH, PLANE_CORE, ROLE_AT_CORE,  FENCE_CONNECT,                    "",        0, 1,  FDS_WEB,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_DIR,     PLANE_CORE, ROLE_AT_CORE,  FENCE_CONNECT,                    "",        0, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_COMPLY,  PLANE_CORE, ROLE_AT_CORE,  FENCE_FILES,                      "comply",  0, 1,  FDS_FEW,      DELAY_MS, DELAY_MAX_MS },
	{ PROG_SCAN,    PLANE_CORE, ROLE_AT_CORE,  FENCE_CONNECT,                    "",        0, 1,  FDS_WEB,      DELAY_MS, DELAY_MAX_MS },
};
_Static_assert(sizeof services / sizeof services[0] == PROG_COUNT, "one row a program");

static const struct service_listener listeners[] = {
	/* name      program      unix   per instance, datagrams */
	{ "c2s",     PROG_ACCESS, false, true, false },  /* RFC 6120 3, STARTTLS; F-030 */
	{ "c2s-tls", PROG_ACCESS, false, true, false },  /* XEP-0368 */
	{ "s2s",     PROG_S2S,    false, false, false }, /* RFC 6120 3, STARTTLS; F-031 */
	{ "s2s-tls", PROG_S2S,    false, false, false }, /* XEP-0368 */
	{ "sip-udp", PROG_SIP,    false, false, true }, /* RFC 3261 18; 5060 */
	{ "sip-tcp", PROG_SIP,    false, false, false }, /* 5060 */
	{ "sip-tls", PROG_SIP,    false, false, false }, /* server-authenticated, 5061 (B-PRX-01) */
	{ "sip-mtls", PROG_SIP,   false, false, false }, /* mutual, 5062 (B-PRX-01) */
	{ "msrp",    PROG_SIP,    false, false, false }, /* RFC 4975; 2855 */
	{ "msrp-tls", PROG_SIP,   false, false, false },
	{ "line-udp", PROG_LINE,  false, false, true }, /* SIP clients */
	{ "line-tcp", PROG_LINE,  false, false, false },
	{ "line-tls", PROG_LINE,  false, false, false },
	{ "turn-udp", PROG_TURN,  false, true, true },  /* RFC 8656; 3478 */
	{ "turn-tcp", PROG_TURN,  false, true, false },
	{ "turn-tls", PROG_TURN,  false, true, false }, /* 5349, 443 */
	{ "turn-dtls", PROG_TURN, false, true, true },  /* RFC 7350; 5349 */
	{ "web",     PROG_ADMIN,  false, false, false }, /* HTTPS; RFC 9110 4.2.2, 443 */
	{ "web-redirect", PROG_ADMIN, false, false, false }, /* answers 308 to HTTPS; 80 */
	{ "snmp",    PROG_SNMP,   false, false, true },  /* RFC 3417 3; 161 (F-080) */
	{ "acme",    PROG_PKI,    false, false, false }, /* RFC 8555 8.3; 80 */
	{ "acme-tls", PROG_PKI,   false, false, false }, /* RFC 8737; 443 */
	{ "https",   PROG_PROXY,  false, false, false }, /* clients from outside: mra.md M-02; 443 */
	{ "starttls", PROG_PROXY, false, false, false }, /* the same by STARTTLS: RFC 6120 5; 5222 (F-030) */
	{ "link",    PROG_LINK,   false, false, false }, /* cores that dial this edge */
	{ "ghsh",    PROG_CONF,   true,  false, false }, /* operators of this box */
};

const struct service *service_of(enum prog p)
{
	return p < PROG_COUNT ? &services[p] : NULL;
}

enum role service_role(struct bytes word)
{
	return bytes_eq_str(word, "edge") ? ROLE_EDGE : bytes_eq_str(word, "core") ? ROLE_CORE : ROLE_COMBINED;
}

enum role service_role_of(const struct settings *s)
{
	static const enum role roles[] = { ROLE_EDGE, ROLE_CORE, ROLE_COMBINED }; /* as in the setting's range */

	return roles[settings_enum(s, SET_SYSTEM_ROLE)];
}

bool service_runs(const struct service *s, enum role role)
{
	return s->roles & role;
}

bool service_may_listen(const struct service *s, enum role role)
{
	return service_runs(s, role) && !(role == ROLE_CORE && s->plane == PLANE_DMZ);
}

const struct service_listener *service_listener(struct bytes name)
{
	for (size_t i = 0; i < sizeof listeners / sizeof listeners[0]; i++)
		if (bytes_eq_str(name, listeners[i].name))
			return &listeners[i];
	return NULL;
}
