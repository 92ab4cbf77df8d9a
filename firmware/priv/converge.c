/* The kernel's network to what is wanted, again and again. */
#include "priv.h"

#include "base/err.h"
#include "base/log.h"
#include "run/alarm.h"

#include <stdio.h>

enum {
	PASSES_MAX = 8,       /* a bond, its members, a VLAN on it, addresses; one that goes takes others and routes along */
	AGAIN_MS = 10 * 1000, /* after a refusal */
};

/* For the log: what a step is about. */
static void step_text(const struct step *s, char *out, size_t room)
{
	static const char *const names[] = { "add device", "bond member", "link", "add address", "add route", "add rule",
					     "remove rule", "remove route", "remove address", "remove device" };
	char text[NET_ADDRESS_TEXT] = "";

	if (s->kind <= STEP_LINK || s->kind == STEP_DEVICE_DEL)
		snprintf(text, sizeof text, "%s", s->link.name);
	else if (s->kind == STEP_ADDRESS_ADD || s->kind == STEP_ADDRESS_DEL)
		(void)net_address_text(&s->address.address, text);
	else if (s->kind == STEP_ROUTE_ADD || s->kind == STEP_ROUTE_DEL)
		(void)net_address_text(&s->route.to, text);
	else
		(void)net_address_text(&s->rule.from, text);
	snprintf(out, room, "%s %s", names[s->kind], text);
}

static int do_steps(struct priv *p)
{
	char text[80];
	const char *why;
	int rc = 0;

	for (size_t i = 0; i < p->plan.n; i++) {
		step_text(&p->plan.v[i], text, sizeof text);
		if (kernel_do(p->kernel, &p->plan.v[i], &why) == 0) {
			log_info("net.changed", LOG_STR("step", text));
			continue;
		}
		snprintf(p->refused, sizeof p->refused, "%s: %s", text, why);
		log_warn("net.refused", LOG_STR("step", text), LOG_STR("why", why));
		rc = ERR_SYS;
	}
	return rc;
}

static const char *missing_member(const struct priv *p, const struct wanted_interface *w)
{
	for (unsigned m = 0; m < w->n_members; m++)
		if (!plan_card(&p->have, w->members[m]))
			return w->members[m];
	return NULL;
}

static void tell_missing(const struct priv *p)
{
	for (size_t i = 0; i < p->wanted.n; i++) {
		const struct wanted_interface *w = &p->wanted.v[i];
		if (!p->plan.device[i])
			log_warn("net.device.missing", LOG_STR("interface", w->name), LOG_STR("device", w->device));
		const char *missing = p->plan.device[i] ? missing_member(p, w) : w->device;
		if (missing && p->plan.device[i])
			log_warn("net.device.missing", LOG_STR("interface", w->name), LOG_STR("device", missing));
		alarm_set(ALARM_NETWORK_DEVICE, w->name, missing != NULL, missing);
	}
}

/* Before addresses are looked at: what comes by advertisements where they are not wanted would come again and again. */
static void set_knobs(struct priv *p)
{
	for (size_t i = 0; i < p->wanted.n; i++) {
		const struct have_link *l = plan_device(&p->wanted.v[i], &p->have);
		enum wanted_mode mode = p->wanted.v[i].ipv6;
		bool is_on = mode == WANTED_AUTO || mode == WANTED_DHCP6; /* what DHCPv6 does not tell, they do: prefixes and routers */
		if (!l || knobs_accept(&p->knobs, l->name, is_on, mode == WANTED_AUTO) == 0 || !is_on)
			continue;
		if (l->index > p->last_device) { /* made by us meanwhile: there is a knob for it at the next start */
			log_info("net.again", LOG_STR("device", l->name));
			proc_exit(p->proc, 0);
			return;
		}
		snprintf(p->refused, sizeof p->refused, "%s cannot be told to take routers' advertisements", l->name);
		log_warn("net.refused", LOG_STR("step", l->name), LOG_STR("why", p->refused));
	}
}

static void on_leg(void *arg, const char *key, const char *why)
{
	(void)arg;
	alarm_set(ALARM_BOND_MEMBER, key, why != NULL, why);
}

void priv_look_at_legs(struct priv *p)
{
	if (legs_look(&p->legs, &p->wanted, &p->have, loop_now(p->loop), on_leg, NULL))
		(void)loop_timer_set(p->loop, &p->look, LEGS_LOOK_MS); /* it was set before */
}

void priv_converge(struct priv *p)
{
	int rc = 0, first = 0;

	p->refused[0] = 0;
	lease_add_all(p, &p->effective);
	for (unsigned pass = 0; !rc && pass < PASSES_MAX; pass++) {
		rc = kernel_read(p->kernel, &p->have);
		if (rc) {
			snprintf(p->refused, sizeof p->refused, "the network cannot be read: %s", err_text(rc));
			log_warn("net.refused", LOG_STR("step", "read"), LOG_STR("why", err_text(rc)));
			break;
		}
		for (size_t i = 0; p->last_device == 0 && pass == 0 && i < p->have.n_links; i++)
			first = p->have.links[i].index > first ? p->have.links[i].index : first;
		if (p->last_device == 0)
			p->last_device = first;
		set_knobs(p);
		plan_make(&p->effective, &p->have, &p->plan);
		if (p->plan.n == 0)
			break;
		rc = do_steps(p);
	}
	tell_missing(p);
	priv_look_at_legs(p);
	lease_follow(p);
	alarm_set(ALARM_NETWORK_NOT_SET, "", p->refused[0] != 0, p->refused);
	if (p->refused[0])
		(void)loop_timer_set(p->loop, &p->again, AGAIN_MS); /* it was set before */
}
