#include "base/err.h"
#include "conf.h"
#include "listeners.h"

#include <stdio.h>
#include <string.h>

/* gh-pki walks; what this box opens, and by which names, is known here. */

enum { SILENCE_MS = 60000 };

static bool is_hosted(const struct rows *r, struct bytes domain)
{
	return rows_value(r, SET_DOMAIN_CERTIFICATE, domain).n > 0;
}

COMMAND_FN(cmd_discovery_check)
{
	const struct rows *r = &c->store.running;
	char ports[WORDS_MAX][8];
	struct bytes passed[6 + 4 * WORDS_MAX];
	struct listener l;
	size_t n = 0, n_ports = 0;

	(void)cmd;
	if (!is_hosted(r, args->v[0])) {
		oper_done(o, ERR_NOT_FOUND, "not a domain of this box: set domain DOMAIN certificate NAME");
		return;
	}
	passed[n++] = args->v[0];
	passed[n++] = rows_value(r, SET_PROXY_HOST, BYTES_NONE);
	passed[n++] = rows_value(r, SET_PROXY_PORT, BYTES_NONE);
	passed[n++] = rows_value(r, SET_TURN_SERVICE_HOST, BYTES_NONE);
	passed[n++] = args->n > 1 ? args->v[1] : BYTES_NONE;
	passed[n++] = rows_value(r, SET_PROXY_BOSH, BYTES_NONE);
	bool has_partners = bytes_eq_str(rows_value(r, SET_PROXY_FEDERATION, BYTES_NONE), "on") && !bytes_eq_str(rows_value(r, SET_FED_MODE, BYTES_NONE), "off");
	for (size_t at = 0; n_ports < WORDS_MAX && listeners_next(r, &at, &l); n_ports++) {
		snprintf(ports[n_ports], sizeof ports[0], "%u", l.port);
		passed[n++] = bytes_of(l.name);
		passed[n++] = bytes_of(ports[n_ports]);
		if (!has_partners || strcmp(l.name, "https") != 0 || !bytes_eq_str(rows_value(r, SET_PROXY_PORT, BYTES_NONE), ports[n_ports]))
			continue;
		passed[n++] = BYTES("https-s2s"); /* partners at the front's public port */
		passed[n++] = bytes_of(ports[n_ports]);
	}
	const struct relay_ask ask = { .targets = P(PROG_PKI), .verb = "discovery check", .args = passed, .n_args = n, .silence_ms = SILENCE_MS };
	relay_start(c, o, &ask);
}
