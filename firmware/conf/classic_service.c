#include "classic_service.h"

#include "base/err.h"
#include "conf.h"

#include <stdio.h>

enum { KINDS_MAX = 8 };

/* A setting by which a service is there; usual: one that `listen` sets in any case, others it takes along where they are. */
struct kind {
	enum setting id;
	uint16_t port; /* 0: an address has none */
	bool is_usual;
};

static const struct service {
	const char *name;
	bool has_mode;     /* federation: on and off by that */
	enum setting mode;
	bool is_ready;     /* enable knows what to do without a listen before: interface a, usual port (G-CLI-11) */
	struct kind kinds[KINDS_MAX];
} services[] = {
	{ .name = "webadmin", .is_ready = true, .kinds = { { SET_WEB_LISTEN, 443, true }, { SET_WEB_REDIRECT, 80, false } } },
	{ .name = "snmp", .is_ready = true, .kinds = { { SET_SNMP_LISTEN, 161, true } } },
	{ .name = "ssh", .kinds = { { SET_SSH_LISTEN, 22, true } } },
	{ .name = "xmpp", .kinds = { { SET_ACCESS_LISTEN, 5222, true }, { SET_ACCESS_LISTEN_TLS, 5223, true } } },
	{ .name = "federation", .has_mode = true, .mode = SET_FED_MODE,
	  .kinds = { { SET_FED_LISTEN, 5269, true }, { SET_FED_LISTEN_TLS, 5270, true } } },
	{ .name = "sip", .has_mode = true, .mode = SET_SIP_MODE,
	  .kinds = { { SET_SIP_LISTEN_TLS, 5061, true }, { SET_SIP_LISTEN_MUTUAL, 5062, true }, { SET_SIP_LISTEN_TCP, 5060, false },
	             { SET_SIP_LISTEN_UDP, 5060, false }, { SET_SIP_LISTEN_MSRP, 2855, false }, { SET_SIP_LISTEN_MSRP_TLS, 2855, false } } },
	{ .name = "line", .kinds = { { SET_LINE_LISTEN_TLS, 5071, true }, { SET_LINE_LISTEN_TCP, 5070, false }, { SET_LINE_LISTEN_UDP, 5070, false } } },
	{ .name = "turn", .kinds = { { SET_TURN_LISTEN_UDP, 3478, true }, { SET_TURN_LISTEN_TCP, 3478, true }, { SET_TURN_LISTEN_TLS, 5349, false },
	                             { SET_TURN_LISTEN_DTLS, 5349, false }, { SET_TURN_RELAY_ADDRESS, 0, true } } },
	/* their rows have more than one setting each: listen is not for them */
	{ .name = "ntp", .kinds = { { SET_TIME_SERVER, 0, true } } },
	{ .name = "syslog", .kinds = { { SET_LOG_REMOTE_SERVER, 0, true } } },
};

static const struct service *service_of(const struct command *cmd)
{
	struct bytes name = bytes_make(cmd->words, bytes_find(bytes_of(cmd->words), ' '));

	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
		if (bytes_eq_str(name, services[i].name))
			return &services[i];
	}
	return NULL;
}

/* Kinds are a list that ends with one of the first setting of all, which is none of theirs. */
static const struct kind *next_kind(const struct service *s, size_t *at)
{
	return *at < KINDS_MAX && s->kinds[*at].is_usual + s->kinds[*at].port > 0 ? &s->kinds[(*at)++] : NULL;
}

static const struct row_item *first_row(const struct rows *r, enum setting id)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].row->id == id)
			return &r->v[i];
	}
	return NULL;
}

static bool is_mode_off(const struct service *s, const struct rows *r)
{
	return s->has_mode && bytes_eq_str(rows_value(r, s->mode, BYTES_NONE), "off");
}

/* Where the addresses for relaying are, but no door, there is no service. */
static bool has_listeners(const struct service *s, const struct rows *r)
{
	const struct kind *k;

	for (size_t at = 0; (k = next_kind(s, &at));) {
		if (k->id != SET_TURN_RELAY_ADDRESS && first_row(r, k->id))
			return true;
	}
	return false;
}

/* ---- which address ---- */

static bool is_interface(struct bytes word)
{
	return word.n == 1 && *word.p >= 'a' && *word.p <= 'd';
}

/* The first of "192.0.2.1/24 192.0.2.2/24", without its prefix. */
static bool first_address(struct bytes list, char out[static 64])
{
	size_t n = bytes_find(bytes_make(list.p, bytes_find(list, ' ')), '/');

	snprintf(out, 64, "%.*s", (int)n, (const char *)list.p);
	return n > 0 && n < 64;
}

bool classic_address(struct classic_change *x, struct bytes word, unsigned at, char address[static 64], char key[static 16])
{
	const struct rows *r = &x->o->candidate;

	if (is_interface(word)) {
		snprintf(key, 16, "%c", *word.p);
		if (first_address(rows_value(r, SET_IF_IPV4_ADDRESS, word), address) || first_address(rows_value(r, SET_IF_IPV6_ADDRESS, word), address))
			return true;
		classic_fail(x, ERR_NOT_FOUND, "%.*s: no address is set on this interface: ipv4 %.*s add ADDRESS/PREFIX GATEWAY, or name an address here",
		             BYTES_FMT(word), BYTES_FMT(word));
		return false;
	}
	snprintf(key, 16, at ? "main%u" : "main", at + 1);
	if (word.n < 64 && (bytes_find(word, '.') < word.n || bytes_find(word, ':') < word.n)) {
		snprintf(address, 64, "%.*s", BYTES_FMT(word));
		return true;
	}
	classic_fail(x, ERR_SYNTAX, "%.*s: an interface is a, b, c or d; else name an address", (int)(word.n > 60 ? 60 : word.n), (const char *)word.p);
	return false;
}

/* ---- listen ---- */

static unsigned port_of(const struct row_item *item, unsigned otherwise)
{
	char host[256];
	uint16_t port;

	return item && setting_split_host(item->value, 0, host, &port) == 0 && port ? port : otherwise;
}

/* All listeners of the service, anew on these. port: of the first kind; 0: as it is, else the usual one. */
static void listen_on(struct classic_change *x, const struct service *s, const struct bytes *where, size_t n, unsigned port)
{
	const struct kind *k;
	char address[64], key[16], prefix[64];

	for (size_t at = 0; (k = next_kind(s, &at));) {
		const struct row_item *now = first_row(&x->o->candidate, k->id);
		unsigned p = at == 1 && port ? port : port_of(now, k->port);
		if (!k->is_usual && !now)
			continue;
		classic_prefix(k->id, prefix);
		classic_changef(x, "clear %s", prefix);
		for (unsigned i = 0; x->rc == 0 && i < n; i++) {
			if (!classic_address(x, where[i], i, address, key))
				return;
			if (k->port)
				classic_changef(x, "set %s %s %s %u", prefix, key, address, p);
			else
				classic_changef(x, "set %s %s %s", prefix, key, address);
		}
	}
}

/* A door that serves nobody is not opened (check.c says so, too, but not in these words). */
static void need_certificate(struct classic_change *x, const struct service *s)
{
	const struct rows *r = &x->o->candidate;

	if (first_row(r, SET_WEB_LISTEN) && strcmp(s->name, "webadmin") == 0 && rows_value(r, SET_WEB_CERTIFICATE, BYTES_NONE).n == 0)
		classic_fail(x, ERR_BAD_STATE, "webadmin has no certificate yet: webadmin certs KEY CERTIFICATE first");
}

/* "<interface> [port]", or "<interface>...". */
COMMAND_FN(cmd_classic_listen)
{
	const struct service *s = service_of(cmd);
	bool has_port = strstr(cmd->words, "[port]") != NULL;
	struct classic_change x;
	uint64_t port = 0;

	(void)c;
	classic_begin(&x, o, cmd);
	if (has_port && args->n > 1)
		(void)bytes_to_u64(args->v[1], UINT16_MAX, &port); /* the place took it */
	listen_on(&x, s, args->v, has_port ? 1 : args->n, (unsigned)port);
	if (is_mode_off(s, &o->candidate))
		oper_note(o, "it is disabled: these doors open with enable");
	need_certificate(&x, s);
	classic_end(&x);
}

COMMAND_FN(cmd_classic_redirect)
{
	struct bytes where = BYTES("a");
	const struct row_item *web = first_row(&c->store.running, SET_WEB_LISTEN);
	char host[256] = "", key[16], address[64];
	struct classic_change x;
	uint16_t port;

	(void)args;
	classic_begin(&x, o, cmd);
	if (web && setting_split_host(web->value, 0, host, &port) == 0)
		classic_changef(&x, "clear web listen-redirect");
	if (host[0])
		classic_changef(&x, "set web listen-redirect %.*s %s 80", BYTES_FMT(web->key), host);
	else if (classic_address(&x, where, 0, address, key))
		classic_changef(&x, "set web listen-redirect %s %s 80", key, address);
	classic_end(&x);
}

/* "turn tls <port>", "turn tls none": at the addresses of the other doors. */
COMMAND_FN(cmd_classic_turn_tls)
{
	const struct rows *r = &c->store.running;
	struct classic_change x;
	char host[256];
	uint16_t port;

	classic_begin(&x, o, cmd);
	classic_changef(&x, args->n ? "clear turn listen-tls" : "delete turn listen-tls");
	if (args->n && !first_row(r, SET_TURN_LISTEN_TCP))
		classic_fail(&x, ERR_BAD_STATE, "the relay does not listen: turn listen INTERFACE first");
	for (size_t i = 0; args->n && i < r->n; i++) {
		if (r->v[i].row->id == SET_TURN_LISTEN_TCP && setting_split_host(r->v[i].value, 0, host, &port) == 0)
			classic_changef(&x, "set turn listen-tls %.*s %s %.*s", BYTES_FMT(r->v[i].key), host, BYTES_FMT(args->v[0]));
	}
	classic_end(&x);
}

/* ---- enable, disable ---- */

/* Is the row one of the service, or another setting of its key (log remote * transport)? */
static bool is_of(const struct service *s, const struct row_item *item)
{
	const struct kind *k;
	char prefix[64];

	for (size_t at = 0; (k = next_kind(s, &at));) {
		classic_prefix(k->id, prefix);
		if (rows_is_below(item->path, bytes_of(prefix)))
			return true;
	}
	return false;
}

static bool was_enabled(const struct service *s, const struct rows *r)
{
	return s->has_mode ? !is_mode_off(s, r) : has_listeners(s, r);
}

/* The newest generation in which it was enabled; false: none that is still kept. */
static bool find_before(struct conf *c, const struct service *s, struct rows *out)
{
	struct store_about about;
	uint32_t at = 0;

	while (store_history(&c->store, &at, &about)) {
		if (store_load(&c->store, about.generation, out) == 0 && was_enabled(s, out))
			return true;
		rows_fini(out);
	}
	return false;
}

static void put_mode(struct classic_change *x, const struct service *s, const struct rows *before)
{
	const char *path = setting_row(s->mode)->path;
	const struct row_item *item = rows_get(before, bytes_of(path));

	if (item)
		classic_changef(x, "set %s %.*s", path, BYTES_FMT(item->value));
	else
		classic_changef(x, "clear %s", path); /* the default is not off */
}

static void put_rows(struct classic_change *x, const struct service *s, const struct rows *before)
{
	for (size_t i = 0; i < before->n; i++) {
		if (is_of(s, &before->v[i]))
			classic_changef(x, "set %.*s %.*s", BYTES_FMT(before->v[i].path), BYTES_FMT(before->v[i].value));
	}
}

COMMAND_FN(cmd_classic_enable)
{
	const struct service *s = service_of(cmd);
	struct bytes usual = BYTES("a");
	struct classic_change x;
	struct rows before = { 0 };

	(void)args;
	classic_begin(&x, o, cmd);
	if (was_enabled(s, &c->store.running)) {
		; /* it is so already */
	} else if (find_before(c, s, &before)) {
		if (s->has_mode)
			put_mode(&x, s, &before);
		else
			put_rows(&x, s, &before);
	} else if (s->has_mode) {
		classic_changef(&x, "clear %s", setting_row(s->mode)->path);
	} else if (s->is_ready) {
		listen_on(&x, s, &usual, 1, 0);
	} else {
		classic_fail(&x, ERR_BAD_STATE, "%s was never enabled: %s%s first", s->name, s->name,
		             s->kinds[0].port == 0 ? " server add HOST" : " listen INTERFACE");
	}
	if (s->has_mode && !has_listeners(s, &o->candidate))
		oper_note(o, "it has no door yet: partners cannot come in before listen INTERFACE");
	need_certificate(&x, s);
	classic_end(&x);
	rows_fini(&before);
}

COMMAND_FN(cmd_classic_disable)
{
	const struct service *s = service_of(cmd);
	const struct kind *k;
	struct classic_change x;
	char prefix[64];

	(void)c;
	(void)args;
	classic_begin(&x, o, cmd);
	if (s->has_mode)
		classic_changef(&x, "set %s off", setting_row(s->mode)->path);
	for (size_t at = 0; !s->has_mode && (k = next_kind(s, &at));) {
		classic_prefix(k->id, prefix);
		classic_changef(&x, "clear %s", prefix);
	}
	classic_end(&x);
}

COMMAND_FN(cmd_classic_restart)
{
	bool is_on = was_enabled(service_of(cmd), &c->store.running);

	(void)args;
	oper_done(o, 0, is_on ? "nothing to restart: every change runs already, and nobody was dropped" : "it is not enabled; there is nothing to restart either");
}
