#include "msrp_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"

enum { ACCEPTS_A_TURN = 64, ACCEPT_PAUSE_MS = 500 };

/* ---- listeners ---- */

static void watch_listeners(struct msrp_door *d, unsigned events)
{
	for (unsigned i = 0; i < MSRP_LISTENERS_MAX; i++)
		if (d->listeners[i].is_there && loop_watch_set(&d->listeners[i].watch, events))
			log_error("msrp.listener", LOG_STR("address", d->listeners[i].addr), LOG_STR("reason", "nomem"));
}

static void on_pause_over(void *arg)
{
	watch_listeners(arg, LOOP_READ);
}

/* No descriptor or memory left: newcomers stay with the kernel for a while. */
static void pause_accept(struct msrp_door *d, int why)
{
	uint32_t held;

	if (loop_timer_set(d->loop, &d->accept_pause, ACCEPT_PAUSE_MS))
		return; /* no memory even for the timer: go round once more */
	watch_listeners(d, 0);
	if (log_limit_pass(&d->limit_log, 5, loop_now(d->loop), &held))
		log_warn("msrp.accept.paused", LOG_INT("errno", why), LOG_INT("connections", d->n_conns), LOG_INT("held", held));
}

static void on_listener(void *arg, unsigned events)
{
	struct msrp_listener *l = arg;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && l->is_there; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			msrp_conn_accept(l->door, fd, l->is_tls);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accept(l->door, errno);
		return;
	}
}

static void listener_close(struct msrp_listener *l)
{
	if (!l->is_there)
		return;
	loop_watch_del(&l->watch);
	(void)close(l->fd); /* a listener has nothing to lose */
	l->is_there = false;
}

static struct msrp_listener *find_listener(struct msrp_door *d, bool is_tls, const char *addr, uint16_t port)
{
	for (unsigned i = 0; i < MSRP_LISTENERS_MAX; i++) {
		struct msrp_listener *l = &d->listeners[i];
		if (l->is_there && l->is_tls == is_tls && l->port == port && strcmp(l->addr, addr) == 0)
			return l;
	}
	return NULL;
}

static bool listener_open(struct msrp_door *d, bool is_tls, const char *addr, uint16_t port, int fd)
{
	for (unsigned i = 0; i < MSRP_LISTENERS_MAX; i++) {
		struct msrp_listener *l = &d->listeners[i];
		if (l->is_there)
			continue;
		*l = (struct msrp_listener){ .door = d, .is_tls = is_tls, .port = port, .fd = fd };
		snprintf(l->addr, sizeof l->addr, "%s", addr);
		l->is_loopback = strncmp(addr, "127.", 4) == 0 || strcmp(addr, "::1") == 0;
		l->is_there = loop_watch_add(d->loop, &l->watch, fd, LOOP_READ, on_listener, l) == 0;
		return l->is_there;
	}
	return false;
}

bool msrp_door_listener(struct msrp_door *d, const char *name, const char *addr, uint16_t port, int fd)
{
	bool is_tls = strcmp(name, "msrp-tls") == 0;

	if (!is_tls && strcmp(name, "msrp") != 0)
		return false;
	struct msrp_listener *old = find_listener(d, is_tls, addr, port);
	if (old)
		listener_close(old);
	if (fd < 0)
		return true;
	if (listener_open(d, is_tls, addr, port, fd)) {
		log_info("msrp.listening", LOG_STR("name", name), LOG_STR("address", addr), LOG_INT("port", port));
	} else {
		log_error("msrp.listener", LOG_STR("address", addr), LOG_INT("port", port), LOG_STR("reason", "full"));
		(void)close(fd); /* as above */
	}
	return true;
}

void msrp_door_unlisten(struct msrp_door *d)
{
	for (unsigned i = 0; i < MSRP_LISTENERS_MAX; i++)
		listener_close(&d->listeners[i]);
}

/* ---- gh-xlate ---- */

int msrp_door_on_open(struct msrp_door *d, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	uint64_t key = wire_u64(&w);
	uint8_t flags = wire_u8(&w);
	struct bytes uri = wire_str(&w), path = wire_str(&w);
	struct msrp_session *s = map_get_u64(&d->by_key, key);

	if (wire_end(&w) || !key)
		return ERR_PROTOCOL;
	int rc = s ? 0 : msrp_session_new(d, key, uri, &s);
	if (rc == ERR_SYNTAX)
		return ERR_PROTOCOL;
	if (rc) {
		struct buf *b = chan_begin(bus_chan(d->bus, PROG_XLATE, 0), MSG_MSRP_CLOSE, 0);
		wire_put_u64(b, key);
		wire_put_u32(b, (uint32_t)rc);
		(void)chan_end(bus_chan(d->bus, PROG_XLATE, 0)); /* it waits for a connection, and no longer than that */
		return 0;
	}
	msrp_session_update(s, flags, path);
	return 0;
}

int msrp_door_on_frame(struct msrp_door *d, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct msrp_session *s = map_get_u64(&d->by_key, wire_u64(&w));
	struct bytes frame = wire_bytes(&w);

	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (!s || !s->conn)
		return 0; /* it has gone, gh-xlate will hear of it */
	d->counts.frames_out++;
	msrp_conn_send(s->conn, frame);
	return 0;
}

int msrp_door_on_close(struct msrp_door *d, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct msrp_session *s = map_get_u64(&d->by_key, wire_u64(&w));

	(void)wire_u32(&w);
	if (wire_end(&w))
		return ERR_PROTOCOL;
	if (s)
		msrp_session_free(s);
	return 0;
}

void msrp_door_down(struct msrp_door *d)
{
	struct msrp_session *s;

	for (size_t at = 0; (s = map_next(&d->by_key, &at)); at = 0)
		msrp_session_free(s);
}

/* ---- the whole ---- */

struct msrp_door *msrp_door_new(struct loop *l, struct bus *bus, struct dns *dns)
{
	struct msrp_door *d = calloc(1, sizeof *d);

	if (!d)
		return NULL;
	d->loop = l;
	d->bus = bus;
	d->dns = dns;
	list_init(&d->conns);
	address_table_init(&d->addresses);
	loop_timer_init(&d->accept_pause, on_pause_over, d);
	return d;
}

void msrp_door_free(struct msrp_door *d)
{
	if (!d)
		return;
	loop_timer_del(d->loop, &d->accept_pause);
	msrp_door_unlisten(d);
	msrp_door_down(d);
	while (!list_is_empty(&d->conns))
		msrp_conn_free(LIST_OWNER(d->conns.next, struct msrp_conn, node));
	map_fini(&d->by_key);
	map_fini(&d->by_id);
	address_table_fini(&d->addresses);
	free(d);
}

void msrp_door_set_tls(struct msrp_door *d, struct tls_store *store, const char *domain)
{
	d->store = store;
	snprintf(d->domain, sizeof d->domain, "%s", domain ? domain : "");
}

void msrp_door_pause(struct msrp_door *d, bool is_paused)
{
	d->is_paused = is_paused;
	LIST_EACH (it, &d->conns)
		link_pause(&LIST_OWNER(it, struct msrp_conn, node)->link, is_paused);
}

void msrp_door_counts(const struct msrp_door *d, struct msrp_door_counts *out)
{
	*out = d->counts;
	out->sessions = d->by_key.count;
	out->connections = d->n_conns;
}
