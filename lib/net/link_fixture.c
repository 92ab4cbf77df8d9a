#include "net/link_fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void on_connected(void *arg)
{
	((struct end *)arg)->is_connected = true;
}

static void on_secured(void *arg)
{
	((struct end *)arg)->is_secured = true;
}

static void on_data(void *arg, struct bytes in)
{
	struct end *e = arg;

	e->n_data++;
	buf_put_bytes(&e->in, in);
	if (e->pause_on_data)
		link_pause(&e->link, true);
}

static void on_drained(void *arg)
{
	((struct end *)arg)->n_drained++;
}

static void on_ended(void *arg)
{
	((struct end *)arg)->has_ended = true;
}

static void on_closed(void *arg, int why)
{
	struct end *e = arg;

	e->is_closed = true;
	e->why = why;
}

const struct link_owner end_owner = {
	.connected = on_connected, .secured = on_secured, .data = on_data, .drained = on_drained, .closed = on_closed,
};

const struct link_owner half_owner = {
	.connected = on_connected, .secured = on_secured, .data = on_data, .drained = on_drained, .ended = on_ended, .closed = on_closed,
};

void end_init(struct end *e)
{
	*e = (struct end){ 0 };
	buf_init(&e->in, 64 << 20);
}

void pair_open(struct pair *p, struct loop *l, uint32_t queue_max)
{
	int fds[2];

	p->loop = l;
	end_init(&p->server);
	end_init(&p->client);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) ||
	    link_accept(&p->server.link, l, fds[0], &end_owner, &p->server, queue_max) ||
	    link_accept(&p->client.link, l, fds[1], &end_owner, &p->client, queue_max)) {
		perror("pair_open");
		abort();
	}
}

void pair_close(struct pair *p)
{
	link_close(&p->server.link);
	link_close(&p->client.link);
	buf_fini(&p->server.in);
	buf_fini(&p->client.in);
}

bool pair_until(struct loop *l, const bool *what)
{
	for (unsigned i = 0; i < 1000 && !*what; i++)
		loop_turn(l, 10);
	return *what;
}

void pair_turns(struct loop *l, unsigned n)
{
	while (n--)
		loop_turn(l, 1);
}

bool pair_secure(struct pair *p, struct tls *server, struct tls *client)
{
	if (link_start_tls(&p->server.link, server, 5000) || link_start_tls(&p->client.link, client, 5000))
		return false;
	for (unsigned i = 0; i < 1000; i++) {
		if (p->server.is_closed || p->client.is_closed)
			return false;
		if (p->server.is_secured && p->client.is_secured)
			return true;
		loop_turn(p->loop, 10);
	}
	return false;
}
