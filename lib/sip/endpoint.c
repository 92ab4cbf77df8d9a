#include "sip/endpoint_impl.h"

#include <stdio.h>
#include <stdlib.h>

static void on_message(void *arg, struct sipmsg *m, const struct sip_source *from)
{
	if (sipmsg_is_request(m))
		server_take(arg, m, from);
	else
		client_take(arg, m, from);
}

static void on_failed(void *arg, uint64_t token, int rc, const char *words)
{
	client_failed(arg, token, rc, words);
}

static void on_closed(void *arg, uint64_t flow, int why)
{
	struct sipendpoint *e = arg;

	if (e->owner->closed)
		e->owner->closed(e->arg, flow, why);
}

static bool on_welcome(void *arg, const union sip_sockaddr *from)
{
	struct sipendpoint *e = arg;

	return e->owner->welcome(e->arg, from);
}

static bool on_keepalive(void *arg, const struct sip_source *from, bool is_stun)
{
	struct sipendpoint *e = arg;

	return e->owner->keepalive(e->arg, from, is_stun);
}

static int on_prove(void *arg, struct tls *t, const struct sip_place *to, const char **words)
{
	struct sipendpoint *e = arg;

	return e->owner->prove(e->arg, t, to, words);
}

static int on_admit(void *arg, struct tls *t, const struct sip_source *from, const char **words)
{
	struct sipendpoint *e = arg;

	return e->owner->admit(e->arg, t, from, words);
}

struct sipendpoint *sipendpoint_new(struct loop *l, const struct sipendpoint_owner *o, void *arg)
{
	struct sipendpoint *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->loop = l;
	e->owner = o;
	e->arg = arg;
	list_init(&e->late);
	ack_init(e);
	e->servers_max = SERVERS_MAX;
	e->clients_max = CLIENTS_MAX;
	e->transport_owner = (struct siptransport_owner){
		.message = on_message,
		.failed = on_failed,
		.closed = on_closed,
		.welcome = o->welcome ? on_welcome : NULL,
		.keepalive = o->keepalive ? on_keepalive : NULL,
		.prove = o->prove ? on_prove : NULL,
		.admit = o->admit ? on_admit : NULL,
	};
	e->transports = siptransports_new(l, &e->transport_owner, e);
	if (!e->transports) {
		free(e);
		return NULL;
	}
	return e;
}

void sipendpoint_free(struct sipendpoint *e)
{
	if (!e)
		return;
	server_free_all(e);
	client_free_all(e);
	ack_fini(e);
	siptransports_free(e->transports);
	map_fini(&e->servers);
	map_fini(&e->claims);
	map_fini(&e->clients);
	free(e);
}

struct siptransports *sipendpoint_transports(struct sipendpoint *e)
{
	return e->transports;
}

void sipendpoint_set_sent_by(struct sipendpoint *e, const char *host, uint16_t port)
{
	snprintf(e->host, sizeof e->host, "%s", host ? host : "");
	e->port = port;
}

void sipendpoint_set_limits(struct sipendpoint *e, uint32_t servers, uint32_t clients)
{
	e->servers_max = servers;
	e->clients_max = clients;
}

void sipendpoint_counts(const struct sipendpoint *e, struct sipendpoint_counts *out)
{
	*out = e->counts;
	out->servers = e->servers.count;
	out->clients = e->clients.count;
	out->held_bytes += (e->servers.cap + e->claims.cap + e->clients.cap) * sizeof(struct map_slot);
}

void sipendpoint_print_machines(struct buf *out)
{
	fsm_print(&server_invite_fsm, out);
	fsm_print(&server_other_fsm, out);
	fsm_print(&client_invite_fsm, out);
	fsm_print(&client_other_fsm, out);
}

int endpoint_answer(struct sipendpoint *e, const struct sip_source *to, const struct sipmsg *response, struct bytes text)
{
	struct sip_via via;

	if (!sipmsg_via(response, 0, &via))
		return ERR_SYNTAX;
	return siptransports_answer(e->transports, to, &via, text);
}

int sipendpoint_pass_response(struct sipendpoint *e, const struct sip_source *to, const struct sipmsg *response)
{
	struct buf text;

	buf_init(&text, 2 * SIPMSG_MAX_BYTES);
	int rc = sipmsg_print(response, &text);
	if (rc == 0)
		rc = endpoint_answer(e, to, response, buf_bytes(&text));
	buf_fini(&text);
	return rc;
}
