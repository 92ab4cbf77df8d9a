#include "fetch.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "net/link.h"

enum { FETCH_BUDGET_MS = 8000, HTTPS_PORT = 443, FETCH_QUEUE_BYTES = 4096 };

struct fetch {
	struct s2s *s2s;
	char host[254];
	fetch_fn fn;
	void *arg;
	struct dns_query *query;
	struct link link;
	bool has_link;
	struct loop_timer budget;
	struct loop_defer finish;
	struct buf answer;
	int rc;
};

static void fetch_free(struct fetch *f)
{
	dns_cancel(f->query);
	if (f->has_link)
		link_close(&f->link);
	loop_timer_del(f->s2s->loop, &f->budget);
	loop_defer_cancel(&f->finish);
	buf_fini(&f->answer);
	free(f);
}

/* The end, from the loop: nothing above us on the stack belongs to this fetch. */
static void on_finish(void *arg)
{
	struct fetch *f = arg;
	struct posh p = { .n = 0 };
	fetch_fn fn = f->fn;
	void *fn_arg = f->arg;
	int rc = f->rc ? f->rc : posh_read(buf_bytes(&f->answer), &p);

	fetch_free(f);
	fn(fn_arg, rc, &p);
}

static void end(struct fetch *f, int rc)
{
	f->rc = rc;
	loop_defer_call(f->s2s->loop, &f->finish);
}

static void on_budget(void *arg)
{
	end(arg, ERR_TIMEOUT);
}

static void on_connected(void *arg)
{
	struct fetch *f = arg;
	struct tls_options o = { .side = TLS_CLIENT, .server_name = f->host };
	struct tls *t = NULL;
	int rc = tls_new(f->s2s->certificates, &o, &t);

	if (rc == 0)
		rc = link_start_tls(&f->link, t, FETCH_BUDGET_MS);
	if (rc < 0)
		end(f, rc);
}

/* What the web server says counts only when its own certificate is the domain's (RFC 7711 3). */
static void on_secured(void *arg)
{
	struct fetch *f = arg;
	struct tls_demand d = { .domain_ascii = f->host, .domain = bytes_of(f->host), .srv_service = "_https",
		                .allow_wildcard = true };
	struct tls_verdict v;

	tls_verify(f->link.tls, &d, &v);
	if (v.rc < 0) {
		end(f, v.rc);
		return;
	}
	posh_request(link_out(&f->link), f->host);
	link_kick(&f->link);
}

static void on_data(void *arg, struct bytes in)
{
	struct fetch *f = arg;

	buf_put_bytes(&f->answer, in);
	if (buf_failed(&f->answer))
		end(f, ERR_LIMIT);
}

static void on_closed(void *arg, int why)
{
	struct fetch *f = arg;

	f->has_link = false;
	end(f, buf_len(&f->answer) ? 0 : why ? why : ERR_CLOSED);
}

static const struct link_owner owner = {
	.connected = on_connected, .secured = on_secured, .data = on_data, .closed = on_closed,
};

static void on_addrs(void *arg, const struct dns_addr_answer *a)
{
	struct fetch *f = arg;
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(HTTPS_PORT) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(HTTPS_PORT) };
	const struct dns_addr *first = NULL;
	int rc = a->rc ? a->rc : ERR_DNS_NODATA;

	f->query = NULL;
	/* one try: IPv4 first, where web servers of single-stack sites are */
	for (size_t i = 0; i < a->n; i++)
		if (!first || (first->family == 6 && a->addrs[i].family == 4))
			first = &a->addrs[i];
	if (first && first->family == 4) {
		memcpy(&to4.sin_addr, first->bytes, 4);
		rc = link_connect(&f->link, f->s2s->loop, (struct sockaddr *)&to4, sizeof to4, NULL, 0,
		                  f->s2s->conf.connect_ms, &owner, f, FETCH_QUEUE_BYTES);
	} else if (first) {
		memcpy(&to6.sin6_addr, first->bytes, 16);
		rc = link_connect(&f->link, f->s2s->loop, (struct sockaddr *)&to6, sizeof to6, NULL, 0,
		                  f->s2s->conf.connect_ms, &owner, f, FETCH_QUEUE_BYTES);
	}
	f->has_link = first && rc == 0;
	if (!f->has_link)
		end(f, rc);
}

struct fetch *fetch_posh(struct s2s *s, const char *host, fetch_fn fn, void *arg)
{
	struct fetch *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->s2s = s;
	f->fn = fn;
	f->arg = arg;
	(void)snprintf(f->host, sizeof f->host, "%s", host); /* both hold an A-label name */
	buf_init(&f->answer, POSH_ANSWER_BYTES);
	loop_timer_init(&f->budget, on_budget, f);
	loop_defer_init(&f->finish, on_finish, f);
	f->query = dns_addr(s->dns, f->host, on_addrs, f);
	if (!f->query || loop_timer_set(s->loop, &f->budget, FETCH_BUDGET_MS) < 0) {
		fetch_free(f);
		return NULL;
	}
	s->counts[STAT_POSH_ASKED]++;
	return f;
}

void fetch_cancel(struct fetch *f)
{
	if (f)
		fetch_free(f);
}
