#include "worker.h"

#include <sys/prctl.h>

/* Packets of all transports on their way to the engine. How many there are decides whether the worker rests after
 * this turn. */

static void rest(void *worker)
{
	struct worker *w = worker;
	uint32_t served = w->n_served;

	w->n_served = 0;
	loop_rest(w->loop, pace_rest(&w->pace, served, loop_now(w->loop)));
}

void serve_init(struct worker *w)
{
	loop_defer_init(&w->rest, rest, w);
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* else the kernel adds 50 us to each rest */
}

void serve_fini(struct worker *w)
{
	loop_defer_cancel(&w->rest);
}

void serve_count(struct worker *w)
{
	w->n_served++;
	loop_defer_last(w->loop, &w->rest);
}

void serve_client(struct worker *w, const struct turn_path *from, struct turn_packet *p)
{
	serve_count(w);
	turn_server_client(w->server, from, p);
}
