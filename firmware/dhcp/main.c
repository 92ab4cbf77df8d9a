/* gh-dhcp: asks for the addresses of interfaces that get theirs by DHCP. It has packet sockets that gh-super opened, each on
 * one device with a filter that it cannot change, and no capability. What it learns goes to gh-priv, which judges it. */
#include "link.h"

#include "base/err.h"
#include "base/log.h"
#include "run/proc.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	LINKS_MAX = 8,  /* four interfaces, two families */
	STOP_MS = 300,  /* as long as gh-priv takes to hear of the same commit */
};

struct dhcp {
	struct proc *proc;
	struct loop *loop;
	struct link links[LINKS_MAX];
	struct loop_timer stop;
	uint32_t patience_ms; /* for addresses that are being given back, when it stops; 0: none is left */
	bool is_stopping;
};

static bool is_idle(const struct dhcp *d)
{
	for (unsigned i = 0; i < LINKS_MAX; i++)
		if (d->links[i].name[0])
			return false;
	return true;
}

static void exit_if_idle(void *arg)
{
	struct dhcp *d = arg;

	if (d->is_stopping && is_idle(d))
		proc_exit(d->proc, 0);
}

/* ---- from gh-super and gh-priv ---- */

static struct link *link_of(struct dhcp *d, struct bytes name, uint8_t family)
{
	for (unsigned i = 0; i < LINKS_MAX; i++)
		if (d->links[i].name[0] && bytes_eq_str(name, d->links[i].name) && d->links[i].family == family)
			return &d->links[i];
	return NULL;
}

static struct link *free_link(struct dhcp *d)
{
	for (unsigned i = 0; i < LINKS_MAX; i++) {
		struct link *l = &d->links[i];
		if (l->name[0])
			continue;
		*l = (struct link){ .loop = d->loop, .bus = proc_bus(d->proc), .over = exit_if_idle, .arg = d };
		return l;
	}
	return NULL;
}

static int take_socket(struct dhcp *d, const struct link_about *about, int fd)
{
	struct link *l = link_of(d, about->name, about->family);

	if (l && link_is_other(l, about)) {
		link_close(l);
		l = NULL;
	}
	bool is_new = !l;
	if (is_new)
		l = free_link(d);
	int rc = !l ? ERR_LIMIT : is_new ? link_open(l, about, fd) : link_renew_socket(l, fd);
	if (rc && l)
		link_close(l);
	return rc;
}

/* gh-priv has come back, or the device is another. With the same device the lease stays. */
static int on_socket(void *program, struct chan *from, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	struct link_about a = { .name = wire_str(&w) };

	(void)from;
	a.device = wire_u32(&w);
	a.mac = wire_bytes(&w);
	a.family = wire_u8(&w);
	a.local = wire_bytes(&w);
	a.duid = wire_bytes(&w);
	bool is_sound = wire_end(&w) == 0 && a.name.n == 1 && a.mac.n == 6 && (a.family == 4 || a.family == 6);
	if (is_sound && a.family == 6)
		is_sound = a.local.n == DHCP6_ADDRESS_BYTES && a.duid.n >= DHCP6_DUID_MIN && a.duid.n <= DHCP6_DUID_MAX;
	if (!is_sound) {
		(void)close(f->fd); /* nothing is done with it */
		return ERR_PROTOCOL;
	}
	if (take_socket(program, &a, f->fd)) {
		log_error("dhcp.socket", LOG_STR("why", "a packet socket cannot be watched"));
		(void)close(f->fd); /* gh-priv asks again when the device changes */
	}
	return 0;
}

static int on_link(void *program, struct chan *from, const struct frame *f)
{
	enum { NOT_WANTED, UP, IN_USE, WORDS };
	struct wire w = wire_of(f->body);
	struct bytes name = wire_str(&w);
	uint8_t family = wire_u8(&w), what = wire_u8(&w);

	(void)from;
	if (wire_end(&w) || what >= WORDS)
		return ERR_PROTOCOL;
	struct link *l = link_of(program, name, family);
	if (!l)
		return 0;
	if (what == UP)
		link_up(l);
	else if (what == IN_USE)
		link_in_use(l);
	else
		link_release(l);
	return 0;
}

/* ---- the program ---- */

static void on_stop_timer(void *arg)
{
	struct dhcp *d = arg;
	uint32_t patience = d->patience_ms;
	bool is_giving_back = false;

	for (unsigned i = 0; i < LINKS_MAX; i++)
		is_giving_back |= d->links[i].name[0] && d->links[i].family == 6 && d->links[i].v6.state == CLIENT6_RELEASING;
	d->patience_ms = 0;
	if (!is_giving_back || !patience || loop_timer_set(d->loop, &d->stop, patience))
		proc_exit(d->proc, 0);
}

/* Where the last interface does without DHCP from now on, gh-priv is about to say so: the address is given back. When the
 * box stops it says nothing, and the address stays ours. */
static void stop(void *program, uint32_t grace_ms)
{
	struct dhcp *d = program;
	uint32_t first = grace_ms < STOP_MS ? grace_ms : STOP_MS;

	d->is_stopping = true;
	d->patience_ms = grace_ms - first;
	exit_if_idle(d);
	(void)loop_timer_set(d->loop, &d->stop, first); /* gh-super would end it */
}

static int prepare(struct proc *proc, void **program)
{
	struct dhcp *d = calloc(1, sizeof *d);

	if (!d)
		return ERR_NOMEM;
	d->proc = proc;
	*program = d;
	return 0;
}

static int init(void *program)
{
	struct dhcp *d = program;

	d->loop = proc_loop(d->proc);
	loop_timer_init(&d->stop, on_stop_timer, d);
	return 0;
}

static void apply(void *program, const struct settings *s)
{
	(void)program;
	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
}

static const struct bus_handler handlers[] = {
	{ MSG_DHCP_SOCKET, on_socket },
	{ MSG_DHCP_LINK, on_link },
};

int main(int argc, char **argv)
{
	const struct proc_def def = {
		.prog = PROG_DHCP, .backend = LOOP_POLL,
		.handlers = handlers, .n_handlers = sizeof handlers / sizeof handlers[0],
		.prepare = prepare, .init = init, .apply = apply, .stop = stop,
	};
	return proc_main(argc, argv, &def);
}
