#include "listener.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static const struct {
	const char *name;
	enum siptransport transport;
	bool is_mutual;
} kinds[] = {
	{ "sip-udp", SIPT_UDP, false }, /* 5060 */
	{ "sip-tcp", SIPT_TCP, false }, /* 5060 */
	{ "sip-tls", SIPT_TLS, false }, /* 5061: a certificate is asked for (B-PRX-01) */
	{ "sip-mtls", SIPT_TLS, true }, /* 5062: it is demanded */
};

static struct gsip_listener *find(struct gsip *g, const char *name, const char *addr, uint16_t port)
{
	for (size_t i = 0; i < GSIP_LISTENERS_MAX; i++) {
		struct gsip_listener *l = &g->listeners[i];
		if (l->is_there && l->port == port && strcmp(l->name, name) == 0 && strcmp(l->addr, addr) == 0)
			return l;
	}
	return NULL;
}

static void close_one(struct gsip *g, struct gsip_listener *l)
{
	siptransports_unlisten(sipendpoint_transports(g->endpoint), l->id);
	l->is_there = false;
}

static struct gsip_listener *free_place(struct gsip *g)
{
	for (size_t i = 0; i < GSIP_LISTENERS_MAX; i++)
		if (!g->listeners[i].is_there)
			return &g->listeners[i];
	return NULL;
}

static int open_one(struct gsip *g, struct gsip_listener *l, const char *name, int fd)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return siptransports_listen(sipendpoint_transports(g->endpoint), kinds[i].transport, kinds[i].is_mutual, fd, &l->id);
	(void)close(fd); /* nothing of ours */
	return ERR_UNKNOWN;
}

void listener_change(void *program, const char *name, const char *addr, uint16_t port, int fd)
{
	struct gsip *g = program;
	struct gsip_listener *l = find(g, name, addr, port);
	int rc = ERR_FULL;

	if (msrp_door_listener(g->msrp, name, addr, port, fd))
		return;
	if (l)
		close_one(g, l);
	if (fd < 0)
		return;
	l = free_place(g);
	if (l)
		rc = open_one(g, l, name, fd);
	else
		(void)close(fd); /* a listener has nothing to lose */
	if (rc < 0) {
		log_error("sip.listener", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", err_name(rc)));
		return;
	}
	l->is_there = true;
	l->port = port;
	(void)snprintf(l->name, sizeof l->name, "%s", name);
	(void)snprintf(l->addr, sizeof l->addr, "%s", addr); /* it is an address */
	if (sip_sockaddr_of(bytes_of(addr), port, &l->sockaddr) < 0)
		l->sockaddr = (union sip_sockaddr){ 0 };
	log_info("sip.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
}

void listener_close_all(struct gsip *g)
{
	for (size_t i = 0; i < GSIP_LISTENERS_MAX; i++)
		if (g->listeners[i].is_there)
			close_one(g, &g->listeners[i]);
	msrp_door_unlisten(g->msrp);
}
