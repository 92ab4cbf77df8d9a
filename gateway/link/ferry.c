#include "ferry_impl.h"

#include "base/err.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The life of ferries: opened, greeted, ended. */

enum {
	PAIR_QUEUE_MAX = FERRY_QUEUE_MAX + FERRY_FRAME_MAX + (4 << 20), /* answers besides */
	IN_MAX = FERRY_FRAME_MAX + (256 << 10),                         /* a frame, and what came with it */
};

/* ---- end ---- */

void ferry_end(struct ferry *f, const char *why, bool is_odd)
{
	struct ferries *all = f->of;
	uint32_t held;

	if (f->is_gone)
		return;
	f->is_gone = true;
	if (log_limit_pass(&all->life_log, FERRY_LINES_PER_MINUTE, loop_now(all->joint->loop), &held))
		LOG_LINE(is_odd ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "link.partners.closed", LOG_ID("id", f->trunk), LOG_STR("with", f->with),
		         LOG_STR("reason", why), LOG_INT("in", f->n_in), LOG_INT("out", f->n_out), LOG_INT("unconfirmed", f->n_sent),
		         LOG_INT("suppressed", held));
	link_close(&f->pair);
	list_del(&f->node);
	list_add_tail(&all->gone, &f->node);
	ferry_unload(f);
	loop_defer_call(all->joint->loop, &all->sweep);
}

static void on_sweep(void *arg)
{
	struct ferries *all = arg;

	LIST_EACH (it, &all->gone) {
		struct ferry *f = LIST_OWNER(it, struct ferry, node);
		list_del(it);
		buf_fini(&f->in);
		free(f);
	}
}

static void end_all(struct ferries *all, const char *why)
{
	LIST_EACH (it, &all->all)
		ferry_end(LIST_OWNER(it, struct ferry, node), why, false);
}

/* ---- its bytes ---- */

static void on_data(void *arg, struct bytes in)
{
	struct ferry *f = arg;

	if (f->is_gone)
		return;
	buf_put_bytes(&f->in, in);
	int rc = buf_failed(&f->in) ? ERR_NOMEM : ferry_take(f);
	if (rc && !f->is_gone)
		ferry_end(f, err_name(rc), true);
}

static void on_closed(void *arg, int why)
{
	struct ferry *f = arg;

	ferry_end(f, why && why != ERR_CLOSED ? err_name(why) : "the connection has ended, or the other side has closed it", why == ERR_FULL);
}

static const struct link_owner owner = { .data = on_data, .closed = on_closed };

/* ---- begin ---- */

/* Takes over fd. */
static struct ferry *ferry_new(struct ferries *all, const struct trunk *t, int fd)
{
	struct ferry *f = calloc(1, sizeof *f);

	if (!f || link_accept(&f->pair, all->joint->loop, fd, &owner, f, PAIR_QUEUE_MAX)) {
		if (!f)
			(void)close(fd); /* the lane sees the end */
		free(f);
		return NULL;
	}
	f->of = all;
	f->trunk = t->id;
	snprintf(f->with, sizeof f->with, "%s", t->name);
	buf_init(&f->in, IN_MAX);
	list_init(&f->sent);
	list_init(&f->came);
	f->born_ms = f->moved_ms = loop_now(all->joint->loop);
	list_add_tail(&all->all, &f->node);
	ferry_put_hello(link_out(&f->pair));
	link_kick(&f->pair);
	link_pause(&f->pair, all->is_full);
	return f;
}

static uint32_t count_with(const struct ferries *all, const char *with)
{
	uint32_t n = 0;

	LIST_EACH (it, &all->all)
		n += strcmp(LIST_OWNER(it, struct ferry, node)->with, with) == 0;
	return n;
}

int ferry_serve(struct trunk *t, int fd)
{
	struct ferries *all = t->joint->ferries;
	int rc = all->role != ROLE_CORE || t->joint->is_stopping ? ERR_BAD_STATE : count_with(all, t->name) >= FERRIES_PER_EDGE ? ERR_LIMIT : 0;

	if (rc) {
		(void)close(fd); /* the edge tries again */
		return rc;
	}
	return ferry_new(all, t, fd) ? 0 : ERR_NOMEM;
}

static const struct ferry *ferry_of(const struct ferries *all, const struct trunk *t)
{
	LIST_EACH (it, &all->all) {
		const struct ferry *f = LIST_OWNER(it, struct ferry, node);
		if (f->trunk == t->id)
			return f;
	}
	return NULL;
}

static void open_at(struct ferries *all, struct trunk *t)
{
	static const struct meta m = { .service = "partners", .transport = "link", .tls = "TLSv1.3", .address_n = 4 };
	int fds[2];

	t->ferry_at_ms = loop_now(all->joint->loop) + FERRY_AGAIN_MS;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return; /* tried again */
	struct ferry *f = ferry_new(all, t, fds[0]);
	if (!f)
		(void)close(fds[1]); /* likewise */
	else if (lane_open_at(t, fds[1], &m))
		ferry_end(f, "the connection takes no stream", false);
}

static bool wants_ferry(const struct ferries *all, const struct trunk *t)
{
	return t->is_up && !t->edge && t->kind == TRUNK_SIGNAL && h2_has_room(&t->h2) && t->ferry_at_ms <= loop_now(all->joint->loop) &&
	       !ferry_of(all, t);
}

/* ---- time ---- */

static const char *overdue(struct ferry *f, uint64_t now)
{
	if (f->pair.bytes_out != f->moved || link_queued(&f->pair) == 0) {
		f->moved = f->pair.bytes_out;
		f->moved_ms = now;
	}
	if (!f->is_greeted && now >= f->born_ms + FERRY_GREET_MS)
		return "it says nothing";
	return now >= f->moved_ms + FERRY_STUCK_MS ? "it takes nothing" : NULL;
}

static void on_look(void *arg)
{
	struct ferries *all = arg;
	struct joint *j = all->joint;

	LIST_EACH (it, &all->all) {
		struct ferry *f = LIST_OWNER(it, struct ferry, node);
		const char *why = overdue(f, loop_now(j->loop));
		if (why)
			ferry_end(f, why, true);
	}
	LIST_EACH (it, &j->trunks) {
		struct trunk *t = LIST_OWNER(it, struct trunk, node);
		if (all->role == ROLE_EDGE && !j->is_stopping && wants_ferry(all, t))
			open_at(all, t);
	}
	if (all->role != ROLE_COMBINED && loop_timer_set(j->loop, &all->look, FERRY_LOOK_MS))
		die("link.partners", "no memory for a timer"); /* none would ever be opened again */
}

void ferries_look(struct joint *j)
{
	struct ferries *all = j->ferries;

	if (all->role != ROLE_COMBINED && loop_timer_set(j->loop, &all->look, 0))
		die("link.partners", "no memory for a timer");
}

/* ---- the program ---- */

void ferries_apply(struct joint *j, const struct settings *s)
{
	struct ferries *all = j->ferries;
	enum role role = service_role_of(s);

	if (role == all->role)
		return;
	end_all(all, "another role");
	all->role = role;
	ferries_look(j);
}

void ferries_pressure(struct joint *j, bool is_full)
{
	j->ferries->is_full = is_full;
	LIST_EACH (it, &j->ferries->all)
		link_pause(&LIST_OWNER(it, struct ferry, node)->pair, is_full);
}

void ferry_view(const struct joint *j, const struct trunk *t, struct ferry_view *out)
{
	const struct ferries *all = j->ferries;
	const struct ferry *f = ferry_of(all, t), *first = NULL;

	*out = (struct ferry_view){ .state = "" };
	if (!f)
		return;
	LIST_EACH (it, &all->all) {
		const struct ferry *other = LIST_OWNER(it, struct ferry, node);
		if (!first && other->is_greeted && (all->role == ROLE_EDGE || strcmp(other->with, f->with) == 0))
			first = other;
	}
	*out = (struct ferry_view){ .state = f == first ? "carries" : f->is_greeted ? "ready" : "opening", .in = f->n_in, .out = f->n_out, .waiting = f->n_sent };
}

struct ferries *ferries_new(struct joint *j)
{
	struct ferries *all = calloc(1, sizeof *all);

	if (!all)
		return NULL;
	all->joint = j;
	all->role = ROLE_COMBINED;
	all->xml = xml_pool_new(2);
	list_init(&all->all);
	list_init(&all->gone);
	map_init(&all->sent);
	map_init(&all->came);
	ferry_ways_init(&all->ways);
	arena_init(&all->arena, 64 << 20); /* as much as the largest stanza can be in a tree */
	buf_init(&all->out, FERRY_FRAME_MAX);
	loop_timer_init(&all->look, on_look, all);
	loop_defer_init(&all->sweep, on_sweep, all);
	if (!all->xml) {
		ferries_free(all);
		return NULL;
	}
	return all;
}

void ferries_free(struct ferries *all)
{
	if (!all)
		return;
	end_all(all, "stopping");
	on_sweep(all);
	loop_defer_cancel(&all->sweep);
	loop_timer_del(all->joint->loop, &all->look);
	map_fini(&all->sent);
	map_fini(&all->came);
	ferry_ways_fini(&all->ways);
	xml_pool_free(all->xml);
	arena_fini(&all->arena);
	buf_fini(&all->out);
	free(all);
}
