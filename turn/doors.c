#include "worker.h"

#include <stdio.h>
#include <unistd.h>

#include "base/err.h"

/* Listeners. Each worker has its own socket of each (SO_REUSEPORT), so that a client's packets always
 * meet the same worker. What a transport does with them is in its own file (struct door_kind). */

static const struct door_kind *const kinds[] = { &door_udp };

void doors_apply(struct worker *w)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (kinds[i]->apply)
			kinds[i]->apply(w);
}

static const struct door_kind *kind_named(const char *listener)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i]->listener, listener) == 0)
			return kinds[i];
	return NULL;
}

static void on_readable(void *arg, unsigned events)
{
	struct door *d = arg;

	(void)events;
	d->kind->readable(d);
}

void doors_init(struct worker *w)
{
	for (size_t i = 0; i < TURN_DOORS_MAX; i++)
		w->doors[i] = (struct door){ .worker = w, .fd = -1, .number = (uint8_t)i };
}

static void door_close(struct door *d)
{
	if (d->fd < 0)
		return;
	batch_flush(d->worker->batch);
	if (d->kind->close)
		d->kind->close(d);
	loop_watch_del(&d->watch);
	(void)close(d->fd); /* datagrams that wait there are lost, as on the way */
	d->fd = -1;
	turn_server_set_door(d->worker->server, d->number, NULL);
}

void doors_fini(struct worker *w)
{
	for (size_t i = 0; i < TURN_DOORS_MAX; i++)
		door_close(&w->doors[i]);
}

static struct door *find(struct worker *w, const char *name, const char *addr, uint16_t port)
{
	for (size_t i = 0; i < TURN_DOORS_MAX; i++) {
		struct door *d = &w->doors[i];
		if (d->fd >= 0 && d->facts.at.port == port && strcmp(d->name, name) == 0 && strcmp(d->addr, addr) == 0)
			return d;
	}
	return NULL;
}

static struct door *free_place(struct worker *w)
{
	for (size_t i = 0; i < TURN_DOORS_MAX; i++)
		if (w->doors[i].fd < 0)
			return &w->doors[i];
	return NULL;
}

static int door_open(struct door *d, const char *name, const char *addr, uint16_t port, int fd)
{
	int rc = endpoint_parse(addr, port, &d->facts.at);

	if (rc)
		return rc;
	d->kind = kind_named(name);
	if (!d->kind)
		return ERR_UNSUPPORTED;
	d->facts.transport = d->kind->transport;
	d->facts.seen = d->facts.at;
	(void)snprintf(d->name, sizeof d->name, "%s", name); /* cut names only fail to match */
	(void)snprintf(d->addr, sizeof d->addr, "%s", addr);
	rc = loop_watch_add(d->worker->loop, &d->watch, fd, d->worker->settings ? LOOP_READ : 0, on_readable, d);
	if (rc)
		return rc;
	d->fd = fd;
	rc = d->kind->open ? d->kind->open(d) : 0;
	if (rc) {
		loop_watch_del(&d->watch);
		d->fd = -1;
	}
	return rc;
}

void door_listener(struct worker *w, const char *name, const char *addr, uint16_t port, int fd)
{
	struct door *d = find(w, name, addr, port);

	if (d)
		door_close(d);
	if (fd >= 0) {
		d = free_place(w);
		int rc = d ? door_open(d, name, addr, port, fd) : ERR_FULL;
		if (rc) {
			log_error("turn.listen.failed", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", err_name(rc)));
			(void)close(fd); /* as above */
			return;
		}
		log_info("turn.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
	}
	worker_refresh(w);
}
