#include "worker.h"

/* Packets of all transports on their way to the engine. How many there are decides whether the worker rests after
 * this turn. */

void serve_init(struct worker *w)
{
	pacer_init(&w->pacer, w->loop, 0);
}

void serve_fini(struct worker *w)
{
	pacer_fini(&w->pacer);
}

void serve_count(struct worker *w)
{
	pacer_count(&w->pacer);
}

void serve_client(struct worker *w, const struct turn_path *from, struct turn_packet *p)
{
	serve_count(w);
	turn_server_client(w->server, from, p);
}
