#include "admin_play.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* gh-admin's files name this table; the program itself has it in main.c. */
const char *const admin_stat_names[ADMIN_STAT_COUNT] = { "" };

static int on_operator(void *arg, struct chan *from, const struct frame *f)
{
	struct play *p = arg;
	struct wire w = wire_of(f->body);

	(void)from;
	if (p->n_pairs == sizeof p->pairs / sizeof p->pairs[0]) {
		close(f->fd);
		return 0;
	}
	p->numbers[p->n_pairs] = wire_u64(&w);
	(void)wire_str(&w);
	p->likes[p->n_pairs] = wire_u64(&w);
	p->pairs[p->n_pairs++] = f->fd;
	return wire_end(&w);
}

static const struct bus_handler conf_handlers[] = { { MSG_OPERATOR, on_operator } };

static void sweep(void *arg)
{
	conn_sweep(arg);
	operator_sweep(arg);
}

static void init_admin(struct play *p)
{
	struct admin *a = &p->admin;

	a->loop = p->loop;
	a->bus = p->bus;
	a->config = (struct admin_config){ .conns_max = 100, .conns_per_address = 50, .sessions_max = 4, .idle_ms = 900000,
		                           .session_ms = 3600000, .is_bound = true };
	acceptor_init(&a->acceptor, a->loop, false, &admin_acceptor_hooks, a);
	list_init(&a->conns);
	list_init(&a->gone);
	list_init(&a->operators);
	list_init(&a->operators_gone);
	address_table_init(&a->addresses);
	loop_defer_init(&a->sweep, sweep, a);
	session_init(a);
}

bool play_open(struct play *p)
{
	int fds[2];

	*p = (struct play){ .loop = loop_new(LOOP_FAKE) };
	if (!p->loop || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return false;
	const struct bus_hooks own = { .program = &p->admin }, conf = { .program = p, .handlers = conf_handlers, .n_handlers = 1 };
	p->bus = bus_new(p->loop, PROG_ADMIN, 0, &own);
	p->conf_bus = bus_new(p->loop, PROG_CONF, 0, &conf);
	if (!p->bus || !p->conf_bus || bus_attach(p->bus, PROG_CONF, 0, fds[0]) || bus_attach(p->conf_bus, PROG_ADMIN, 0, fds[1]))
		return false;
	init_admin(p);
	return true;
}

void play_close(struct play *p)
{
	conn_drop_all(&p->admin);
	session_fini(&p->admin);
	play_run(p, 0);
	for (unsigned i = 0; i < p->n_pairs; i++)
		if (p->pairs[i] >= 0)
			close(p->pairs[i]);
	loop_defer_cancel(&p->admin.sweep);
	sweep(&p->admin);
	address_table_fini(&p->admin.addresses);
	bus_free(p->bus);
	bus_free(p->conf_bus);
	loop_free(p->loop);
}

int play_client(struct play *p)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000207) };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -1;
	/* Taken in as one that is sent on to HTTPS, which is in clear; then it is none. */
	if (conn_open(&p->admin, fds[0], (struct sockaddr *)&from, true) < 0) {
		close(fds[1]);
		return -1;
	}
	LIST_OWNER(p->admin.conns.prev, struct conn, node)->is_redirect = false;
	return fds[1];
}

void play_run(struct play *p, uint64_t ms)
{
	loop_fake_advance(p->loop, ms);
}

void play_put(struct play *p, unsigned i, enum oper_frame type, struct bytes body)
{
	struct buf b;

	buf_init(&b, body.n + 5);
	wire_put_u32(&b, (uint32_t)body.n + 1);
	wire_put_u8(&b, (uint8_t)type);
	buf_put_bytes(&b, body);
	/* What does not fit now is lost: tests keep below a socket's buffer, or write in turns. */
	if (send(p->pairs[i], buf_bytes(&b).p, buf_len(&b), MSG_NOSIGNAL) != (ssize_t)buf_len(&b))
		errno = 0;
	buf_fini(&b);
}

unsigned play_take(struct play *p, unsigned i, struct buf *body)
{
	uint8_t head[4], all[4096];

	buf_clear(body);
	if (recv(p->pairs[i], head, 4, MSG_DONTWAIT) != 4)
		return 0;
	size_t n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (n == 0 || n > sizeof all || recv(p->pairs[i], all, n, MSG_DONTWAIT) != (ssize_t)n)
		return 0;
	buf_put(body, all + 1, n - 1);
	return all[0];
}

void play_done(struct play *p, unsigned i, int rc, const char *text)
{
	struct buf b;

	buf_init(&b, 4096);
	wire_put_u32(&b, (uint32_t)rc);
	wire_put_str(&b, bytes_of(text));
	wire_put_u32(&b, 0);
	wire_put_u8(&b, 0);
	play_put(p, i, OPER_DONE, buf_bytes(&b));
	buf_fini(&b);
}

bool play_read(struct play *p, int client, struct buf *out)
{
	static uint8_t piece[64 << 10];
	ssize_t n;

	play_run(p, 0);
	while ((n = recv(client, piece, sizeof piece, MSG_DONTWAIT)) > 0) {
		buf_put(out, piece, (size_t)n);
		play_run(p, 0);
	}
	return n < 0 && errno == EAGAIN;
}
