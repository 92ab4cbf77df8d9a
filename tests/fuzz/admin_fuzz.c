/* gh-admin between a hostile client, who has a session, and a gh-conf that says anything: nothing breaks, and everything
 * ends in time. Input: how to cut u8, n u16, n bytes of the client, then bytes of gh-conf. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin_play.h"
#include "base/log.h"
#include "base/wire.h"

enum { INPUT_MAX = 16 << 10, LONG_MS = 300000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOGIN "POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n" \
	"{\"user\":\"a\",\"password\":\"pw\" }"

/* A live session whose token and anti-forgery word are zeros, for the seeds to name. */
static void log_in(struct play *p)
{
	int c = play_client(p);
	struct buf frame;

	buf_init(&frame, 64 << 10);
	if (c < 0 || send(c, LOGIN, sizeof LOGIN - 1, MSG_NOSIGNAL) != sizeof LOGIN - 1)
		abort();
	play_run(p, 0);
	play_done(p, 0, 0, "");
	play_run(p, 0);
	play_done(p, 0, 0, "");
	play_run(p, 0);
	if (p->admin.n_sessions != 1)
		abort();
	struct session *s = LIST_OWNER(p->admin.sessions.next, struct session, node);
	if (!s->is_live)
		abort();
	memset(s->token, '0', SESSION_TOKEN_HEX);
	memset(s->csrf, '0', SESSION_CSRF_HEX);
	while (play_take(p, 0, &frame))
		continue;
	buf_fini(&frame);
	close(c);
	play_run(p, 0);
}

static void give(struct play *p, int fd, struct bytes in, size_t step)
{
	while (in.n) {
		size_t k = step < in.n ? step : in.n;
		if (send(fd, in.p, k, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			return; /* it has had enough */
		in = bytes_skip(in, k);
		play_run(p, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire w = wire_of(bytes_make(data, size));
	size_t step = wire_u8(&w) + 1u, n = wire_u16(&w);
	struct play p;
	struct buf out;

	if (size < 3 || size > INPUT_MAX)
		return 0;
	struct bytes client = wire_raw(&w, n < wire_left(&w) ? n : wire_left(&w)), conf = wire_raw(&w, wire_left(&w));
	log_set_level(LOG_LEVEL_ERROR);
	if (!play_open(&p))
		abort();
	buf_init(&out, 16 << 20);
	log_in(&p);
	int c = play_client(&p);
	give(&p, c, client, step);
	give(&p, p.pairs[0], conf, step);
	for (unsigned i = 1; i < p.n_pairs; i++)
		give(&p, p.pairs[i], conf, conf.n + 1);
	(void)play_read(&p, c, &out);
	play_run(&p, LONG_MS);
	buf_clear(&out);
	(void)play_read(&p, c, &out);
	close(c);
	play_run(&p, LONG_MS);
	if (p.admin.n_conns != 0 || p.admin.n_streams != 0)
		abort();
	play_close(&p);
	buf_fini(&out);
	return 0;
}
