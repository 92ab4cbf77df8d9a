#include "client.h"

#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { QUEUE_MAX = 8 << 20 };

void client_init(struct client *c, struct client_plan *plan, unsigned number)
{
	*c = (struct client){ .plan = plan, .number = number, .fd = -1 };
	snprintf(c->user, sizeof c->user, "%s%u", plan->prefix, plan->sip_users ? number % plan->sip_users : number);
	buf_init(&c->in, QUEUE_MAX);
	buf_init(&c->out, QUEUE_MAX);
}

static void drop(struct client *c, const char *why)
{
	if (c->fd < 0)
		return;
	SSL_free(c->ssl);
	close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
	c->state = CLIENT_IDLE;
	buf_fini(&c->in);
	buf_fini(&c->out);
	c->plan->on.gone(c, why);
}

static void put(struct client *c, const char *text)
{
	buf_put_str(&c->out, text);
}

static void put_header(struct client *c)
{
	buf_putf(&c->out,
		 "<?xml version='1.0'?><stream:stream to='%s' xmlns='jabber:client' "
		 "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
		 c->plan->domain);
}

static struct registering registering(const struct client *c)
{
	return (struct registering){ c->user, c->plan->domain, c->plan->password, c->number };
}

/* What is said first where nothing is in clear. */
static void begin(struct client *c)
{
	struct registering r = registering(c);

	c->state = c->plan->sip_users ? CLIENT_REGISTERING : CLIENT_FEATURES_AUTH;
	if (c->plan->sip_users)
		register_first(&r, &c->out);
	else
		put_header(c);
}

static void watch(struct client *c, bool is_writing)
{
	struct epoll_event ev = { .events = EPOLLIN | (is_writing ? EPOLLOUT : 0), .data.ptr = c };

	if (is_writing == c->is_writing)
		return;
	c->is_writing = is_writing;
	epoll_ctl(c->plan->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

int client_start(struct client *c)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return ERR_SYS;
	/* The source port is chosen at connect, so that ports of one address serve many. */
	from.sin_addr.s_addr = htonl(0x7f000101 + c->number % c->plan->sources);
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	setsockopt(c->fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
	if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0 ||
	    (connect(c->fd, (struct sockaddr *)&c->plan->server, sizeof c->plan->server) < 0 &&
	     errno != EINPROGRESS) ||
	    epoll_ctl(c->plan->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0) {
		close(c->fd);
		c->fd = -1;
		return ERR_SYS;
	}
	c->state = CLIENT_CONNECTING;
	c->is_writing = true;
	return 0;
}

static int start_tls(struct client *c)
{
	c->ssl = SSL_new(c->plan->ctx);
	if (!c->ssl || !SSL_set_fd(c->ssl, c->fd))
		return ERR_NOMEM;
	SSL_set_connect_state(c->ssl);
	SSL_set_tlsext_host_name(c->ssl, c->plan->domain);
	c->state = CLIENT_TLS_HANDSHAKE;
	return 0;
}

static void handshake(struct client *c)
{
	int rc = SSL_do_handshake(c->ssl);

	if (rc == 1) {
		begin(c);
		client_flush(c);
		return;
	}
	switch (SSL_get_error(c->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		watch(c, false);
		return;
	case SSL_ERROR_WANT_WRITE:
		watch(c, true);
		return;
	}
	drop(c, "TLS handshake failed");
}

static void connected(struct client *c)
{
	int err = 0;
	socklen_t n = sizeof err;

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0 || err) {
		drop(c, "connect failed");
		return;
	}
	if (c->plan->tls == CLIENT_DIRECT) {
		if (start_tls(c))
			drop(c, "no memory");
		else
			handshake(c);
		return;
	}
	begin(c);
	if (c->plan->tls == CLIENT_STARTTLS)
		c->state = CLIENT_FEATURES_CLEAR;
	client_flush(c);
}

void client_send(struct client *c, const char *text, size_t n)
{
	buf_put(&c->out, text, n);
}

void client_flush(struct client *c)
{
	while (c->fd >= 0 && buf_len(&c->out) > 0) {
		struct bytes b = buf_bytes(&c->out);
		ssize_t n = c->ssl ? SSL_write(c->ssl, b.p, (int)b.n) : send(c->fd, b.p, b.n, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		buf_consume(&c->out, (size_t)n);
	}
	if (c->fd >= 0)
		watch(c, buf_len(&c->out) > 0);
}

/* Offset just behind the text, or 0. */
static size_t past(struct bytes in, const char *text)
{
	const uint8_t *hit = memmem(in.p, in.n, text, strlen(text));

	return hit ? (size_t)(hit - in.p) + strlen(text) : 0;
}

static void send_auth(struct client *c)
{
	c->auth = (struct auth){ .mechanism = c->plan->mechanism, .user = c->user,
				 .password = c->plan->password, .memory = &c->plan->memory };
	buf_putf(&c->out, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='%s'>",
		 auth_name(c->plan->mechanism));
	auth_first(&c->auth, &c->out);
	put(c, "</auth>");
}

static size_t on_auth(struct client *c, struct bytes in)
{
	size_t end = past(in, "</challenge>");

	if (end) {
		size_t from = 0;
		for (size_t at = 0; at < end - strlen("</challenge>"); at++)
			if (in.p[at] == '>')
				from = at + 1;
		put(c, "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>");
		if (auth_next(&c->auth, bytes_make(in.p + from, end - strlen("</challenge>") - from), &c->out)) {
			drop(c, "bad challenge");
			return 0;
		}
		put(c, "</response>");
		return end;
	}
	if (past(in, "<failure")) {
		drop(c, "login refused");
		return 0;
	}
	if (!past(in, "<success") || !(past(in, "</success>") || past(in, "/>")))
		return 0;
	put_header(c);
	c->state = CLIENT_FEATURES_BIND;
	return in.n;
}

static void is_ready(struct client *c)
{
	c->state = CLIENT_READY;
	c->plan->on.ready(c);
}

static size_t on_registering(struct client *c, struct bytes in)
{
	struct registering r = registering(c);
	size_t end = past(in, "\r\n\r\n");

	if (!end)
		return 0;
	if (past(in, "SIP/2.0 200 ")) {
		is_ready(c);
	} else if (!past(in, "SIP/2.0 401 ") || past(in, "CSeq: 2 ") || register_answer(&r, in, &c->out)) {
		drop(c, "registration refused");
	}
	return end;
}

/* Where the first stanza ends, 0: not yet. *name: "message", "presence" or "iq"; NULL: something else. */
static size_t stanza_end(struct bytes in, const char **name)
{
	static const struct {
		const char *name, *begin, *end;
	} kinds[] = { { "message", "<message", "</message>" }, { "presence", "<presence", "</presence>" }, { "iq", "<iq", "</iq>" } };
	const uint8_t *tag_end = memchr(in.p, '>', in.n);

	*name = NULL;
	if (!tag_end)
		return 0;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		size_t n = strlen(kinds[i].begin);
		if (in.n < n || memcmp(in.p, kinds[i].begin, n) != 0)
			continue;
		*name = kinds[i].name;
		return tag_end[-1] == '/' ? (size_t)(tag_end + 1 - in.p) : past(in, kinds[i].end);
	}
	return (size_t)(tag_end + 1 - in.p);
}

static size_t on_stanza(struct client *c, struct bytes in)
{
	const uint8_t *begin = memchr(in.p, '<', in.n);
	const char *name;

	if (!begin)
		return in.n; /* blanks between stanzas */
	struct bytes at = bytes_skip(in, (size_t)(begin - in.p));
	size_t n = stanza_end(at, &name);
	struct bytes stanza = bytes_make(at.p, n);
	if (!n)
		return 0;
	if (!name && past(stanza, "</stream:stream>"))
		drop(c, "server closed");
	else if (c->state == CLIENT_PRESENT && name && *name == 'i' && past(stanza, "rdy"))
		is_ready(c);
	else if (name && *name == 'm')
		c->plan->on.message(c, stanza);
	else if (name && *name == 'i' && c->plan->on.iq)
		c->plan->on.iq(c, stanza);
	else if (name && *name == 'p' && c->plan->on.presence)
		c->plan->on.presence(c, stanza);
	return (size_t)(begin - in.p) + n;
}

/* One step of logging in; gives the bytes it has dealt with, 0: more are needed. */
static size_t step(struct client *c, struct bytes in)
{
	size_t end = 0;

	switch (c->state) {
	case CLIENT_REGISTERING:
		return on_registering(c, in);
	case CLIENT_FEATURES_CLEAR:
		if (!(end = past(in, "</stream:features>")))
			return 0;
		put(c, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
		c->state = CLIENT_PROCEED;
		return end;
	case CLIENT_PROCEED:
		if (!(end = past(in, "<proceed")))
			return 0;
		if (start_tls(c))
			drop(c, "no memory");
		return in.n;
	case CLIENT_FEATURES_AUTH:
		if (!(end = past(in, "</stream:features>")))
			return 0;
		send_auth(c);
		c->state = CLIENT_AUTH;
		return end;
	case CLIENT_AUTH:
		return on_auth(c, in);
	case CLIENT_FEATURES_BIND:
		if (!(end = past(in, "</stream:features>")))
			return 0;
		put(c, "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
		       "<resource>load</resource></bind></iq>");
		c->state = CLIENT_BIND;
		return end;
	case CLIENT_BIND:
		if (!(end = past(in, "</iq>")))
			return 0;
		if (c->plan->wants_roster)
			put(c, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
		buf_putf(&c->out, "<presence/><iq type='get' id='rdy' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>",
			 c->plan->domain);
		c->state = CLIENT_PRESENT;
		return end;
	case CLIENT_PRESENT:
	case CLIENT_READY:
		if (c->plan->sip_users)
			return in.n;
		return on_stanza(c, in);
	}
	return 0;
}

static ssize_t receive(struct client *c, uint8_t *p, size_t n)
{
	if (!c->ssl)
		return recv(c->fd, p, n, 0);
	int got = SSL_read(c->ssl, p, (int)n);
	if (got > 0)
		return got;
	errno = SSL_get_error(c->ssl, got) == SSL_ERROR_WANT_READ ? EAGAIN : ECONNRESET;
	return errno == EAGAIN ? -1 : 0;
}

static void readable(struct client *c)
{
	static uint8_t scratch[65536];
	ssize_t n = receive(c, scratch, sizeof scratch);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			drop(c, "connection lost");
		return;
	}
	buf_put(&c->in, scratch, (size_t)n);
	for (size_t used; c->fd >= 0 && buf_len(&c->in) > 0 && c->state != CLIENT_TLS_HANDSHAKE;) {
		used = step(c, buf_bytes(&c->in));
		if (!used)
			break;
		if (c->fd >= 0)
			buf_consume(&c->in, used);
	}
	if (c->fd < 0)
		return;
	buf_release_if_empty(&c->in);
	if (c->state == CLIENT_TLS_HANDSHAKE)
		handshake(c);
	else
		client_flush(c);
}

void client_event(struct client *c, unsigned events)
{
	if (c->fd < 0)
		return;
	if (c->state == CLIENT_CONNECTING)
		connected(c);
	else if (c->state == CLIENT_TLS_HANDSHAKE)
		handshake(c);
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		readable(c);
	else
		client_flush(c);
}

void client_stop(struct client *c)
{
	if (c->fd < 0)
		return;
	if (c->state == CLIENT_READY && !c->plan->sip_users) {
		put(c, "</stream:stream>");
		client_flush(c);
	}
	drop(c, "done");
}
