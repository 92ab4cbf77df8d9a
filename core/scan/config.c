#include "scan.h"

#include "base/err.h"
#include "net/dns_settings.h"
#include "run/alarm.h"

#include <stdio.h>

/* Settings into scanners. */

enum { SCAN_OFF, SCAN_CLAMD, SCAN_ICAP }; /* as in the range of `upload scan` */

/* Of the words one behind the other: HOST, HOST:PORT, an IPv6 address in brackets. */
static int read_servers(struct bytes words, uint16_t port, struct server out[SERVERS_MAX], size_t *n)
{
	*n = 0;
	while (words.n) {
		size_t at = bytes_find(words, ' ');
		struct bytes word = bytes_make(words.p, at);
		words = bytes_skip(words, at + 1);
		if (!word.n)
			continue;
		if (*n == SERVERS_MAX)
			return ERR_LIMIT;
		struct server *s = &out[(*n)++];
		*s = (struct server){ .port = 0 };
		if (setting_split_host(word, port, s->host, &s->port))
			return ERR_SYNTAX;
		bool is_v6 = strchr(s->host, ':') != NULL;
		if (!is_v6 && !setting_is_host_name(bytes_of(s->host)))
			return ERR_SYNTAX;
		(void)snprintf(s->name, sizeof s->name, "%s%s%s:%u", is_v6 ? "[" : "", s->host, is_v6 ? "]" : "", s->port);
	}
	return *n ? 0 : ERR_NOT_FOUND;
}

int scan_check(void *scan, const struct settings *s, const char **path, const char **why)
{
	struct server servers[SERVERS_MAX];
	unsigned kind = settings_enum(s, SET_UPLOAD_SCAN);
	size_t n;

	(void)scan;
	if (kind == SCAN_OFF)
		return 0; /* this program ends */
	int rc = read_servers(settings_text(s, SET_UPLOAD_SCAN_SERVERS), ICAP_PORT, servers, &n);
	if (rc) {
		*path = "upload scan-servers";
		*why = rc == ERR_LIMIT ? "four servers at most" : "servers are HOST or HOST:PORT, spaces between";
		return ERR_RANGE;
	}
	if (kind == SCAN_ICAP && !icap_is_service(settings_text(s, SET_UPLOAD_SCAN_SERVICE))) {
		*path = "upload scan-service";
		*why = "the path of a service, as avscan or virus_scan?allow204=on, without the first slash";
		return ERR_RANGE;
	}
	return 0;
}

static bool is_same(const struct scan *g, const struct scan_config *c, const struct server *servers, size_t n)
{
	if (g->n_servers != n || g->config.protocol != c->protocol || strcmp(g->config.service, c->service) != 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(g->servers[i].name, servers[i].name) != 0)
			return false;
	return true;
}

static void stop_servers(struct scan *g)
{
	jobs_renew(g);
	for (size_t i = 0; i < g->n_servers; i++)
		server_stop(&g->servers[i]);
	g->n_servers = 0;
	alarm_clear(ALARM_UPLOADS_UNSCANNED, "");
}

void scan_apply(struct scan *g, const struct settings *s)
{
	struct server servers[SERVERS_MAX];
	unsigned kind = settings_enum(s, SET_UPLOAD_SCAN);
	struct scan_config c = { .protocol = kind == SCAN_ICAP ? PROTOCOL_ICAP : PROTOCOL_CLAMD, .jobs = (unsigned)settings_int(s, SET_UPLOAD_SCAN_JOBS) };
	const char *path = "upload scan-servers", *why = "";
	size_t n = 0;
	int rc = dns_settings_apply(g->dns, s);

	if (rc)
		log_error("scan.dns", LOG_STR("reason", err_name(rc)));
	(void)snprintf(c.service, sizeof c.service, "%.*s", BYTES_FMT(settings_text(s, SET_UPLOAD_SCAN_SERVICE)));
	if (kind == SCAN_OFF)
		return; /* this program is being ended */
	if (scan_check(g, s, &path, &why))
		log_error("scan.settings", LOG_STR("setting", path), LOG_STR("reason", why));
	else
		(void)read_servers(settings_text(s, SET_UPLOAD_SCAN_SERVERS), c.protocol == PROTOCOL_ICAP ? ICAP_PORT : CLAMD_PORT, servers, &n);
	if (is_same(g, &c, servers, n)) {
		g->config = c;
		jobs_next(g);
		return;
	}
	stop_servers(g);
	g->config = c;
	for (g->n_servers = 0; g->n_servers < n; g->n_servers++) {
		struct server *to = &g->servers[g->n_servers];
		*to = servers[g->n_servers];
		to->scan = g;
		server_start(to);
	}
	if (!n) /* nothing is given out unscanned for that */
		alarm_raise(ALARM_UPLOADS_UNSCANNED, "", ALARM_USUAL, path);
}
