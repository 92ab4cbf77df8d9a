/* Classic words that are more than a line of native text: license, backup snapshot, syslog server, turn credentials. */
#include "base/err.h"
#include "classic.h"
#include "conf.h"
#include "run/zone.h"

#include <stdio.h>

/* Nothing here waits for a licence; the records are those that a script for the classic appliance looks for. */
COMMAND_FN(cmd_classic_license)
{
	static const char *const features[] = { "federation", "sip", "turn", "xmpp", "webadmin" };

	(void)c;
	(void)cmd;
	(void)args;
	for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
		oper_record_begin(o);
		oper_record_str(o, "feature", features[i]);
		oper_record_str(o, "status", "activated");
		oper_record_str(o, "expires", "never");
		oper_record_end(o);
	}
	oper_done(o, 0, "no licence is needed: every feature is there, for good");
}

COMMAND_FN(cmd_classic_zones)
{
	(void)cmd;
	(void)args;
	for (size_t i = 0; c->zones && i < zones_count(c->zones); i++) {
		oper_record_begin(o);
		oper_record_str(o, "zone", zones_name(c->zones, i));
		oper_record_end(o);
	}
	oper_done(o, 0, "");
}

/* The file is one word of a person's, so it may not lead elsewhere. */
static bool is_file_name(struct bytes name)
{
	bool is_good = name.n > 0 && name.n < TRANSFER_NAME_BYTES - sizeof ".backup" && *name.p != '.';

	for (size_t i = 0; i < name.n; i++) {
		uint8_t x = name.p[i];
		is_good &= (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9') || x == '-' || x == '_' || x == '.';
	}
	return is_good;
}

COMMAND_FN(cmd_classic_snapshot)
{
	char file[TRANSFER_NAME_BYTES], why[160];
	struct bytes name = args->v[0];

	(void)cmd;
	if (!is_file_name(name)) {
		snprintf(why, sizeof why, "%.*s: a backup's name has letters, digits, dots, dashes and underscores, and no dot in front",
		         (int)(name.n > 40 ? 40 : name.n), (const char *)name.p);
		oper_done(o, ERR_SYNTAX, why);
		return;
	}
	snprintf(file, sizeof file, "%.*s.backup", BYTES_FMT(name));
	backup_save(c, o, args->v[1], file);
}

/* ---- syslog servers: the classic appliance speaks TCP, or TLS with "tls:" before the host ---- */

enum { PORT_TLS = 6514, PORT_TCP = 601, PORT_OLD = 514 };

static struct bytes host_of(struct bytes word, bool *is_tls)
{
	*is_tls = bytes_starts(word, BYTES("tls:"));
	return *is_tls ? bytes_skip(word, 4) : word;
}

static bool is_host(const struct row_item *item, struct bytes host)
{
	return item->row->id == SET_LOG_REMOTE_SERVER && bytes_starts(item->value, host) && item->value.n > host.n && item->value.p[host.n] == ' ';
}

COMMAND_FN(cmd_classic_syslog_add)
{
	bool is_tls;
	struct bytes host = host_of(args->v[0], &is_tls);
	uint64_t port = PORT_TLS;
	struct classic_change x;
	char path[64];
	unsigned k = 1;

	(void)c;
	classic_begin(&x, o, cmd);
	if (args->n > 1)
		(void)bytes_to_u64(args->v[1], UINT16_MAX, &port); /* the place took it */
	for (size_t i = 0; i < o->candidate.n; i++) {
		if (is_host(&o->candidate.v[i], host))
			classic_fail(&x, ERR_EXISTS, "%.*s: it is there already", (int)(host.n > 80 ? 80 : host.n), (const char *)host.p);
	}
	do
		snprintf(path, sizeof path, "log remote %u", k);
	while (rows_has_below(&o->candidate, bytes_of(path)) && k++ < ROWS_MAX);
	classic_changef(&x, "set %s server %.*s %u", path, BYTES_FMT(host), (unsigned)port);
	if (!is_tls && (port == PORT_OLD || port == PORT_TCP))
		classic_changef(&x, "set %s transport tcp", path);
	classic_end(&x);
}

COMMAND_FN(cmd_classic_syslog_del)
{
	bool is_tls;
	struct bytes host = host_of(args->v[0], &is_tls);
	struct classic_change x;
	bool is_gone = false;

	(void)c;
	classic_begin(&x, o, cmd);
	for (size_t i = 0; i < c->store.running.n; i++) {
		const struct row_item *item = &c->store.running.v[i];
		if (!is_host(item, host))
			continue;
		classic_changef(&x, "delete log remote %.*s", BYTES_FMT(item->key));
		is_gone = true;
	}
	if (!is_gone)
		classic_fail(&x, ERR_NOT_FOUND, "%.*s: no such syslog server", (int)(host.n > 80 ? 80 : host.n), (const char *)host.p);
	classic_end(&x);
}

/* A user's keys are made for the realm, so that comes first. */
COMMAND_FN(cmd_classic_turn_credentials)
{
	struct classic_change x;
	const char *why = "";

	(void)c;
	classic_begin(&x, o, cmd);
	classic_changef(&x, "set turn realm %.*s", BYTES_FMT(args->v[1]));
	int rc = x.rc < 0 ? 0 : turn_user_put(o, args->v[0], args->v[2], &why);
	if (rc < 0)
		classic_fail(&x, rc, "%.*s: %s", (int)(args->v[0].n > 60 ? 60 : args->v[0].n), (const char *)args->v[0].p, why[0] ? why : err_text(rc));
	buf_putf(&x.told, "; turn user add %.*s", (int)(args->v[0].n > 60 ? 60 : args->v[0].n), (const char *)args->v[0].p);
	classic_end(&x);
}
