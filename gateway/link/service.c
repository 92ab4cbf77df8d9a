#include "ferry.h"
#include "renew.h"

static const struct link_service services[] = {
	{ "xmpp-client", TRUNK_SIGNAL, PROG_ACCESS, MSG_CLIENT_STREAM, NULL, true }, /* RFC 6120 */
	{ "sip-client", TRUNK_SIGNAL, PROG_LINE, MSG_SIP_STREAM, NULL, true },       /* RFC 5626 */
	{ "http-upload", TRUNK_BULK, PROG_FILES, MSG_FILE_STREAM, NULL, true },      /* XEP-0363 */
	{ "http", TRUNK_BULK, PROG_PUBLISH, MSG_WEB_STREAM, NULL, true },             /* mra.md M-15 */
	{ "link-renew", TRUNK_SIGNAL, PROG_LINK, MSG_COUNT, renew_serve, true },      /* renew.h */
	{ "partners", TRUNK_SIGNAL, PROG_LINK, MSG_COUNT, ferry_serve, false },       /* ferry.h */
};

const struct link_service *link_service_with(enum msg with)
{
	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
		if (services[i].with == with)
			return &services[i];
	return NULL;
}

const struct link_service *link_service_of(struct bytes name)
{
	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
		if (bytes_eq_str(name, services[i].name))
			return &services[i];
	return NULL;
}
