/* A client of a stream door: whatever the pieces in which the bytes come, engine and tap hear the same and it ends
 * the same way. The first byte of the input says in what pieces, the second which message begins a tap (RFC 6062) and
 * whether there is an allocation. */
#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "stream_fixture.h"

struct told {
	uint64_t hash; /* FNV-1a of what was heard */
	size_t tapped;
	unsigned heard, gone, refused, closed;
};
static struct told now;
static unsigned tap_at;

static void add(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		now.hash = (now.hash ^ p[i]) * 0x100000001b3;
}

static void on_tapped(void *arg, struct bytes in)
{
	(void)arg;
	add(in.p, in.n);
	now.tapped += in.n;
}

static void on_drained(void *arg)
{
	(void)arg;
}

static void on_ended(void *arg)
{
	struct fixture *f = arg;

	now.closed++;
	stream_end(&f->w, &f->from);
}

static void on_closed(void *arg)
{
	(void)arg;
	now.closed++;
}

static void on_heard(struct fixture *f)
{
	static const struct stream_tap tap = { .data = on_tapped, .drained = on_drained, .ended = on_ended, .closed = on_closed };
	size_t n = f->sizes[(f->n_heard - 1) % FIXTURE_HEARD_MAX];

	add(f->heard, n);
	add((const uint8_t *)&n, sizeof n);
	now.heard++;
	if (now.heard == tap_at)
		assert(stream_tap(&f->w, &f->from, &tap, f) == 0);
}

static struct told run(struct fixture *f, struct bytes in, size_t step)
{
	const union endpoint nobody = { .any.sa_family = AF_UNSPEC };
	unsigned gone = f->n_gone, refused = f->n_refused;
	int fds[2];

	now = (struct told){ .hash = 0xcbf29ce484222325 };
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	assert(stream_accept(&f->w.doors[FIXTURE_TCP], fds[0], &nobody) == 0);
	for (size_t at = 0, n; at < in.n; at += n) {
		n = in.n - at < step ? in.n - at : step;
		if (send(fds[1], in.p + at, n, MSG_NOSIGNAL) < 0)
			break; /* it has been closed */
		fixture_turns(f);
	}
	close(fds[1]);
	fixture_turns(f);
	assert(streams_count(f->w.streams) == 0);
	now.gone = f->n_gone - gone;
	now.refused = f->n_refused - refused;
	return now;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture *f;

	if (size < 2 || size > 60000)
		return 0;
	if (!f)
		f = fixture_open();
	f->on_heard = on_heard;
	f->has_allocation = data[1] & 0x80;
	tap_at = data[1] & 0x0f;
	struct bytes in = bytes_make(data + 2, size - 2);
	struct told whole = run(f, in, in.n ? in.n : 1), pieces = run(f, in, (size_t)data[0] + 1);
	assert(whole.hash == pieces.hash && whole.tapped == pieces.tapped && whole.heard == pieces.heard);
	assert(whole.gone == pieces.gone && whole.refused == pieces.refused && whole.closed == pieces.closed);
	return 0;
}
