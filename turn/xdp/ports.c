#include "base/err.h"
#include "base/log.h"
#include "xdp.h"

/* Which interfaces have the program. */

static struct xdp_port *port_of(struct xdp *x, unsigned ifindex)
{
	for (size_t i = 0; i < x->n_ports; i++)
		if (x->ports[i].ifindex == ifindex)
			return &x->ports[i];
	return NULL;
}

static bool is_ours(const struct xdp_conf *c, const struct stunaddr *a)
{
	for (size_t i = 0; i < c->n_addresses; i++)
		if (stunaddr_eq_ip(&c->addresses[i], a))
			return true;
	return false;
}

/* A new one has no program and no reason yet: "". */
static void on_address(void *arg, unsigned ifindex, const struct stunaddr *a)
{
	struct xdp *x = arg;
	struct xdp_port *p = port_of(x, ifindex);

	if (!is_ours(&x->conf, a))
		return;
	if (!p && x->n_ports < XDP_PORTS_MAX) {
		p = &x->ports[x->n_ports++];
		*p = (struct xdp_port){ .ifindex = ifindex, .why = "" };
	}
	if (p)
		p->is_seen = true;
}

static void drop_unseen(struct xdp *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_ports; i++)
		if (x->ports[i].is_seen)
			x->ports[n++] = x->ports[i];
		else
			xdp_kernel_detach(x->kernel, x->ports[i].ifindex);
	x->n_ports = n;
}

static void attach(struct xdp *x, struct xdp_port *p)
{
	unsigned how = (x->conf.mode == XDP_GENERIC ? XDP_PORT_GENERIC : 0) |
	               (netlink_is_exit(&x->netlink, p->ifindex) ? XDP_PORT_EXIT : 0);
	const char *why = NULL, *before = p->why;
	char name[NETLINK_NAME_BYTES];

	if (!p->why)
		return;
	p->why = xdp_kernel_attach(x->kernel, p->ifindex, how, &why) ? why : NULL;
	netlink_name(&x->netlink, p->ifindex, name);
	if (!p->why)
		log_info("turn.kernel.attached", LOG_STR("interface", name), LOG_STR("mode", how & XDP_PORT_GENERIC ? "generic" : "native"),
		         LOG_STR("other-interfaces", how & XDP_PORT_EXIT ? "yes" : "no"));
	else if (p->why != before)
		log_info("turn.kernel.not_attached", LOG_STR("interface", name), LOG_STR("why", p->why));
}

size_t ports_settle(struct xdp *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_ports; i++)
		x->ports[i].is_seen = false;
	/* what is not known now stays as it is */
	if (netlink_addresses(&x->netlink, on_address, x) == 0)
		drop_unseen(x);
	for (size_t i = 0; i < x->n_ports; i++) {
		attach(x, &x->ports[i]);
		n += !x->ports[i].why;
	}
	return n;
}

void ports_release(struct xdp *x)
{
	for (size_t i = 0; i < x->n_ports; i++)
		xdp_kernel_detach(x->kernel, x->ports[i].ifindex);
	x->n_ports = 0;
}
