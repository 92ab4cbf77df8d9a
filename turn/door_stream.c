#include "door_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "net/handed.h"
#include "stream_impl.h"

/* Clients over TCP and TLS. The two doors differ in what a first byte may be: on a TCP door it decides (RFC 7983), on
 * a TLS door it must be TLS's. */

enum { ACCEPTS_A_TURN = 64, PAUSE_MS = 500 };

const char *const stream_stat_names[STREAM_STAT_COUNT] = {
	"turn.stream.accepted", "turn.stream.tls", "turn.stream.refused", "turn.stream.refused-address", "turn.stream.accept-paused",
	"turn.stream.malformed", "turn.stream.timeout", "turn.stream.tls-failed", "turn.stream.dropped", "turn.stream.closed", "turn.stream.front",
};

/* ---- accepting ---- */

static void set_accepting(struct worker *w, bool on)
{
	for (size_t i = 0; i < TURN_DOORS_MAX; i++) {
		struct door *d = &w->doors[i];
		if (d->fd >= 0 && (d->kind == &door_tcp || d->kind == &door_tls) && loop_watch_set(&d->watch, on ? LOOP_READ : 0))
			log_error("turn.listen.failed", LOG_STR("address", d->addr));
	}
}

static void on_pause_over(void *arg)
{
	set_accepting(((struct streams *)arg)->worker, true);
}

/* No descriptor or memory left (EMFILE and its kin): newcomers stay with the kernel for a while. */
static void pause_accept(struct streams *s, int why)
{
	uint32_t held;

	if (loop_timer_set(s->worker->loop, &s->pause, PAUSE_MS))
		return; /* no memory even for the timer: go round once more */
	set_accepting(s->worker, false);
	s->counts[STREAM_STAT_PAUSED]++;
	if (log_limit_pass(&s->short_lines, 1, loop_now(s->worker->loop), &held))
		log_warn("turn.accept.paused", LOG_INT("errno", why), LOG_INT("connections", s->n_clients), LOG_INT("not-shown", held));
}

static void count(struct door *d, const union endpoint *from, int rc)
{
	struct streams *s = d->worker->streams;
	struct turn_path path = { .transport = d->kind->transport, .door = d->number };

	if (!rc) {
		s->counts[STREAM_STAT_ACCEPTED]++;
		return;
	}
	s->counts[rc == ERR_LIMIT ? STREAM_STAT_REFUSED_ADDRESS : STREAM_STAT_REFUSED_FULL]++;
	endpoint_addr(from, &path.from);
	worker_io.refused(d->worker, &path, BYTES_NONE, "connection",
	                  rc == ERR_LIMIT ? "turn connections-address" : rc == ERR_FULL ? "turn connections-max" : err_text(rc));
}

static void readable(struct door *d)
{
	for (int i = 0; i < ACCEPTS_A_TURN && d->fd >= 0; i++) {
		union endpoint from = { 0 };
		socklen_t n = sizeof from;
		int fd = accept4(d->fd, &from.any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			count(d, &from, stream_accept(d, fd, &from));
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accept(d->worker->streams, errno);
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

static struct door *first_tls(struct worker *w)
{
	for (size_t i = 0; i < TURN_DOORS_MAX; i++)
		if (w->doors[i].fd >= 0 && w->doors[i].kind == &door_tls)
			return &w->doors[i];
	return NULL;
}

int stream_on_front(void *worker, struct chan *chan, const struct frame *f)
{
	struct worker *w = worker;
	struct door *d = w->settings ? first_tls(w) : NULL;
	union endpoint from = { 0 };
	socklen_t n = sizeof from;

	(void)chan;
	if (f->body.n || !handed_is_tcp(f->fd)) {
		(void)close(f->fd); /* it is nobody's */
		return ERR_SYNTAX;
	}
	if (!d || getpeername(f->fd, &from.any, &n) < 0) {
		(void)close(f->fd); /* nothing was written to it */
		return 0;
	}
	w->streams->counts[STREAM_STAT_FRONT]++;
	count(d, &from, stream_accept(d, f->fd, &from));
	return 0;
}

/* ---- what the worker asks ---- */

/* Its clients; all with NULL. By place: an end may end others. */
static void lose_all(struct streams *s, const struct door *d)
{
	for (uint32_t i = 0; i < s->n_places; i++) {
		struct stream_client *c = s->places[i].client;
		if (c && (!d || c->door == d))
			stream_lose(c);
	}
}

static void close_door(struct door *d)
{
	lose_all(d->worker->streams, d);
}

static void client_close(struct worker *w, const struct turn_path *client)
{
	struct stream_client *c = stream_find(w->streams, client);

	if (c)
		stream_finish(c);
}

static void apply(struct worker *w)
{
	w->streams->max = w->conf->connections < w->streams->most ? w->conf->connections : w->streams->most;
	w->streams->max_address = w->conf->connections_address;
}

const struct door_kind door_tcp = {
	.listener = "turn-tcp", .transport = TURN_TCP, .readable = readable, .close = close_door, .to_client = stream_to_client,
	.client_close = client_close, .apply = apply,
};
const struct door_kind door_tls = {
	.listener = "turn-tls", .transport = TURN_TLS, .readable = readable, .close = close_door, .to_client = stream_to_client,
	.client_close = client_close, .apply = apply,
};

/* ---- life ---- */

static void sweep(void *arg)
{
	struct streams *s = arg;

	LIST_EACH (it, &s->gone) {
		list_del(it);
		free(LIST_OWNER(it, struct stream_client, node));
	}
}

static void on_end_of_turn(void *arg)
{
	((struct streams *)arg)->n_begun = 0;
}

static uint32_t most_connections(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur / 2 > UINT32_MAX)
		return UINT32_MAX;
	return (uint32_t)(files.rlim_cur / 2);
}

struct streams *streams_new(struct worker *w)
{
	struct streams *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->worker = w;
	s->first_free = UINT32_MAX;
	s->most = most_connections();
	list_init(&s->all);
	list_init(&s->gone);
	loop_defer_init(&s->sweep, sweep, s);
	loop_defer_init(&s->end_of_turn, on_end_of_turn, s);
	loop_timer_init(&s->pause, on_pause_over, s);
	address_table_init(&s->addresses);
	return s;
}

void streams_free(struct streams *s)
{
	if (!s)
		return;
	lose_all(s, NULL);
	LIST_EACH (it, &s->all) /* those that were ending: nobody is told */
		stream_lose(LIST_OWNER(it, struct stream_client, node));
	loop_defer_cancel(&s->sweep);
	loop_defer_cancel(&s->end_of_turn);
	sweep(s);
	loop_timer_del(s->worker->loop, &s->pause);
	address_table_fini(&s->addresses);
	free(s->places);
	free(s);
}

uint32_t streams_count(const struct streams *s)
{
	return s->n_clients;
}

uint64_t *streams_stats(struct streams *s)
{
	return s->counts;
}
