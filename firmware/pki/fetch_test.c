#include "fetch.h"
#include "fetch_url.h"

#include "base/err.h"
#include "base/log.h"
#include "net/dns_fixture.h"
#include "net/pki_fixture.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a web server in a process of its own: what it says depends on the path ---- */

struct web {
	pid_t pid;
	uint16_t port;
};

static const char *answer_to(const char *head)
{
	static char big[40000];

	if (strstr(head, " /ok "))
		return "HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=x\r\nReplay-Nonce: abc\r\nContent-Length: 5\r\n\r\nhello";
	if (strstr(head, " /echo "))
		return strstr(head, "\r\n\r\nthe body") && strstr(head, "Content-Type: application/jose+json\r\n") && strstr(head, "User-Agent: Gatehouse/")
			       ? "HTTP/1.1 201 Created\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
			       : "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
	if (strstr(head, " /long "))
		return "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901";
	if (strstr(head, " /endless "))
		return "HTTP/1.1 200 OK\r\n\r\n12345678901"; /* up to the end of the connection */
	if (strstr(head, " /head ")) {
		int n = snprintf(big, sizeof big, "HTTP/1.1 200 OK\r\n");
		for (int i = 0; i < 35; i++)
			n += snprintf(big + n, sizeof big - (size_t)n, "X-%d: %01000d\r\n", i, i);
		snprintf(big + n, sizeof big - (size_t)n, "Content-Length: 0\r\n\r\n");
		return big;
	}
	if (strstr(head, " /moved "))
		return "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 3\r\n\r\nold";
	if (strstr(head, " /round "))
		return "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n";
	if (strstr(head, " /away "))
		return "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/ok\r\nContent-Length: 0\r\n\r\n";
	if (strstr(head, " /file "))
		return "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n";
	if (strstr(head, " /garbage "))
		return "\1\2\3 no protocol at all\r\n\r\n";
	return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
}

static void serve_one(int fd, SSL_CTX *ctx)
{
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	char head[8192] = "";
	size_t n = 0;

	if (ssl && (SSL_set_fd(ssl, fd) != 1 || SSL_accept(ssl) != 1))
		goto out;
	while (n < sizeof head - 1 && !(strstr(head, "\r\n\r\n") && (strncmp(head, "POST", 4) || strstr(head, "the body")))) {
		ssize_t got = ssl ? SSL_read(ssl, head + n, (int)(sizeof head - 1 - n)) : read(fd, head + n, sizeof head - 1 - n);
		if (got <= 0)
			goto out;
		n += (size_t)got;
		head[n] = '\0';
	}
	if (strstr(head, " /silent "))
		sleep(3);
	const char *a = answer_to(head);
	if (ssl)
		(void)SSL_write(ssl, a, (int)strlen(a));
	else
		(void)!write(fd, a, strlen(a));
	if (ssl)
		(void)SSL_shutdown(ssl);
out:
	SSL_free(ssl);
	close(fd);
}

static struct web web_open(const struct pki_cert *cert)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t n = sizeof a;
	struct web w;

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	w.port = ntohs(a.sin_port);
	w.pid = fork();
	assert_true(w.pid >= 0);
	if (w.pid == 0) {
		SSL_CTX *ctx = cert ? SSL_CTX_new(TLS_server_method()) : NULL;
		signal(SIGPIPE, SIG_IGN);
		if (ctx)
			(void)(SSL_CTX_use_certificate(ctx, cert->x) && SSL_CTX_use_PrivateKey(ctx, cert->key));
		for (int c; (c = accept(fd, NULL, NULL)) >= 0;)
			serve_one(c, ctx);
		_exit(0);
	}
	close(fd);
	return w;
}

static void web_close(struct web *w)
{
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
}

/* ---- us ---- */

static const struct server_row names[] = {
	ROW("web.example", 1, ANSWER, "\x7f\0\0\1"),
	ROW("lan.example", 1, ANSWER, "\x0a\0\0\1"),
};

struct world {
	struct loop *loop;
	struct dns_fixture dns;
	struct fetcher *fetcher;
	struct pki_cert ca;
	struct tls_store *trust;
	struct reach local; /* opens the loopback */
	/* the last answer */
	bool is_told;
	int rc;
	unsigned status;
	char why[192], type[64], nonce[32], place[64];
	char body[64];
};

static int up(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof w);
	w.loop = loop_new(LOOP_LIBEVENT);
	dns_fixture_open(&w.dns, w.loop, names, sizeof names / sizeof names[0], false);
	w.fetcher = fetcher_new(w.loop, w.dns.dns);
	assert_non_null(w.fetcher);
	w.ca = pki_make(&(struct pki_wish){ .cn = "our authority", .is_ca = true }, NULL);
	w.trust = tls_store_new(NULL);
	assert_int_equal(tls_store_trust_anchor(w.trust, BYTES("ours"), pki_pem(&w.ca)), 0);
	assert_int_equal(reach_allow(&w.local, BYTES("127.0.0.0/8")), 0);
	fetcher_set(w.fetcher, w.trust, &w.local);
	*state = &w;
	return 0;
}

static int down(void **state)
{
	struct world *w = *state;

	fetcher_free(w->fetcher);
	dns_fixture_close(&w->dns);
	tls_store_free(w->trust);
	pki_free(&w->ca);
	loop_free(w->loop);
	return 0;
}

static void keep(char *out, size_t room, struct bytes b)
{
	snprintf(out, room, "%.*s", BYTES_FMT(b));
}

static void on_answer(void *arg, const struct fetch_answer *a)
{
	struct world *w = arg;

	w->is_told = true;
	w->rc = a->rc;
	w->status = a->status;
	keep(w->why, sizeof w->why, bytes_of(a->why));
	keep(w->type, sizeof w->type, bytes_of(a->type));
	keep(w->nonce, sizeof w->nonce, fetch_field(a, "replay-nonce"));
	keep(w->place, sizeof w->place, fetch_field(a, "location"));
	keep(w->body, sizeof w->body, a->body);
}

static void ask(struct world *w, struct fetch_ask *a)
{
	w->is_told = false;
	if (!a->max_bytes)
		a->max_bytes = 10;
	if (!a->timeout_ms)
		a->timeout_ms = 5000;
	assert_non_null(fetch_start(w->fetcher, a, on_answer, w));
	assert_false(w->is_told); /* never from inside */
	for (int i = 0; i < 600 && !w->is_told; i++)
		loop_turn(w->loop, 10);
	assert_true(w->is_told);
}

static void get(struct world *w, const char *scheme, const char *host, uint16_t port, const char *path, unsigned flags)
{
	char url[128];
	struct fetch_ask a = { .method = FETCH_GET, .flags = flags };

	snprintf(url, sizeof url, "%s://%s:%u%s", scheme, host, port, path);
	a.url = bytes_of(url);
	ask(w, &a);
}

static void plain_answer(void **state)
{
	struct world *w = *state;
	struct web web = web_open(NULL);

	get(w, "http", "127.0.0.1", web.port, "/ok", FETCH_PLAIN);
	assert_int_equal(w->rc, 0);
	assert_int_equal(w->status, 200);
	assert_string_equal(w->body, "hello");
	assert_string_equal(w->type, "text/plain");
	assert_string_equal(w->nonce, "abc");
	get(w, "http", "web.example", web.port, "/ok", FETCH_PLAIN); /* by our own resolver */
	assert_int_equal(w->rc, 0);
	get(w, "http", "web.example", web.port, "/nothing", FETCH_PLAIN);
	assert_int_equal(w->rc, 0);
	assert_int_equal(w->status, 404);
	web_close(&web);
}

static void post(void **state)
{
	struct world *w = *state;
	struct web web = web_open(NULL);
	char url[64];

	snprintf(url, sizeof url, "http://127.0.0.1:%u/echo", web.port);
	struct fetch_ask a = { .method = FETCH_POST, .url = bytes_of(url), .body = BYTES("the body"),
			       .content_type = "application/jose+json", .flags = FETCH_PLAIN };
	ask(w, &a);
	assert_int_equal(w->rc, 0);
	assert_int_equal(w->status, 201);
	assert_string_equal(w->place, "/there");
	web_close(&web);
}

static void limits(void **state)
{
	static const char *const too_long[] = { "/long", "/endless", "/head" };
	struct world *w = *state;
	struct web web = web_open(NULL);
	char url[64];

	for (size_t i = 0; i < 3; i++) {
		get(w, "http", "127.0.0.1", web.port, too_long[i], FETCH_PLAIN);
		assert_int_equal(w->rc, ERR_LIMIT);
	}
	get(w, "http", "127.0.0.1", web.port, "/garbage", FETCH_PLAIN);
	assert_int_equal(w->rc, ERR_PROTOCOL);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/silent", web.port);
	struct fetch_ask a = { .method = FETCH_GET, .url = bytes_of(url), .flags = FETCH_PLAIN, .timeout_ms = 200 };
	ask(w, &a);
	assert_int_equal(w->rc, ERR_TIMEOUT);
	web_close(&web);
	get(w, "http", "127.0.0.1", web.port, "/ok", FETCH_PLAIN);
	assert_int_equal(w->rc, ERR_CONN_REFUSED);
	get(w, "http", "nowhere.example", web.port, "/ok", FETCH_PLAIN);
	assert_int_equal(w->rc, ERR_DNS_NXDOMAIN);
}

static void redirects(void **state)
{
	struct world *w = *state;
	struct web web = web_open(NULL);

	get(w, "http", "127.0.0.1", web.port, "/moved", FETCH_PLAIN);
	assert_int_equal(w->status, 302); /* not asked for: the caller sees it */
	get(w, "http", "web.example", web.port, "/moved", FETCH_PLAIN | FETCH_REDIRECTS);
	assert_int_equal(w->rc, 0);
	assert_string_equal(w->body, "hello");
	get(w, "http", "127.0.0.1", web.port, "/round", FETCH_PLAIN | FETCH_REDIRECTS);
	assert_int_equal(w->rc, ERR_LIMIT);
	get(w, "http", "127.0.0.1", web.port, "/away", FETCH_PLAIN | FETCH_REDIRECTS);
	assert_int_equal(w->rc, ERR_DENIED);
	get(w, "http", "127.0.0.1", web.port, "/file", FETCH_PLAIN | FETCH_REDIRECTS);
	assert_int_equal(w->rc, ERR_PROTOCOL);
	web_close(&web);
}

/* https: the server is of an authority that we trust and has the name that we asked for. */
static void proof(void **state)
{
	struct world *w = *state;
	struct pki_cert stranger = pki_make(&(struct pki_wish){ .cn = "another authority", .is_ca = true }, NULL);
	const struct {
		const char *san;
		const struct pki_cert *by;
		int from, to, rc;
	} rows[] = {
		{ "DNS:web.example", &w->ca, 0, 0, 0 },
		{ "DNS:other.example", &w->ca, 0, 0, ERR_CERT_OTHER },
		{ "DNS:web.example", &stranger, 0, 0, ERR_CERT_OTHER },
		{ "DNS:web.example", NULL, 0, 0, ERR_CERT_OTHER },
		{ "DNS:web.example", &w->ca, -20, -10, ERR_CERT_OTHER },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct pki_cert cert = pki_make(&(struct pki_wish){ .cn = "web", .san = rows[i].san, .from_days = rows[i].from, .to_days = rows[i].to },
						rows[i].by);
		struct web web = web_open(&cert);
		get(w, "https", "web.example", web.port, "/ok", 0);
		assert_int_equal(w->rc, rows[i].rc);
		assert_int_equal(w->rc == 0, w->why[0] == '\0');
		web_close(&web);
		pki_free(&cert);
	}
	pki_free(&stranger);
}

static void no_trust_no_answer(void **state)
{
	struct world *w = *state;
	struct pki_cert cert = pki_make(&(struct pki_wish){ .cn = "web", .san = "DNS:web.example" }, &w->ca);
	struct web web = web_open(&cert);

	fetcher_set(w->fetcher, NULL, &w->local);
	get(w, "https", "web.example", web.port, "/ok", 0);
	assert_int_not_equal(w->rc, 0);
	web_close(&web);
	pki_free(&cert);
}

static void where_it_may_go(void **state)
{
	struct world *w = *state;
	struct web web = web_open(NULL);
	const struct reach none = { .n = 0 };

	fetcher_set(w->fetcher, w->trust, &none);
	get(w, "http", "127.0.0.1", web.port, "/ok", FETCH_PLAIN);
	assert_int_equal(w->rc, ERR_DENIED);
	get(w, "http", "web.example", web.port, "/ok", FETCH_PLAIN);
	assert_int_equal(w->rc, ERR_DENIED);
	assert_non_null(strstr(w->why, "loopback"));
	get(w, "http", "localhost", web.port, "/ok", FETCH_PLAIN); /* libcurl knows that name by itself */
	assert_int_not_equal(w->rc, 0);
	get(w, "http", "[::1]", web.port, "/ok", FETCH_PLAIN);
	assert_int_equal(w->rc, ERR_DENIED);
	get(w, "http", "0x7f.1", web.port, "/ok", FETCH_PLAIN);
	assert_int_equal(w->rc, ERR_DENIED);
	get(w, "http", "lan.example", web.port, "/ok", FETCH_PLAIN | FETCH_STRANGER);
	assert_int_equal(w->rc, ERR_DENIED);
	assert_non_null(strstr(w->why, "private"));
	get(w, "http", "127.0.0.1", web.port, "/ok", 0); /* not without being told */
	assert_int_equal(w->rc, ERR_DENIED);
	web_close(&web);
}

static void reach_rows(void **state)
{
	static const struct {
		const char *address;
		bool typed, stranger; /* may it be reached? */
	} rows[] = {
		{ "192.0.1.1", true, true },	    { "10.1.2.3", true, false },      { "192.168.1.1", true, false },
		{ "127.0.0.1", false, false },	    { "169.254.169.254", false, false }, { "0.0.0.0", false, false },
		{ "224.0.0.1", false, false },	    { "100.64.0.1", true, false },    { "::1", false, false },
		{ "fe80::1", false, false },	    { "fd00::1", true, false },	      { "2606:4700::1", true, true },
		{ "::ffff:127.0.0.1", false, false }, { "64:ff9b::127.0.0.1", false, false }, { "64:ff9b::10.0.0.1", true, false },
		{ "2002:7f00:1::1", false, false }, { "198.51.7.1", true, true },    { "198.18.0.1", true, false },
	};
	struct reach none = { .n = 0 }, some = { .n = 0 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sockaddr_in in = { .sin_family = AF_INET };
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
		bool is_6 = strchr(rows[i].address, ':');
		assert_int_equal(inet_pton(is_6 ? AF_INET6 : AF_INET, rows[i].address, is_6 ? (void *)&in6.sin6_addr : &in.sin_addr), 1);
		const struct sockaddr *a = is_6 ? (void *)&in6 : (void *)&in;
		assert_int_equal(reach_forbids(&none, a, false) == NULL, rows[i].typed);
		assert_int_equal(reach_forbids(&none, a, true) == NULL, rows[i].stranger);
	}
	assert_int_equal(reach_allow(&some, BYTES("10.0.0.0/8")), 0);
	assert_int_equal(reach_allow(&some, BYTES("10.0.0.1/8")), ERR_SYNTAX);
	assert_int_equal(some.n, 1);
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a010203) };
	assert_null(reach_forbids(&some, (void *)&in, true));
	in.sin_addr.s_addr = htonl(0xc0a80001);
	assert_non_null(reach_forbids(&some, (void *)&in, true));
	while (reach_allow(&some, BYTES("10.0.0.0/8")) == 0)
		;
	assert_int_equal(some.n, REACH_RANGES_MAX);
}

static void urls(void **state)
{
	static const struct {
		const char *url;
		unsigned flags;
		int rc;
		const char *host;
		unsigned port;
	} rows[] = {
		{ "https://a.example/x?y#z", 0, 0, "a.example", 443 },
		{ "https://[2001:db8::1]:8443/", 0, 0, "2001:db8::1", 8443 },
		{ "http://a.example/", FETCH_PLAIN, 0, "a.example", 80 },
		{ "http://a.example/", 0, ERR_DENIED, "", 0 },
		{ "ftp://a.example/", FETCH_PLAIN, ERR_DENIED, "", 0 },
		{ "ldap://a.example/", FETCH_PLAIN, ERR_DENIED, "", 0 },
		{ "file:///etc/passwd", FETCH_PLAIN, ERR_SYNTAX, "", 0 },
		{ "https://user:secret@a.example/", 0, ERR_SYNTAX, "", 0 },
		{ "https://a.example:0/", 0, ERR_SYNTAX, "", 0 },
		{ "https://a.example:99999/", 0, ERR_SYNTAX, "", 0 },
		{ "https://a.example/\r\nX: y", 0, ERR_SYNTAX, "", 0 },
		{ "https://a.ex\xc3\xa4mple/", 0, ERR_SYNTAX, "", 0 },
		{ "https:///x", 0, ERR_SYNTAX, "", 0 },
		{ "a.example", 0, ERR_SYNTAX, "", 0 },
		{ "", 0, ERR_SYNTAX, "", 0 },
	};
	static char longest[FETCH_URL_MAX + 2];
	struct fetch_url u;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int rc = fetch_url_parse(bytes_of(rows[i].url), rows[i].flags, &u);
		assert_int_equal(rc, rows[i].rc);
		if (rc)
			continue;
		assert_string_equal(u.host, rows[i].host);
		assert_int_equal(u.port, rows[i].port);
	}
	memset(longest, 'x', sizeof longest - 1);
	memcpy(longest, "https://a.example/", 18);
	assert_int_equal(fetch_url_parse(bytes_of(longest), 0, &u), ERR_LIMIT);
}

static void cancelled(void **state)
{
	struct world *w = *state;
	struct web web = web_open(NULL);
	struct fetch *all[FETCH_RUNNING_MAX];
	char url[64];

	snprintf(url, sizeof url, "http://web.example:%u/silent", web.port);
	struct fetch_ask a = { .method = FETCH_GET, .url = bytes_of(url), .flags = FETCH_PLAIN, .max_bytes = 10, .timeout_ms = 5000 };
	for (size_t i = 0; i < FETCH_RUNNING_MAX; i++)
		assert_non_null(all[i] = fetch_start(w->fetcher, &a, on_answer, w));
	assert_null(fetch_start(w->fetcher, &a, on_answer, w));
	w->is_told = false;
	for (size_t i = 0; i < FETCH_RUNNING_MAX; i++) {
		loop_turn(w->loop, 1);
		fetch_cancel(all[i]);
	}
	for (int i = 0; i < 5; i++)
		loop_turn(w->loop, 10);
	assert_false(w->is_told);
	fetch_cancel(NULL);
	assert_non_null(fetch_start(w->fetcher, &a, on_answer, w)); /* ends with the fetcher */
	loop_turn(w->loop, 10);
	web_close(&web);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plain_answer, up, down),
		cmocka_unit_test_setup_teardown(post, up, down),
		cmocka_unit_test_setup_teardown(limits, up, down),
		cmocka_unit_test_setup_teardown(redirects, up, down),
		cmocka_unit_test_setup_teardown(proof, up, down),
		cmocka_unit_test_setup_teardown(no_trust_no_answer, up, down),
		cmocka_unit_test_setup_teardown(where_it_may_go, up, down),
		cmocka_unit_test_setup_teardown(cancelled, up, down),
		cmocka_unit_test(reach_rows),
		cmocka_unit_test(urls),
	};

	log_open("fetch_test", 0, LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
