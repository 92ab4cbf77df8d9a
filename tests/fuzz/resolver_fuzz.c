/* gh-dns: unbound-control's lines as text, and frames of the pair as the keeper takes them. The first byte says which. What is taken is
 * within its limits, and makes no line in unbound's file but the ones that are meant. */
#include "report.h"
#include "wanted.h"

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
	static const struct report none;
	struct report r = { 0 };

	if (report_read(text, &r) == 0)
		must(report_judge(&none, &r) <= VERDICT_BOGUS && report_judge(&r, &r) == VERDICT_NONE);
}

static size_t lines_of(const struct wanted *w)
{
	struct buf b;

	buf_init(&b, 512 << 10);
	text_conf(w, "/d", &b);
	must(!buf_failed(&b));
	size_t n = count(buf_bytes(&b), '\n');
	must(count(buf_bytes(&b), '#') == 1 && count(buf_bytes(&b), '"') % 2 == 0);
	buf_fini(&b);
	return n;
}

static void frame(struct bytes in)
{
	static struct wanted w, plain;
	struct wire wire = wire_of(in);

	if (wanted_get(&wire, &w))
		return;
	must(w.n_servers <= WANTED_SERVERS_MAX && w.n_zones <= WANTED_ZONES_MAX && w.n_anchors <= WANTED_ANCHORS_MAX);
	size_t more = w.n_anchors;
	bool has_root = false;
	for (size_t i = 0; i < w.n_anchors; i++)
		has_root |= strcmp(w.anchors[i].domain, ".") == 0;
	for (size_t i = 0; i < w.n_zones; i++)
		more += 4 + w.zones[i].n + !w.zones[i].validates;
	if (wanted_forwards(&w))
		more += w.n_servers ? 3 + w.n_servers : 1;
	plain.mode = MODE_RECURSE;
	must(lines_of(&w) == lines_of(&plain) + more - has_root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'r')
		report((struct bytes){ data + 1, size - 1 });
	else if (data[0] == 'f')
		frame((struct bytes){ data + 1, size - 1 });
	return 0;
}
