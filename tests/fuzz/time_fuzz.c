/* gh-time: chronyc's lines as text, frames of the pair as the keeper takes them, a time as a person writes it. The first byte says
 * which. What is taken is within its limits, and makes no line in chronyd's files but the ones that are meant. */
#include "report.h"
#include "timed.h"

#include <stdlib.h>

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static size_t count(struct bytes text, uint8_t c)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == c;
	return n;
}

static void report(struct bytes text)
{
	static struct report r;

	if (report_read_tracking(text, &r.tracking) == 0)
		must(r.tracking.stratum <= 255 && strlen(r.tracking.reference) < REPORT_NAME_BYTES);
	r.n_sources = 0;
	if (report_read_sources(text, &r))
		return;
	must(r.n_sources <= REPORT_SOURCES_MAX);
	for (size_t i = 0; i < r.n_sources; i++)
		must(r.sources[i].reach <= 0xff && r.sources[i].poll <= 32);
	must(report_trouble(&r)[0]);
	(void)report_is_synchronised(&r);
}

static void frame(struct bytes in)
{
	static const struct time_places places = { .folder = "/d", .has_anchors = true };
	static struct time_wanted w;
	static struct time_hosts h;
	struct wire wire = wire_of(in);
	struct buf b;

	buf_init(&b, 256 << 10);
	if (wanted_get(&wire, &w) == 0) {
		must(w.n_servers <= TIME_SERVERS_MAX && w.n_keys <= TIME_KEYS_MAX);
		text_conf(&w, &places, &b);
		must(count(buf_bytes(&b), '\n') == 13 + w.n_servers && count(buf_bytes(&b), '#') == 1);
		buf_clear(&b);
		text_keys(&w, &b);
		must(count(buf_bytes(&b), '\n') == w.n_keys && count(buf_bytes(&b), ' ') == 2 * w.n_keys);
		buf_clear(&b);
		if (hosts_get(&wire, &h) == 0) {
			text_hosts(&h, &b);
			must(count(buf_bytes(&b), '\n') == 2 + h.n && count(buf_bytes(&b), ' ') == 2 + h.n);
		}
	}
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data + 1, size - 1 };
	uint64_t ms = 0;

	if (size == 0)
		return 0;
	if (data[0] == 'r')
		report(in);
	else if (data[0] == 'f')
		frame(in);
	else if (data[0] == 'w' && when_read(in, &ms) == 0)
		must(ms >= 1577750400000 && ms <= 4102534800000); /* 2019-12-31 to 2100-01-02 */
	return 0;
}
