#include "discovery.h"

#include "base/err.h"
#include "proto/jid.h"

#include <stdio.h>

enum { META_BYTES_MAX = 64 << 10, META_MS = 15000, LINE_BYTES = 1024, QUERY_MS = 2000, BUDGET_MS = 8000 };

static void next(struct discovery *d);

/* ---- what is said ---- */

/* The four fields of federation check, and what was found. */
static void record(struct discovery *d, const char *step, const char *detail, const char *result, const char *found, const char *advice)
{
	proc_record_begin(d->ask);
	proc_record_str(d->ask, "step", step);
	proc_record_str(d->ask, "result", result);
	proc_record_str(d->ask, "detail", detail);
	proc_record_str(d->ask, "found", found);
	proc_record_str(d->ask, "advice", advice);
	proc_record_end(d->ask);
}

static void good(struct discovery *d, const char *step, const char *detail, const char *found)
{
	record(d, step, detail, "ok", found, "");
}

static void bad(struct discovery *d, const char *step, const char *detail, const char *result, const char *found, const char *advice)
{
	d->wrong++;
	record(d, step, detail, result, found, advice);
}

static void done(struct discovery *d, int rc, const char *text)
{
	struct proc_ask *ask = d->ask;

	d->ask = NULL;
	d->step = DISCOVERY_OFF;
	proc_done(ask, rc, text);
}

void discovery_stop(struct discovery *d, const char *why)
{
	dns_cancel(d->query);
	fetch_cancel(d->fetch);
	probe_cancel(d->probe);
	stunprobe_cancel(d->stun);
	d->query = NULL;
	d->fetch = NULL;
	d->probe = NULL;
	d->stun = NULL;
	dns_free(d->outside);
	d->outside = NULL;
	if (d->ask)
		done(d, ERR_CLOSED, why);
}

static struct dns *dns_of(const struct discovery *d)
{
	return d->outside ? d->outside : d->own;
}

static void go_to(struct discovery *d, enum discovery_step step)
{
	d->step = step;
	d->at = 0;
}

/* ---- records ---- */

static const char *host_of(const struct discovery *d, const struct discovery_row *row)
{
	const char *host = row->host == HOST_RELAY && d->relay[0] ? d->relay : d->front;

	return host[0] ? host : d->domain;
}

/* One port may be several doors, by ALPN. */
static bool is_same_door(const struct discovery_row *a, const struct discovery_row *b)
{
	return a->how == b->how && (a->alpn && b->alpn ? strcmp(a->alpn, b->alpn) == 0 : a->alpn == b->alpn);
}

static void add_place(struct discovery *d, const struct discovery_row *row, const struct dns_target *t)
{
	for (size_t i = 0; i < d->n_places; i++)
		if (d->places[i].port == t->port && is_same_door(d->places[i].row, row) && strcmp(d->places[i].host, t->host) == 0)
			return;
	if (d->n_places == DISCOVERY_PLACES_MAX)
		return;
	struct discovery_place *p = &d->places[d->n_places++];
	*p = (struct discovery_place){ .row = row, .port = t->port };
	snprintf(p->host, sizeof p->host, "%s", t->host);
}

static void say_missing(struct discovery *d, const struct dns_srv_answer *a, const char *detail)
{
	if (a->rc == 0)
		bad(d, "record", detail, "missing", "other ports alone", "add this line to the zone, or leave it out when nobody is to come by this port");
	else if (a->rc == ERR_DNS_NXDOMAIN || a->rc == ERR_DNS_NODATA)
		bad(d, "record", detail, "missing", "", "add this line to the zone");
	else if (a->rc == ERR_NOT_FOUND)
		bad(d, "record", detail, "wrong", ".", "the zone says that there is no such service: put this line in its place");
	else
		bad(d, "record", detail, "failed", err_text(a->rc), "the name servers do not answer: see dns server, and the domain's own");
}

/* One record that there should be: is it there? */
static void judge_want(struct discovery *d, const struct discovery_want *w, const struct dns_srv_answer *a)
{
	struct buf line;
	char found[DISCOVERY_HOST_BYTES + 16];
	bool is_there = false;

	buf_init(&line, LINE_BYTES);
	discovery_put_record(&line, w->row->service, d->domain, w->port, host_of(d, w->row));
	for (size_t i = 0; a->rc == 0 && i < a->n; i++) {
		if (a->targets[i].port != w->port)
			continue;
		snprintf(found, sizeof found, "%s port %u", a->targets[i].host, a->targets[i].port);
		good(d, "record", buf_cstr(&line), found);
		add_place(d, w->row, &a->targets[i]);
		is_there = true;
	}
	if (!is_there)
		say_missing(d, a, buf_cstr(&line));
	buf_fini(&line);
}

/* Records that lead to ports which are not open here. */
static void judge_others(struct discovery *d, const char *service, const struct dns_srv_answer *a)
{
	char detail[LINE_BYTES], found[DISCOVERY_HOST_BYTES + 16];

	for (size_t i = 0; a->rc == 0 && i < a->n; i++) {
		bool is_ours = false;
		for (size_t k = 0; k < d->wants.n; k++)
			is_ours |= d->wants.v[k].port == a->targets[i].port && strcmp(d->wants.v[k].row->service, service) == 0;
		if (is_ours)
			continue;
		snprintf(detail, sizeof detail, "%s.%s.", service, d->domain);
		snprintf(found, sizeof found, "%s port %u", a->targets[i].host, a->targets[i].port);
		bad(d, "record", detail, "wrong", found, "this box does not listen at that port: take the record out, unless another server has it");
	}
}

static void on_service(void *arg, const struct dns_srv_answer *a)
{
	struct discovery *d = arg;
	const char *service = d->wants.v[d->at].row->service;

	d->query = NULL;
	for (size_t i = d->at; i < d->wants.n; i++)
		if (strcmp(d->wants.v[i].row->service, service) == 0)
			judge_want(d, &d->wants.v[i], a);
	judge_others(d, service, a);
	d->at++;
	next(d);
}

static bool ask_records(struct discovery *d)
{
	char owner[300];

	while (d->at < d->wants.n && !discovery_is_first(&d->wants, d->at))
		d->at++;
	if (d->at == d->wants.n) {
		go_to(d, DISCOVERY_META);
		return false;
	}
	snprintf(owner, sizeof owner, "%s.%s", d->wants.v[d->at].row->service, d->domain);
	d->query = dns_service(dns_of(d), owner, on_service, d);
	return true;
}

/* ---- the documents (XEP-0156), and what they lead to ---- */

static bool has_front(const struct discovery *d)
{
	for (size_t i = 0; i < d->wants.n; i++)
		if (strcmp(d->wants.v[i].row->listener, "https") == 0)
			return true;
	return false;
}

static void put_meta_url(const struct discovery *d, char out[static LINE_BYTES])
{
	if (d->step == DISCOVERY_WEBSOCKET)
		snprintf(out, LINE_BYTES, "https://%s:%u/xmpp-websocket", d->front[0] ? d->front : d->domain, d->front_port);
	else
		snprintf(out, LINE_BYTES, "https://%s/.well-known/host-meta%s", d->domain, d->step == DISCOVERY_META_JSON ? ".json" : "");
}

/* One of the links that the document should have. */
static void judge_link(struct discovery *d, const char *url, struct bytes body, enum discovery_link which)
{
	bool is_bosh = which == LINK_BOSH;
	const char *front = d->front[0] ? d->front : d->domain;
	struct buf href, want;

	buf_init(&href, LINE_BYTES);
	buf_init(&want, LINE_BYTES);
	if (is_bosh)
		discovery_put_bosh(&want, front, d->front_port);
	else
		discovery_put_wss(&want, front, d->front_port);
	int rc = discovery_read_meta(body, d->step == DISCOVERY_META_JSON, which, &href);
	if (rc == ERR_NOT_FOUND)
		bad(d, "host-meta", url, "missing", is_bosh ? "no link to BOSH" : "no link to a WebSocket", "add the link that this box gives: docs/admin/remote.md");
	else if (rc)
		bad(d, "host-meta", url, "wrong", "not a document of RFC 6415", "let the web server there pass this path on to the front, or give its document");
	else if (!bytes_eq(buf_bytes(&href), buf_bytes(&want)))
		bad(d, "host-meta", url, "wrong", buf_cstr(&href), "another place than that of this box: see proxy host and proxy port");
	else
		good(d, "host-meta", url, buf_cstr(&href));
	buf_fini(&href);
	buf_fini(&want);
}

/* With BOSH off, a link to it leads clients to nothing. */
static void judge_no_bosh(struct discovery *d, const char *url, struct bytes body)
{
	struct buf href;

	buf_init(&href, LINE_BYTES);
	if (discovery_read_meta(body, d->step == DISCOVERY_META_JSON, LINK_BOSH, &href) == 0)
		bad(d, "host-meta", url, "wrong", buf_cstr(&href), "this box takes no BOSH: set proxy bosh on, or take the link away");
	buf_fini(&href);
}

static void judge_document(struct discovery *d, const char *url, struct bytes body)
{
	judge_link(d, url, body, LINK_WEBSOCKET);
	if (d->has_bosh)
		judge_link(d, url, body, LINK_BOSH);
	else
		judge_no_bosh(d, url, body);
}

static void judge_answer(struct discovery *d, const char *url, const struct fetch_answer *a)
{
	const char *step = d->step == DISCOVERY_WEBSOCKET ? "websocket" : "host-meta";
	char status[64];

	snprintf(status, sizeof status, "status %u", a->status);
	if (a->rc == ERR_DENIED)
		record(d, step, url, "not tested", a->why, "fetch allow NAME RANGE lets this box look there");
	else if (a->rc)
		bad(d, step, url, "failed", a->why, "nothing answers there as seen from this box: the domain's address, a firewall, the certificate");
	else if (d->step == DISCOVERY_WEBSOCKET && (a->status == 400 || a->status == 426))
		good(d, step, url, "it asks for a WebSocket"); /* a request without upgrade is refused so */
	else if (d->step == DISCOVERY_WEBSOCKET || a->status != 200)
		bad(d, step, url, "wrong", status, "let the web server there pass this path on to the front: browsers find it no other way");
	else
		judge_document(d, url, a->body);
}

static void on_fetched(void *arg, const struct fetch_answer *a)
{
	struct discovery *d = arg;
	char url[LINE_BYTES];

	d->fetch = NULL;
	put_meta_url(d, url);
	judge_answer(d, url, a);
	go_to(d, d->step + 1);
	next(d);
}

static bool ask_meta(struct discovery *d)
{
	char url[LINE_BYTES];

	if (!has_front(d)) {
		go_to(d, DISCOVERY_DOORS);
		return false;
	}
	put_meta_url(d, url);
	const struct fetch_ask ask = { .method = FETCH_GET, .url = bytes_of(url), .flags = FETCH_REDIRECTS, .max_bytes = META_BYTES_MAX, .timeout_ms = META_MS };
	d->fetch = fetch_start(d->fetcher, &ask, on_fetched, d);
	if (!d->fetch) {
		record(d, "host-meta", url, "not tested", "too much is being fetched", "ask again later");
		go_to(d, d->step + 1);
	}
	return d->fetch != NULL;
}

/* ---- the doors ---- */

static void put_door(const struct discovery_place *p, const struct dns_addr *a, char out[static LINE_BYTES])
{
	static const char *const names[] = {
		[HOW_DATAGRAM] = "UDP", [HOW_STUN] = "STUN over UDP", [HOW_TCP] = "TCP", [HOW_TLS] = "TLS", [HOW_STREAM_TLS] = "TLS, then XMPP", [HOW_STREAM_STARTTLS] = "XMPP with STARTTLS",
	};
	char text[DNS_ADDR_TEXT_BYTES] = "";

	if (a)
		dns_addr_text(a, text);
	snprintf(out, LINE_BYTES, "%s port %u%s%s: %s%s%s", p->host, p->port, a ? " at " : "", text, names[p->row->how], p->row->alpn ? ", ALPN " : "",
	         p->row->alpn ? p->row->alpn : "");
}

static const char *advice_of(const struct probe_answer *a)
{
	switch (a->stage) {
	case PROBE_TCP:
		return a->rc == ERR_CONN_REFUSED ? "nothing listens there: does the address lead to this box?"
		                                 : "no answer as seen from this box: a firewall, or a NAT that does not turn back; look from outside";
	case PROBE_STARTTLS:
		return a->rc == ERR_UNSUPPORTED ? "what answers there offers no STARTTLS: it is not this box" : "what answers there speaks no XMPP in clear: is it this box?";
	case PROBE_TLS:
		return a->rc == ERR_UNSUPPORTED ? "what answers there does not know this protocol (ALPN): something in between ends TLS"
		                                : "TLS could not be agreed: is it this box?";
	case PROBE_CERTIFICATE:
		return a->rc == ERR_CERT_NAME ? "the certificate does not name the domain: set domain DOMAIN certificate, or another server is there"
		                              : "clients will not believe this certificate: certificate show, trust anchor";
	default:
		return "the stream inside TLS is refused: is the domain hosted behind that door?";
	}
}

static void on_probed(void *arg, const struct probe_answer *a)
{
	struct discovery *d = arg;
	const struct discovery_place *p = &d->places[d->at];
	char detail[LINE_BYTES], found[LINE_BYTES];

	d->probe = NULL;
	put_door(p, &d->addrs[d->addr], detail);
	if (a->rc) {
		snprintf(found, sizeof found, "%s: %s%s%s", probe_stage_names[a->stage], err_text(a->rc), a->said[0] ? ", " : "", a->said);
		bad(d, "door", detail, "failed", found, advice_of(a));
	} else {
		snprintf(found, sizeof found, "%s%s%s%s%s%s%s", a->tls[0] ? a->tls : "connected", a->subject[0] ? ", " : "", a->subject,
		         a->not_after[0] ? " until " : "", a->not_after, a->said[0] ? ", " : "", a->said);
		good(d, "door", detail, found);
	}
	d->addr++;
	next(d);
}

static void on_stun(void *arg, int rc, const struct stunaddr *mapped)
{
	struct discovery *d = arg;
	char detail[LINE_BYTES], found[STUNADDR_TEXT_BYTES + 32], text[STUNADDR_TEXT_BYTES];

	d->stun = NULL;
	put_door(&d->places[d->at], &d->addrs[d->addr], detail);
	if (rc) {
		bad(d, "door", detail, "failed", err_text(rc), "no answer as seen from this box: a firewall, or a NAT that does not turn back; look from outside");
	} else {
		stunaddr_text(mapped, text);
		snprintf(found, sizeof found, "it sees this box as %s", text);
		good(d, "door", detail, found);
	}
	d->addr++;
	next(d);
}

static void begin(struct discovery *d, const struct sockaddr_storage *to, socklen_t to_n)
{
	const struct discovery_place *p = &d->places[d->at];
	struct probe_ask ask = { .row = p->row, .domain_text = bytes_of(d->domain_text), .to = *to, .to_n = to_n };

	if (p->row->how == HOW_STUN) {
		d->stun = stunprobe_start(d->loop, (const struct sockaddr *)to, to_n, on_stun, d);
		return;
	}
	snprintf(ask.domain, sizeof ask.domain, "%s", d->domain);
	snprintf(ask.name, sizeof ask.name, "%.253s", p->row->host == HOST_RELAY ? p->host : d->domain);
	d->probe = probe_start(d->loop, d->trust, &ask, on_probed, d);
}

/* The current address of the current door. False: it was not tried. */
static bool probe(struct discovery *d)
{
	const struct discovery_place *p = &d->places[d->at];
	struct sockaddr_storage to;
	char detail[LINE_BYTES];

	socklen_t to_n = dns_addr_sockaddr(&d->addrs[d->addr], p->port, &to);
	const char *forbidden = reach_forbids(&d->reach, (const struct sockaddr *)&to, false);
	if (!forbidden)
		begin(d, &to, to_n);
	if (d->probe || d->stun)
		return true;
	put_door(p, &d->addrs[d->addr], detail);
	record(d, "door", detail, "not tested", forbidden ? forbidden : err_text(ERR_NOMEM), forbidden ? "fetch allow NAME RANGE lets this box look there" : "");
	d->addr++;
	return false;
}

static bool was_resolved(const struct discovery *d)
{
	for (size_t i = 0; i < d->at; i++)
		if (strcmp(d->places[i].host, d->places[d->at].host) == 0)
			return true;
	return false;
}

static void say_addresses(struct discovery *d, const struct dns_addr_answer *a)
{
	const char *host = d->places[d->at].host;
	char detail[LINE_BYTES], found[DNS_ADDRS_MAX * (DNS_ADDR_TEXT_BYTES + 1)] = "", text[DNS_ADDR_TEXT_BYTES];
	size_t n = 0;

	snprintf(detail, sizeof detail, "%s. 3600 IN A or AAAA", host);
	for (size_t i = 0; a->rc == 0 && i < a->n; i++) {
		dns_addr_text(&a->addrs[i], text);
		n += (size_t)snprintf(found + n, sizeof found - n, "%s%s", i ? " " : "", text);
	}
	if (n)
		good(d, "address", detail, found);
	else
		bad(d, "address", detail, a->rc == ERR_DNS_NXDOMAIN || a->rc == ERR_DNS_NODATA || !a->rc ? "missing" : "failed",
		    a->rc ? err_text(a->rc) : "", "the host of the record needs an address");
}

static void on_addresses(void *arg, const struct dns_addr_answer *a)
{
	struct discovery *d = arg;

	d->query = NULL;
	if (!was_resolved(d))
		say_addresses(d, a);
	d->n_addrs = d->addr = 0;
	for (size_t i = 0; a->rc == 0 && i < a->n && d->n_addrs < 2 && d->places[d->at].row->how != HOW_DATAGRAM; i++)
		if (d->n_addrs == 0 || a->addrs[i].family != d->addrs[0].family)
			d->addrs[d->n_addrs++] = a->addrs[i];
	if (d->n_addrs == 0)
		d->at++;
	next(d);
}

static bool try_doors(struct discovery *d)
{
	while (d->n_addrs && d->addr < d->n_addrs)
		if (probe(d))
			return true;
	if (d->n_addrs) {
		d->n_addrs = 0;
		d->at++;
	}
	if (d->at == d->n_places) {
		go_to(d, DISCOVERY_OUTSIDE);
		return false;
	}
	d->query = dns_addr(dns_of(d), d->places[d->at].host, on_addresses, d);
	return true;
}

/* ---- what cannot be seen from here ---- */

static void say_outside(struct discovery *d)
{
	char door[LINE_BYTES];
	struct buf line;

	for (size_t i = 0; i < d->n_places; i++) {
		buf_init(&line, LINE_BYTES);
		discovery_put_command(&line, d->places[i].row, d->domain, d->places[i].host, d->places[i].port);
		put_door(&d->places[i], NULL, door);
		record(d, "outside", buf_len(&line) ? buf_cstr(&line) : door, "not tested", "",
		       "only a look from outside tells what firewalls and NAT let in, and what name servers say there (split DNS)");
		buf_fini(&line);
	}
}

static void finish(struct discovery *d)
{
	char text[96];

	say_outside(d);
	snprintf(text, sizeof text, d->wrong ? "%u are not as they should be" : "all is as it should be, seen from here", d->wrong);
	done(d, d->wrong ? ERR_NOT_FOUND : 0, text);
}

/* Goes on until something has to be waited for. Without memory for a question the walk ends. */
static void next(struct discovery *d)
{
	bool waits = false;

	while (d->ask && !waits) {
		switch (d->step) {
		case DISCOVERY_RECORDS:
			waits = ask_records(d);
			break;
		case DISCOVERY_META:
		case DISCOVERY_META_JSON:
		case DISCOVERY_WEBSOCKET:
			waits = ask_meta(d);
			break;
		case DISCOVERY_DOORS:
			waits = try_doors(d);
			break;
		case DISCOVERY_OUTSIDE:
			finish(d);
			return;
		case DISCOVERY_OFF:
			return;
		}
	}
	if (d->ask && !d->query && !d->fetch && !d->probe && !d->stun)
		done(d, ERR_NOMEM, err_text(ERR_NOMEM));
}

/* ---- the command ---- */

static int read_host(struct bytes word, char out[static 254])
{
	out[0] = '\0';
	return word.n == 0 ? 0 : jid_domain_to_ascii(word, out);
}

enum { FIXED_ARGS = 6 };

static int read_args(struct discovery *d, const struct bytes *args, size_t n)
{
	uint64_t port;

	if (n < FIXED_ARGS || n % 2 || args[0].n >= sizeof d->domain_text || jid_domain_to_ascii(args[0], d->domain) || read_host(args[1], d->front) ||
	    bytes_to_u64(args[2], UINT16_MAX, &port) || read_host(args[3], d->relay))
		return ERR_SYNTAX;
	snprintf(d->domain_text, sizeof d->domain_text, "%.*s", BYTES_FMT(args[0]));
	d->front_port = (uint16_t)port;
	d->wants.n = 0;
	d->has_bosh = bytes_eq_str(args[5], "on");
	for (size_t i = FIXED_ARGS; i + 1 < n; i += 2) {
		if (bytes_to_u64(args[i + 1], UINT16_MAX, &port))
			return ERR_SYNTAX;
		bool is_front = bytes_eq_str(args[i], "https") && port != DISCOVERY_SIPS_PORT; /* outside it has the port of `proxy port` */
		discovery_add(&d->wants, args[i], is_front ? d->front_port : (uint16_t)port);
	}
	return 0;
}

/* Another name server than those of this box: what is said outside may differ (split DNS). */
static int go_outside(struct discovery *d, struct bytes server)
{
	char text[80];
	const char *const servers[] = { text };
	const struct dns_config config = { .servers = servers, .n_servers = 1, .query_ms = QUERY_MS, .budget_ms = BUDGET_MS };

	dns_free(d->outside);
	d->outside = NULL;
	if (server.n == 0)
		return 0;
	if (server.n >= sizeof text)
		return ERR_SYNTAX;
	snprintf(text, sizeof text, "%.*s", BYTES_FMT(server));
	d->outside = dns_new(d->loop);
	return d->outside ? dns_configure(d->outside, &config) : ERR_NOMEM;
}

void discovery_command(struct discovery *d, struct proc_ask *ask, const struct bytes *args, size_t n)
{
	if (d->ask || !d->trust) {
		proc_done(ask, ERR_EXISTS, d->ask ? "somebody's discovery check is under way: ask again when it has ended" : "no settings yet");
		return;
	}
	int rc = read_args(d, args, n);
	if (rc || d->wants.n == 0) {
		proc_done(ask, rc ? rc : ERR_NOT_FOUND, rc ? err_text(rc) : "this box opens nothing that the DNS should tell: show listeners");
		return;
	}
	rc = go_outside(d, args[4]);
	if (rc) {
		proc_done(ask, rc, "the name server is not an address like 192.0.2.53");
		return;
	}
	d->ask = ask;
	d->n_places = d->n_addrs = d->wrong = 0;
	dns_forget(d->own, bytes_of(d->domain));
	go_to(d, DISCOVERY_RECORDS);
	next(d);
}
