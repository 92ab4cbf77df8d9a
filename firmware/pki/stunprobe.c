#include "stunprobe.h"

#include "base/err.h"
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* RFC 8489 6.2.1: again after 0.5, 1 and 2 seconds, then 4 more are waited. */
enum { FIRST_MS = 500, SENDS = 4, DATAGRAM_BYTES = 1500 };

struct stunprobe {
	struct loop *loop;
	struct loop_watch watch;
	struct loop_timer timer;
	stunprobe_fn fn;
	void *arg;
	uint8_t id[16];
	unsigned sent;
};

void stunprobe_cancel(struct stunprobe *p)
{
	if (!p)
		return;
	int fd = p->watch.fd;
	loop_timer_del(p->loop, &p->timer);
	loop_watch_del(&p->watch);
	(void)close(fd); /* nothing is written that could be lost */
	free(p);
}

static void end(struct stunprobe *p, int rc, const struct stunaddr *mapped)
{
	stunprobe_fn fn = p->fn;
	void *arg = p->arg;

	stunprobe_cancel(p);
	fn(arg, rc, mapped);
}

static void send_request(struct stunprobe *p)
{
	uint8_t room[64];
	struct stunmsg_writer w;

	stunmsg_begin(&w, room, sizeof room, STUN_REQUEST, STUN_BINDING, p->id);
	stunmsg_put_fingerprint(&w);
	struct bytes message = stunmsg_end(&w);
	(void)send(p->watch.fd, message.p, message.n, MSG_NOSIGNAL); /* what is lost is sent again */
	p->sent++;
}

/* Also the first time, from the loop. */
static void on_timer(void *arg)
{
	struct stunprobe *p = arg;
	uint64_t wait_ms = (uint64_t)FIRST_MS << p->sent;

	if (p->sent == SENDS) {
		end(p, ERR_TIMEOUT, NULL);
		return;
	}
	send_request(p);
	if (loop_timer_set(p->loop, &p->timer, wait_ms))
		end(p, ERR_NOMEM, NULL);
}

static void on_datagram(void *arg, unsigned events)
{
	struct stunprobe *p = arg;
	uint8_t in[DATAGRAM_BYTES];
	struct stunmsg m;
	ssize_t n = recv(p->watch.fd, in, sizeof in, 0);

	(void)events;
	if (n < 0 && errno == ECONNREFUSED) {
		end(p, ERR_CONN_REFUSED, NULL);
		return;
	}
	if (n < 0 || stunmsg_parse(bytes_make(in, (size_t)n), &m) || m.method != STUN_BINDING || memcmp(m.id, p->id, sizeof p->id) != 0)
		return; /* not the answer: it may still come */
	if (m.class == STUN_SUCCESS && (m.has & STUN_HAS_XOR_MAPPED))
		end(p, 0, &m.mapped);
	else if (m.class == STUN_SUCCESS || m.class == STUN_ERROR)
		end(p, ERR_PROTOCOL, NULL);
}

struct stunprobe *stunprobe_start(struct loop *l, const struct sockaddr *to, socklen_t to_n, stunprobe_fn fn, void *arg)
{
	static const uint8_t cookie[4] = { 0x21, 0x12, 0xa4, 0x42 }; /* RFC 8489 5 */
	struct stunprobe *p = calloc(1, sizeof *p);
	int fd = p ? socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;

	if (fd < 0 || connect(fd, to, to_n) < 0)
		goto fail;
	*p = (struct stunprobe){ .loop = l, .fn = fn, .arg = arg };
	memcpy(p->id, cookie, sizeof cookie);
	random_bytes(p->id + sizeof cookie, sizeof p->id - sizeof cookie);
	loop_timer_init(&p->timer, on_timer, p);
	if (loop_watch_add(l, &p->watch, fd, LOOP_READ, on_datagram, p))
		goto fail;
	if (loop_timer_set(l, &p->timer, 0)) {
		stunprobe_cancel(p);
		return NULL;
	}
	return p;
fail:
	if (fd >= 0)
		(void)close(fd); /* nothing was written to it */
	free(p);
	return NULL;
}
