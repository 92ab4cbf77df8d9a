/* Classic words about interfaces: iface, ipv4, ipv6. */
#include "base/err.h"
#include "classic.h"
#include "conf.h"

#include <stdio.h>

/* Records of show interfaces that are about another interface are left out. */
static bool is_another(struct conf *c, struct oper *o, const char *name, const struct frame *f)
{
	struct wire w = wire_of(f->body);
	bool is_it = false;

	(void)c;
	(void)o;
	for (unsigned n = wire_u16(&w); n > 0 && !wire_failed(&w); n--) {
		struct bytes key = wire_str(&w), value = wire_bytes(&w);
		is_it |= bytes_eq_str(key, "interface") && bytes_eq_str(value, name);
	}
	return !is_it;
}

static bool is_interface(struct oper *o, struct bytes word)
{
	char why[128];

	if (word.n == 1 && *word.p >= 'a' && *word.p <= 'd')
		return true;
	snprintf(why, sizeof why, "%.*s: an interface is a, b, c or d", (int)(word.n > 60 ? 60 : word.n), (const char *)word.p);
	oper_done(o, ERR_SYNTAX, why);
	return false;
}

COMMAND_FN(cmd_classic_interface)
{
	char name[2] = { 0 };
	struct relay_ask ask = { .targets = P(PROG_PRIV), .verb = "show interfaces", .record = is_another, .name = name };

	(void)cmd;
	if (!is_interface(o, args->v[0]))
		return;
	name[0] = (char)*args->v[0].p;
	relay_start(c, o, &ask);
}

/* "ipv4 a add ..." is about the settings of ipv4; so with ipv6. */
static const char *family_of(const struct command *cmd)
{
	return cmd->words[3] == '6' ? "ipv6" : "ipv4";
}

static struct bytes value_now(const struct oper *o, const char *family, struct bytes interface)
{
	return rows_value(&o->candidate, family[3] == '6' ? SET_IF_IPV6_ADDRESS : SET_IF_IPV4_ADDRESS, interface);
}

/* A way to IPv6 addresses beside which those that are set are there, too. */
static bool has_others_too(struct bytes mode)
{
	return bytes_eq_str(mode, "slaac") || bytes_eq_str(mode, "dhcp");
}

COMMAND_FN(cmd_classic_address_add)
{
	const char *family = family_of(cmd);
	struct bytes interface = args->v[0];
	struct classic_change x;

	(void)c;
	if (!is_interface(o, interface))
		return;
	classic_begin(&x, o, cmd);
	if (family[3] == '4' || !has_others_too(rows_value(&o->candidate, SET_IF_IPV6, interface)))
		classic_changef(&x, "set interface %.*s %s static", BYTES_FMT(interface), family);
	classic_changef(&x, "append interface %.*s %s-address %.*s", BYTES_FMT(interface), family, BYTES_FMT(args->v[1]));
	if (args->n > 2)
		classic_changef(&x, "set interface %.*s %s-gateway %.*s", BYTES_FMT(interface), family, BYTES_FMT(args->v[2]));
	classic_end(&x);
}

/* Is "192.0.2.1/24" what a person calls 192.0.2.1, or 192.0.2.1/24? */
static bool is_address(struct bytes item, struct bytes word)
{
	return bytes_eq(item, word) || (bytes_find(word, '/') == word.n && bytes_eq(bytes_make(item.p, bytes_find(item, '/')), word));
}

/* What the list has of that; empty: nothing. */
static struct bytes item_of(struct bytes list, struct bytes word)
{
	while (list.n > 0) {
		struct bytes item = bytes_make(list.p, bytes_find(list, ' '));
		if (is_address(item, word))
			return item;
		list = bytes_skip(list, item.n + 1);
	}
	return BYTES_NONE;
}

COMMAND_FN(cmd_classic_address_del)
{
	const char *family = family_of(cmd);
	struct bytes interface = args->v[0], word = args->v[1];
	struct classic_change x;

	(void)c;
	if (!is_interface(o, interface))
		return;
	classic_begin(&x, o, cmd);
	struct bytes item = item_of(value_now(o, family, interface), word);
	if (item.n == 0)
		classic_fail(&x, ERR_NOT_FOUND, "%.*s: not an address of interface %.*s", (int)(word.n > 60 ? 60 : word.n), (const char *)word.p, BYTES_FMT(interface));
	classic_changef(&x, "detach interface %.*s %s-address %.*s", BYTES_FMT(interface), family, BYTES_FMT(item));
	if (value_now(o, family, interface).n == 0) {
		classic_changef(&x, "clear interface %.*s %s-gateway", BYTES_FMT(interface), family);
		if (bytes_eq_str(rows_value(&o->candidate, family[3] == '6' ? SET_IF_IPV6 : SET_IF_IPV4, interface), "static"))
			classic_changef(&x, "clear interface %.*s %s", BYTES_FMT(interface), family);
	}
	classic_end(&x);
}

/* Back to the addresses that are set, after disable or slaac. */
COMMAND_FN(cmd_classic_address_enable)
{
	const char *family = family_of(cmd);
	struct bytes interface = args->v[0];
	struct classic_change x;

	(void)c;
	if (!is_interface(o, interface))
		return;
	classic_begin(&x, o, cmd);
	if (value_now(o, family, interface).n > 0)
		classic_changef(&x, "set interface %.*s %s static", BYTES_FMT(interface), family);
	else if (family[3] == '4')
		classic_changef(&x, "set interface %.*s ipv4 dhcp", BYTES_FMT(interface));
	else if (strstr(cmd->words, "disable"))
		classic_changef(&x, "clear interface %.*s %s", BYTES_FMT(interface), family);
	else
		classic_fail(&x, ERR_BAD_STATE, "%.*s: no %s address is set: %s %.*s add ADDRESS/PREFIX GATEWAY", BYTES_FMT(interface), family, family, BYTES_FMT(interface));
	classic_end(&x);
}
