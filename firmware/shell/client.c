#include "client.h"

#include "base/err.h"
#include "base/secret.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, FRAME_IN_MAX = 64 << 20 };

/* The one thing that a signal can change. */
static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int signo)
{
	(void)signo;
	is_interrupted = 1;
}

void client_catch_interrupt(bool is_on)
{
	struct sigaction a = { .sa_handler = is_on ? on_interrupt : SIG_DFL };

	is_interrupted = 0;
	(void)sigaction(SIGINT, &a, NULL); /* cannot fail for a signal that exists */
}

static int send_all(struct client *c)
{
	struct bytes b = buf_bytes(&c->out);
	int rc = buf_failed(&c->out) ? ERR_LIMIT : 0;

	while (rc == 0 && b.n > 0) {
		ssize_t n = send(c->fd, b.p, b.n, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			rc = ERR_CLOSED;
		else
			b = bytes_skip(b, (size_t)n);
	}
	secret_wipe(c->out.p, c->out.cap); /* passwords pass here */
	buf_fini(&c->out);
	return rc;
}

static void begin(struct client *c, enum oper_frame type)
{
	buf_clear(&c->out);
	wire_put_u32(&c->out, 0);
	wire_put_u8(&c->out, (uint8_t)type);
}

static int end(struct client *c)
{
	uint32_t n = (uint32_t)buf_len(&c->out) - 4;

	if (!buf_failed(&c->out)) {
		uint8_t raw[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
		memcpy(c->out.p + c->out.off, raw, sizeof raw);
	}
	return send_all(c);
}

int client_hello(struct client *c, enum oper_role role)
{
	begin(c, OPER_HELLO);
	wire_put_u16(&c->out, OPER_VERSION);
	wire_put_u8(&c->out, (uint8_t)role);
	return end(c);
}

int client_login(struct client *c, const struct client_login *l)
{
	begin(c, l->is_new ? OPER_LOGIN_NEW : OPER_LOGIN);
	wire_put_str(&c->out, bytes_of(l->name));
	wire_put_bytes(&c->out, l->password);
	if (l->is_new)
		wire_put_bytes(&c->out, l->fresh);
	wire_put_str(&c->out, l->code);
	return end(c);
}

int client_open(struct client *c, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	*c = (struct client){ .fd = -1 };
	if (strlen(path) >= sizeof to.sun_path)
		return ERR_LIMIT;
	memcpy(to.sun_path, path, strlen(path));
	buf_init(&c->in, FRAME_IN_MAX);
	buf_init(&c->out, OPER_FRAME_MAX + 4);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
		return ERR_SYS;
	return 0;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd); /* nothing more is expected */
	buf_fini(&c->in);
	buf_fini(&c->out);
	c->fd = -1;
}

int client_ask(struct client *c, const struct client_line *line)
{
	begin(c, OPER_ASK);
	wire_put_u16(&c->out, (uint16_t)line->n);
	for (size_t i = 0; i < line->n; i++) {
		wire_put_u8(&c->out, line->kinds[i]);
		wire_put_bytes(&c->out, line->v[i]);
	}
	return end(c);
}

int client_complete(struct client *c, const struct bytes *words, size_t n)
{
	begin(c, OPER_COMPLETE);
	wire_put_u16(&c->out, (uint16_t)n);
	for (size_t i = 0; i < n; i++)
		wire_put_bytes(&c->out, words[i]);
	return end(c);
}

static int abort_command(struct client *c)
{
	is_interrupted = 0;
	begin(c, OPER_ABORT);
	return end(c);
}

/* Is a whole frame there? */
static bool take(struct client *c, enum oper_frame *type, struct wire *w)
{
	struct wire head = wire_of(buf_bytes(&c->in));
	uint32_t n = wire_u32(&head);

	if (wire_failed(&head) || n == 0 || wire_left(&head) < n)
		return false;
	*w = wire_of(bytes_make(buf_bytes(&c->in).p + 4, n));
	*type = (enum oper_frame)wire_u8(w);
	c->consumed = 4 + (size_t)n;
	return true;
}

static int fill(struct client *c, int wait_ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	int n_ready = poll(&p, 1, wait_ms);
	uint8_t *to = n_ready > 0 ? buf_reserve(&c->in, READ_BYTES) : NULL;

	if (n_ready < 0)
		return errno == EINTR ? 0 : ERR_SYS;
	if (n_ready == 0)
		return ERR_TIMEOUT;
	ssize_t n = to ? recv(c->fd, to, READ_BYTES, 0) : -1;
	if (n <= 0)
		return n < 0 && errno == EINTR ? 0 : ERR_CLOSED;
	buf_commit(&c->in, (size_t)n);
	return 0;
}

int client_next(struct client *c, int wait_ms, enum oper_frame *type, struct wire *w)
{
	int rc = 0;

	buf_consume(&c->in, c->consumed);
	c->consumed = 0;
	while (rc == 0 && !take(c, type, w)) {
		rc = is_interrupted ? abort_command(c) : 0;
		if (rc == 0)
			rc = fill(c, wait_ms);
	}
	return rc;
}
