/* Questions to a message archive: any XML (first byte even), and any bytes as somebody's preferences (odd). What is read lies
 * within its limits, and preferences that are taken answer for any address. */
#include <stdlib.h>

#include "archive/archive_form.h"
#include "archive/archive_prefs.h"
#include "base/err.h"
#include "proto/xmpp.h"
#include "run/store_op.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void read_form(struct im *im, struct bytes in)
{
	struct archive_form f;
	struct xml_node *n;

	if (xml_parse(in, NS_CLIENT, &xml_limits_default, &im->arena, &n) || archive_form_read(im, n, &f))
		return;
	must(f.max <= STORE_ARCHIVE_PAGE_MAX && f.text.n <= STORE_ARCHIVE_TEXT_MAX && f.queryid.n <= ARCHIVE_QUERYID_MAX);
	must(f.n_ids <= ARCHIVE_IDS_MAX && f.n_named <= ARCHIVE_NAMED_MAX);
	must(f.from <= STORE_ARCHIVE_ID_MAX && f.to <= STORE_ARCHIVE_ID_MAX && f.after <= STORE_ARCHIVE_ID_MAX && f.before <= STORE_ARCHIVE_ID_MAX);
}

static void read_prefs(struct bytes in)
{
	struct user *u = calloc(1, sizeof *u);

	must(u != NULL);
	if (archive_prefs_set(u, in) == 0)
		(void)archive_prefs_want(u, BYTES("alice@a.example/desk"));
	else
		must(!u->prefs && archive_prefs_want(u, BYTES("alice@a.example/desk")));
	free(u->prefs);
	free(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct im im;
	struct bytes in = bytes_make(data, size);

	if (!im.loop) {
		im.loop = loop_new(LOOP_FAKE);
		arena_init(&im.arena, 32 << 20);
		im.config.has_archive_search = true;
		must(im.loop && secret_set(&im.secret, BYTES("a secret of thirty-two bytes, yes")) == 0);
	}
	if (size && data[0] & 1)
		read_prefs(bytes_skip(in, 1));
	else if (size)
		read_form(&im, bytes_skip(in, 1));
	arena_reset(&im.arena);
	return 0;
}
