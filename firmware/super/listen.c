#include "super.h"

#include "base/err.h"
#include "base/log.h"
#include "run/oper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

struct wanted {
	const struct service_listener *row;
	struct bytes addr;
	uint16_t port;
};

static void close_fds(struct listener *l)
{
	for (unsigned i = 0; i < INSTANCES_MAX; i++) {
		if (l->fds[i] >= 0)
			close(l->fds[i]);
		l->fds[i] = -1;
	}
}

static socklen_t address(const struct listener *l, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, l->addr, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(l->port);
		return sizeof *v4;
	}
	if (inet_pton(AF_INET6, l->addr, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(l->port);
		return sizeof *v6;
	}
	return 0;
}

/* What the kernel said, in our codes, for the administrator. */
static int bind_error(void)
{
	switch (errno) {
	case EADDRINUSE:
		return ERR_EXISTS;
	case EADDRNOTAVAIL:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	default:
		return ERR_SYS;
	}
}

/* -1 with errno. */
static int open_port(const struct listener *l, bool is_appliance)
{
	struct sockaddr_storage to;
	socklen_t n = address(l, &to);
	int on = 1;

	if (!n) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	bool is_datagram = l->row->is_datagram;
	int fd = socket(to.ss_family, (is_datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* The address may come later, from gh-priv or by DHCP. */
	bool is_early = is_appliance && (to.ss_family == AF_INET6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on) :
								     setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on)) == 0;
	/* With it, two datagram sockets could share a port, and only one of them would hear. */
	if ((is_appliance && !is_early) || (!is_datagram && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) ||
	    (l->row->is_per_instance && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
	    (to.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
	    bind(fd, (struct sockaddr *)&to, n) < 0 || (!is_datagram && listen(fd, BACKLOG) < 0)) {
		int why = errno;
		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

/* Sockets for all wanted instances that have none. */
static int open_all(struct super *s, struct listener *l)
{
	unsigned n = l->row->is_per_instance ? s->wanted[l->row->prog] : 1;

	for (unsigned i = 0; i < n && i < INSTANCES_MAX; i++) {
		if (l->fds[i] < 0 && (l->fds[i] = open_port(l, s->is_appliance)) < 0)
			return bind_error();
	}
	return 0;
}

static void tell(struct listener *l, struct child *c, enum msg type)
{
	struct chan *to = child_chan(c);
	int fd = l->fds[l->row->is_per_instance ? c->instance : 0];
	struct buf *b = chan_begin(to, type, 0);

	wire_put_str(b, bytes_of(l->row->name));
	wire_put_str(b, bytes_of(l->addr));
	wire_put_u16(b, l->port);
	/* A program that is dying gets its listeners again when it is back. */
	if (type == MSG_LISTENER)
		(void)chan_end_fd(to, fcntl(fd, F_DUPFD_CLOEXEC, 0), true);
	else
		(void)chan_end(to);
}

static void tell_all(struct super *s, struct listener *l, enum msg type)
{
	for (unsigned i = 0; i < INSTANCES_MAX; i++) {
		struct child *c = &s->children[l->row->prog][i];
		if (c->pid && (!l->row->is_per_instance || l->fds[i] >= 0))
			tell(l, c, type);
	}
}

void listen_hand_over(struct super *s, struct child *c)
{
	for (unsigned i = 0; i < SUPER_LISTENERS_MAX; i++) {
		struct listener *l = &s->listeners[i];
		if (!l->row || l->row->prog != c->prog || !l->is_wanted)
			continue;
		if (!l->row->is_unix && open_all(s, l))
			log_error("super.listen.failed", LOG_STR("listener", l->row->name), LOG_STR("address", l->addr),
				  LOG_INT("port", l->port), LOG_INT("instance", c->instance));
		else
			tell(l, c, MSG_LISTENER);
	}
}

static struct listener *find(struct super *s, const struct wanted *w)
{
	for (unsigned i = 0; i < SUPER_LISTENERS_MAX; i++) {
		struct listener *l = &s->listeners[i];
		if (l->row == w->row && l->port == w->port && bytes_eq_str(w->addr, l->addr))
			return l;
	}
	return NULL;
}

static struct listener *add(struct super *s, const struct wanted *w)
{
	for (unsigned i = 0; i < SUPER_LISTENERS_MAX; i++) {
		struct listener *l = &s->listeners[i];
		if (l->row)
			continue;
		*l = (struct listener){ .row = w->row, .port = w->port };
		snprintf(l->addr, sizeof l->addr, "%.*s", BYTES_FMT(w->addr));
		for (unsigned n = 0; n < INSTANCES_MAX; n++)
			l->fds[n] = -1;
		return l;
	}
	return NULL;
}

static int read_wanted(struct wire *w, struct wanted *out)
{
	unsigned prog = wire_u8(w);
	struct bytes name = wire_str(w);

	out->addr = wire_str(w);
	out->port = wire_u16(w);
	if (wire_failed(w))
		return ERR_TRUNCATED;
	out->row = service_listener(name);
	/* gh-conf may only ask for what the table has, and never for the console's own socket. */
	if (!out->row || out->row->is_unix || out->row->prog != prog || out->addr.n >= 64 || out->port == 0)
		return ERR_DENIED;
	return 0;
}

static void answer(struct chan *to, uint32_t id, int rc, const struct wanted *w)
{
	struct buf *b = chan_begin(to, MSG_LISTENERS_DONE, id);

	wire_put_u32(b, (uint32_t)rc);
	wire_put_str(b, w ? bytes_of(w->row->name) : BYTES_NONE);
	wire_put_str(b, w ? w->addr : BYTES_NONE);
	wire_put_u16(b, w ? w->port : 0);
	(void)chan_end(to); /* a gh-conf that has gone asks anew */
}

static void forget(struct listener *l)
{
	close_fds(l);
	l->row = NULL;
}

/* New ports are bound first; only when all could be are the unwanted ones dropped. */
static int open_new(struct super *s, const struct wanted *w, size_t n, const struct wanted **failed)
{
	for (size_t i = 0; i < n; i++) {
		struct listener *l = find(s, &w[i]);
		if (!l)
			l = add(s, &w[i]);
		*failed = &w[i];
		if (!l)
			return ERR_FULL;
		int rc = open_all(s, l);
		if (rc)
			return rc;
	}
	*failed = NULL;
	return 0;
}

static void undo_new(struct super *s)
{
	for (unsigned i = 0; i < SUPER_LISTENERS_MAX; i++)
		if (s->listeners[i].row && !s->listeners[i].is_wanted)
			forget(&s->listeners[i]);
}

static bool is_among(const struct listener *l, const struct wanted *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (w[i].row == l->row && w[i].port == l->port && bytes_eq_str(w[i].addr, l->addr))
			return true;
	return false;
}

static void switch_over(struct super *s, const struct wanted *w, size_t n)
{
	for (unsigned i = 0; i < SUPER_LISTENERS_MAX; i++) {
		struct listener *l = &s->listeners[i];
		if (!l->row || l->row->is_unix)
			continue;
		if (!is_among(l, w, n)) {
			tell_all(s, l, MSG_LISTENER_GONE);
			forget(l);
		} else if (!l->is_wanted) {
			l->is_wanted = true;
			tell_all(s, l, MSG_LISTENER);
		}
	}
}

int listen_on_set(void *arg, struct chan *from, const struct frame *f)
{
	struct super *s = arg;
	struct wire w = wire_of(f->body);
	struct wanted list[SUPER_LISTENERS_MAX];
	const struct wanted *failed = NULL;
	size_t n = wire_u16(&w);

	if (n > SUPER_LISTENERS_MAX - 1)
		return ERR_LIMIT;
	for (size_t i = 0; i < n; i++) {
		int rc = read_wanted(&w, &list[i]);
		if (rc)
			return rc;
	}
	if (wire_end(&w))
		return ERR_PROTOCOL;
	int rc = open_new(s, list, n, &failed);
	if (rc)
		undo_new(s);
	else
		switch_over(s, list, n);
	answer(from, f->id, rc, failed);
	return 0;
}

int listen_open_console(struct super *s)
{
	struct listener *l = &s->listeners[0];
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int n = snprintf(to.sun_path, sizeof to.sun_path, "%s/ghsh.sock", s->run);

	if (n < 0 || (size_t)n >= sizeof to.sun_path)
		return ERR_LIMIT;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_SYS;
	unlink(to.sun_path);
	mode_t old = umask(0177);
	int rc = bind(fd, (struct sockaddr *)&to, sizeof to) < 0 || listen(fd, 128) < 0 ? ERR_SYS : 0;
	umask(old);
	/* Members of the group may log in; who they are, their account says. As root that is by default the group of
	 * those who come over SSH, whose numbers say which account. */
	gid_t gid = s->operators_gid ? s->operators_gid : geteuid() == 0 && s->uid_base ? OPER_GID : 0;
	if (!rc && gid && (chown(to.sun_path, (uid_t)-1, gid) < 0 || chmod(to.sun_path, 0660) < 0))
		rc = ERR_SYS;
	if (rc) {
		close(fd);
		return rc;
	}
	*l = (struct listener){ .row = service_listener(BYTES("ghsh")), .is_wanted = true };
	snprintf(l->addr, sizeof l->addr, "%s", to.sun_path);
	for (unsigned i = 0; i < INSTANCES_MAX; i++)
		l->fds[i] = -1;
	l->fds[0] = fd;
	return 0;
}

void listen_trim(struct super *s)
{
	for (unsigned i = 0; i < SUPER_LISTENERS_MAX; i++) {
		struct listener *l = &s->listeners[i];
		if (!l->row || !l->row->is_per_instance)
			continue;
		for (unsigned n = s->wanted[l->row->prog]; n < INSTANCES_MAX; n++) {
			if (l->fds[n] >= 0)
				close(l->fds[n]);
			l->fds[n] = -1;
		}
	}
}

void listen_close_all(struct super *s)
{
	for (unsigned i = 0; i < SUPER_LISTENERS_MAX; i++) {
		if (!s->listeners[i].row)
			continue;
		if (s->listeners[i].row->is_unix)
			unlink(s->listeners[i].addr);
		forget(&s->listeners[i]);
	}
}
