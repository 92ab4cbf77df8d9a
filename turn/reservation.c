#include <stdlib.h>

#include "base/err.h"
#include "base/random.h"
#include "server_impl.h"

/* EVEN-PORT with R, RESERVATION-TOKEN (RFC 8656 7.2, 14.8). A token begins with the worker's number. */

static void drop(struct turn_server *s, struct reservation *v)
{
	loop_timer_del(s->loop, &v->timer);
	list_del(&v->node);
	s->n_reservations--;
	free(v);
}

static void on_time(void *arg)
{
	struct reservation *v = arg;
	struct turn_server *s = v->server;

	s->io->relay_close(s->io_arg, &v->relay);
	drop(s, v);
}

int reservation_put(struct turn_server *s, struct bytes user, struct turn_relay *relay, uint8_t token[static 8])
{
	struct reservation *v = s->n_reservations < RESERVATIONS_MAX ? calloc(1, sizeof *v) : NULL;

	if (!v)
		return ERR_FULL;
	v->server = s;
	random_bytes(v->token, sizeof v->token);
	v->token[0] = (uint8_t)s->worker;
	memcpy(v->name, user.p, user.n);
	v->user = bytes_make(v->name, user.n);
	v->relay = *relay;
	loop_timer_init(&v->timer, on_time, v);
	if (s->io->relay_adopt(s->io_arg, &v->relay, NULL) < 0 || loop_timer_set(s->loop, &v->timer, RESERVATION_MS) < 0) {
		free(v);
		return ERR_NOMEM;
	}
	list_add_tail(&s->reservations, &v->node);
	s->n_reservations++;
	relay->fd = -1;
	memcpy(token, v->token, sizeof v->token);
	return 0;
}

static struct reservation *find(struct turn_server *s, const uint8_t token[static 8])
{
	LIST_EACH(n, &s->reservations) {
		struct reservation *v = LIST_OWNER(n, struct reservation, node);
		if (memcmp(v->token, token, sizeof v->token) == 0)
			return v;
	}
	return NULL;
}

int reservation_take(struct turn_server *s, const uint8_t token[static 8], struct bytes user, struct turn_relay *out)
{
	struct reservation *v = find(s, token);

	if (!v)
		return ERR_NOT_FOUND;
	if (!bytes_eq(v->user, user))
		return ERR_DENIED;
	*out = v->relay;
	drop(s, v);
	return 0;
}

void reservations_free(struct turn_server *s)
{
	LIST_EACH(n, &s->reservations)
		on_time(LIST_OWNER(n, struct reservation, node));
}
