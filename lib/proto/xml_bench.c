/* How long it takes to read a chat message into a tree, and to write one. Prints nanoseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/stanza.h"

static const char header[] = "<stream:stream xmlns='jabber:client' to='a.example' version='1.0' "
			     "xmlns:stream='http://etherx.jabber.org/streams'>";
static const char message[] =
	"<message from='juliet@im.example.com/balcony' to='romeo@montague.example/orchard' "
	"type='chat' id='ktx72v49' xml:lang='en'><body>Art thou not Romeo, and a Montague? Neither, "
	"fair saint, if either thee dislike.</body><active xmlns='http://jabber.org/protocol/chatstates'/>"
	"</message>";

enum { ROUNDS = 300000 };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct bench {
	struct xml_pool *pool;
	struct xml_stream stream;
	struct arena arena;
	struct buf out;
	uint64_t seen;
};

static void drain(struct bench *b, bool is_forwarded)
{
	struct xml_event ev;
	struct stanza st;

	for (;;) {
		arena_reset(&b->arena);
		if (xml_stream_next(&b->stream, &b->arena, &ev) != 0)
			abort();
		if (ev.kind == XML_EVENT_NONE)
			return;
		b->seen += ev.kind == XML_EVENT_STANZA;
		if (!is_forwarded || ev.kind != XML_EVENT_STANZA)
			continue;
		if (stanza_read(&ev, b->stream.content_ns, &st) != 0)
			abort();
		buf_clear(&b->out);
		stanza_write(&b->out, &st, st.from, st.to);
	}
}

static void feed(struct bench *b, const char *p, size_t n)
{
	if (xml_stream_feed(&b->stream, bytes_make(p, n)) != 0)
		abort();
}

/* batch: messages a feed; split: each message in two feeds. */
static void run(struct bench *b, const char *what, size_t batch, bool is_split, bool is_forwarded)
{
	size_t n = sizeof message - 1;
	char *in = malloc(batch * n);

	if (!in)
		abort();
	for (size_t i = 0; i < batch; i++)
		memcpy(in + i * n, message, n);
	b->seen = 0;
	uint64_t start = now_ns();
	while (b->seen < ROUNDS) {
		size_t first = is_split ? n / 2 : batch * n;
		feed(b, in, first);
		drain(b, is_forwarded);
		if (is_split) {
			feed(b, in + first, n - first);
			drain(b, is_forwarded);
		}
	}
	printf("%-44s %6.0f ns\n", what, (double)(now_ns() - start) / (double)b->seen);
	free(in);
}

int main(void)
{
	struct bench b = { .pool = xml_pool_new(16) };

	if (!b.pool)
		return 1;
	arena_init(&b.arena, 1 << 20);
	buf_init(&b.out, 1 << 16);
	xml_stream_init(&b.stream, b.pool, &xml_limits_default);
	feed(&b, header, sizeof header - 1);
	drain(&b, false);
	printf("a chat message of %zu bytes, CPU time each\n", sizeof message - 1);
	run(&b, "read, one a feed", 1, false, false);
	run(&b, "read, 40 a feed", 40, false, false);
	run(&b, "read, each in two pieces", 1, true, false);
	run(&b, "read, classified, neutral form, one a feed", 1, false, true);
	xml_stream_fini(&b.stream);
	xml_pool_free(b.pool);
	buf_fini(&b.out);
	arena_fini(&b.arena);
	return 0;
}
