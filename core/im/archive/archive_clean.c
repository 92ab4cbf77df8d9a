#include "archive/archive_clean.h"

#include "base/err.h"
#include "archive/archive.h"
#include "ask.h"

static void set(struct im *im, uint64_t ms)
{
	(void)loop_timer_set(im->loop, &im->archive.clean_timer, ms); /* without memory: the next change of settings sets it */
}

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	(void)im;
	a->number = wire_u8(w);
}

static void on_done(struct im *im, struct ask *a, int rc)
{
	if (rc == ERR_CLOSED)
		return; /* gh-im ends */
	im->archive.is_cleaning = false;
	set(im, !rc && a->number ? ARCHIVE_CLEAN_PAUSE_MS : ARCHIVE_CLEAN_EVERY_MS);
}

static void on_timer(void *arg)
{
	struct im *im = arg;

	if (im->archive.is_cleaning)
		return;
	im->archive.is_cleaning = true;
	struct buf *b = ask_begin(im, STORE_ARCHIVE_CLEAN);
	wire_put_u64(b, archive_oldest(im));
	wire_put_u32(b, ARCHIVE_CLEAN_ROWS);
	ask_send_free(im, on_item, on_done, NULL, 0);
}

void archive_clean_init(struct im *im)
{
	loop_timer_init(&im->archive.clean_timer, on_timer, im);
}

void archive_clean_apply(struct im *im)
{
	if (!im->archive.is_cleaning && !loop_timer_is_set(&im->archive.clean_timer))
		set(im, ARCHIVE_CLEAN_EVERY_MS);
}

void archive_clean_soon(struct im *im)
{
	if (!im->archive.is_cleaning)
		set(im, 0);
}

void archive_clean_fini(struct im *im)
{
	loop_timer_del(im->loop, &im->archive.clean_timer);
}
