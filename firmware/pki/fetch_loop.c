#include "fetch_impl.h"

#include "base/err.h"

#include <stdlib.h>

struct fetch_socket {
	struct list node;
	struct fetcher *fetcher;
	struct loop_watch watch;
};

/* What libcurl has ended. Each time from the beginning, as whoever is told may start or cancel others. */
static void take_ended(struct fetcher *f)
{
	int left;

	for (CURLMsg *m; (m = curl_multi_info_read(f->multi, &left));) {
		struct fetch *x = NULL;
		CURLcode code = m->data.result;
		if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x) != CURLE_OK || !x)
			continue;
		fetch_ended(x, code);
	}
}

static void act(struct fetcher *f, curl_socket_t fd, int events)
{
	int running;

	(void)curl_multi_socket_action(f->multi, fd, events, &running); /* what fails is told by its transfer */
	take_ended(f);
}

static void on_socket(void *arg, unsigned events)
{
	struct fetch_socket *s = arg;

	act(s->fetcher, s->watch.fd, (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void drop_socket(struct fetch_socket *s)
{
	loop_watch_del(&s->watch);
	list_del(&s->node);
	list_add_tail(&s->fetcher->gone, &s->node);
	loop_defer_call(s->fetcher->loop, &s->fetcher->sweep);
}

static void sweep(void *arg)
{
	struct fetcher *f = arg;

	LIST_EACH (it, &f->gone) {
		list_del(it);
		free(LIST_OWNER(it, struct fetch_socket, node));
	}
}

static struct fetch_socket *add_socket(struct fetcher *f, curl_socket_t fd, unsigned events)
{
	struct fetch_socket *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->fetcher = f;
	if (loop_watch_add(f->loop, &s->watch, fd, events, on_socket, s)) {
		free(s);
		return NULL;
	}
	list_add_tail(&f->sockets, &s->node);
	(void)curl_multi_assign(f->multi, fd, s); /* of a socket that it has just told us of */
	return s;
}

/* Without memory a transfer waits for its deadline. */
static int socket_wants(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
	struct fetch_socket *s = socket;
	unsigned events = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s)
			drop_socket(s);
	} else if (s) {
		(void)loop_watch_set(&s->watch, events);
	} else {
		(void)add_socket(arg, fd, events);
	}
	return 0;
}

static int timer_wants(CURLM *multi, long ms, void *arg)
{
	struct fetcher *f = arg;

	(void)multi;
	if (ms < 0)
		loop_timer_del(f->loop, &f->timer);
	else
		(void)loop_timer_set(f->loop, &f->timer, (uint64_t)ms); /* as above */
	return 0;
}

int fetch_loop_open(struct fetcher *f)
{
	list_init(&f->sockets);
	list_init(&f->gone);
	loop_timer_init(&f->timer, on_timer, f);
	loop_defer_init(&f->sweep, sweep, f);
	f->multi = curl_multi_init();
	if (!f->multi)
		return ERR_NOMEM;
	if (curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, socket_wants) || curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) ||
	    curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, timer_wants) || curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f))
		return ERR_NOMEM;
	return 0;
}

void fetch_loop_close(struct fetcher *f)
{
	if (f->multi)
		(void)curl_multi_cleanup(f->multi); /* nothing is added any more */
	f->multi = NULL;
	loop_timer_del(f->loop, &f->timer);
	LIST_EACH (it, &f->sockets)
		drop_socket(LIST_OWNER(it, struct fetch_socket, node));
	sweep(f);
	loop_defer_cancel(&f->sweep);
}
