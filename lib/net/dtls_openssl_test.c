/* A foreign client over loopback: the command `openssl s_client`. */
#include "net/dtls.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/pki_fixture.h"

/* A program with one client at a time, which says back what it hears. */
struct echo {
	struct loop *loop;
	struct dtls_door *door;
	struct loop_watch watch;
	struct sockaddr_in client;
	struct dtls *t;
	bool is_closed;
	int why;
	size_t longest;
};

static void on_send(void *arg, struct bytes b)
{
	struct echo *e = arg;

	e->longest = b.n > e->longest ? b.n : e->longest;
	assert_int_equal(sendto(e->watch.fd, b.p, b.n, 0, (const struct sockaddr *)&e->client, sizeof e->client), b.n);
}

static void on_secured(void *arg)
{
	struct echo *e = arg;

	assert_string_equal(dtls_version_name(e->t), "DTLSv1.2");
}

static void on_data(void *arg, struct bytes plain)
{
	struct echo *e = arg;
	uint8_t reply[128];

	if (plain.n + 6 > sizeof reply)
		return;
	memcpy(reply, "heard:", 6);
	memcpy(reply + 6, plain.p, plain.n);
	assert_int_equal(dtls_send(e->t, bytes_make(reply, plain.n + 6)), 0);
}

static void on_closed(void *arg, int why, const char *words)
{
	struct echo *e = arg;

	(void)words;
	e->t = NULL;
	e->is_closed = true;
	e->why = why;
}

static const struct dtls_owner owner = { on_send, on_secured, on_data, on_closed };

static void accept_client(struct echo *e, struct bytes datagram)
{
	struct buf reply;

	buf_init(&reply, 2000);
	if (dtls_accept(e->door, (const struct sockaddr *)&e->client, datagram, &reply, &e->t) == 0 && e->t)
		dtls_start(e->t, 5000, &owner, e);
	else if (buf_len(&reply))
		on_send(e, buf_bytes(&reply));
	buf_fini(&reply);
}

static void on_datagram(void *arg, unsigned events)
{
	struct echo *e = arg;
	uint8_t room[2048];
	socklen_t n = sizeof e->client;

	(void)events;
	ssize_t got = recvfrom(e->watch.fd, room, sizeof room, 0, (struct sockaddr *)&e->client, &n);
	if (got <= 0)
		return;
	struct bytes datagram = bytes_make(room, (size_t)got);
	if (!e->t || dtls_input(e->t, datagram))
		accept_client(e, datagram);
}

static uint16_t echo_up(struct echo *e, struct tls_store *s)
{
	static const char *const names[] = { "stun.turn", "stun.nat-discovery", NULL };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*e = (struct echo){ .loop = loop_new(LOOP_LIBEVENT) };
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	assert_int_equal(dtls_door_new(e->loop, s, "a.example", names, &e->door), 0);
	assert_int_equal(loop_watch_add(e->loop, &e->watch, fd, LOOP_READ, on_datagram, e), 0);
	return ntohs(at.sin_port);
}

static void echo_down(struct echo *e)
{
	int fd = e->watch.fd;

	dtls_free(e->t);
	loop_watch_del(&e->watch);
	close(fd);
	dtls_door_free(e->door);
	loop_free(e->loop);
}

/* The command: what is written to `in` it sends, what it says comes from `out`. */
struct command {
	pid_t pid;
	int in, out;
	char said[16384];
	size_t n;
};

static void command_start(struct command *c, uint16_t port, const char *alpn)
{
	char to[32];
	int in[2], out[2];

	snprintf(to, sizeof to, "127.0.0.1:%u", port);
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	*c = (struct command){ .pid = fork(), .in = in[1], .out = out[0] };
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(in[1]);
		close(out[0]);
		execlp("openssl", "openssl", "s_client", "-dtls1_2", "-connect", to, "-servername", "a.example", "-alpn",
		       alpn, "-mtu", "1200", (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
}

/* Serves until the command has said this, or its output ends, or 10 s. */
static bool says(struct echo *e, struct command *c, const char *what)
{
	struct timeval wait = { 0 };
	uint64_t until = loop_now(e->loop) + 10000;

	while (loop_now(e->loop) < until && !strstr(c->said, what)) {
		fd_set set;
		loop_turn(e->loop, 20);
		FD_ZERO(&set);
		FD_SET(c->out, &set);
		if (select(c->out + 1, &set, NULL, NULL, &wait) != 1)
			continue;
		ssize_t n = read(c->out, c->said + c->n, sizeof c->said - 1 - c->n);
		if (n <= 0)
			break;
		c->n += (size_t)n;
	}
	return strstr(c->said, what) != NULL;
}

static void command_end(struct command *c)
{
	int status;

	if (c->in >= 0)
		close(c->in);
	close(c->out);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
}

static struct tls_store *store_of(const struct pki_cert *cert)
{
	struct tls_store *s = tls_store_new(NULL);

	assert_int_equal(tls_store_add_certificate(s, BYTES("c"), pki_pem(cert)), 0);
	assert_int_equal(tls_store_add_domain(s, "a.example", BYTES("c")), 0);
	return s;
}

static void s_client_is_served(void **state)
{
	static const enum pki_key types[] = { PKI_P256, PKI_RSA };
	static struct command c;
	struct echo e;

	(void)state;
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		struct pki_cert cert = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example", .key = types[i] }, NULL);
		struct tls_store *s = store_of(&cert);
		command_start(&c, echo_up(&e, s), "h2,stun.nat-discovery");
		assert_true(says(&e, &c, "Extended master secret"));
		assert_non_null(strstr(c.said, "ALPN protocol: stun.nat-discovery"));
		assert_non_null(strstr(c.said, "DTLSv1.2"));
		assert_int_equal(write(c.in, "ping\n", 5), 5);
		assert_true(says(&e, &c, "heard:ping"));
		close(c.in); /* it says close_notify */
		c.in = -1;
		for (unsigned turn = 0; turn < 200 && !e.is_closed; turn++)
			loop_turn(e.loop, 20);
		assert_true(e.is_closed);
		assert_int_equal(e.why, 0);
		assert_true(e.longest <= 1200);
		command_end(&c);
		echo_down(&e);
		tls_store_free(s);
		pki_free(&cert);
	}
}

static void s_client_with_other_protocols_is_told(void **state)
{
	static struct command c;
	struct echo e;
	struct pki_cert cert = pki_make(&(struct pki_wish){ .cn = "a", .san = "DNS:a.example" }, NULL);
	struct tls_store *s = store_of(&cert);

	(void)state;
	command_start(&c, echo_up(&e, s), "h2");
	assert_true(says(&e, &c, "no application protocol"));
	assert_true(e.is_closed);
	assert_int_equal(e.why, ERR_TLS);
	command_end(&c);
	echo_down(&e);
	tls_store_free(s);
	pki_free(&cert);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s_client_is_served),
		cmocka_unit_test(s_client_with_other_protocols_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
