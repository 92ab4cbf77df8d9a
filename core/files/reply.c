#include "files.h"
#include "range.h"

#include "base/text.h"
#include "proto/upload.h"

/* What a file is answered with. A stranger chose its bytes and its type, and a browser will open it in the name of our host. */

/* Types that browsers show without running anything: these may stand in a page. All else is for saving. */
static const char *const safe_types[] = {
	"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "audio/mpeg", "audio/mp4", "audio/aac",
	"audio/ogg", "audio/opus", "audio/webm", "audio/flac", "audio/wav", "audio/x-wav", "video/mp4", "video/webm", "video/ogg",
	"video/quicktime", "text/plain",
};

static bool is_safe(struct bytes type)
{
	struct bytes bare = bytes_make(type.p, bytes_find(type, ';'));

	while (bare.n && bare.p[bare.n - 1] == ' ')
		bare.n--;
	for (size_t i = 0; i < sizeof safe_types / sizeof safe_types[0]; i++)
		if (bytes_eq_nocase(bare, bytes_of(safe_types[i])))
			return true;
	return false;
}

/* Is the file's tag in the list of If-None-Match (RFC 9110 13.1.2)? Weak or strong is all the same there. */
static bool is_in(struct bytes list, struct bytes tag)
{
	if (bytes_eq_str(list, "*"))
		return true;
	for (; list.n >= tag.n && tag.n; list = bytes_skip(list, 1))
		if (bytes_eq(bytes_make(list.p, tag.n), tag))
			return true;
	return false;
}

/* Text that is put now and viewed when all is put: a place in it. */
struct span {
	size_t at, n;
};

static struct span span_end(const struct buf *text, size_t at)
{
	return (struct span){ at, buf_len(text) - at };
}

static struct bytes view(const struct buf *text, struct span s)
{
	return bytes_make(buf_bytes(text).p + s.at, s.n);
}

static struct span put_tag(struct buf *text, const struct slot *slot)
{
	char hex[SLOT_ID_BYTES * 2 + 1];
	size_t at = buf_len(text);

	text_hex(bytes_make(slot->id, SLOT_ID_BYTES), hex);
	buf_putf(text, "\"%s\"", hex);
	return span_end(text, at);
}

/* RFC 6266 4.1, RFC 8187 3.2. */
static struct span put_disposition(struct buf *text, const struct shelf_label *l)
{
	size_t at = buf_len(text);

	buf_put_str(text, is_safe(bytes_of(l->type)) ? "inline" : "attachment");
	buf_put_str(text, "; filename*=UTF-8''");
	slot_put_encoded(text, bytes_of(l->name));
	return span_end(text, at);
}

static struct span put_range(struct buf *text, const struct shelf_label *l, enum range_kind kind, uint64_t from, uint64_t n)
{
	size_t at = buf_len(text);

	if (kind == RANGE_OUT)
		buf_putf(text, "bytes */%llu", (unsigned long long)l->size);
	else
		buf_putf(text, "bytes %llu-%llu/%llu", (unsigned long long)from, (unsigned long long)(from + n - 1),
		         (unsigned long long)l->size);
	return span_end(text, at);
}

void reply_file(const struct upload_ask *ask, const struct slot *slot, const struct shelf_label *l, struct buf *text,
                struct upload_answer *out, uint64_t *from)
{
	uint64_t n = l->size;

	*from = 0;
	*out = (struct upload_answer){ .status = 200 };
	buf_clear(text);
	struct span tag = put_tag(text, slot), disposition = put_disposition(text, l), range = { 0, 0 };
	enum range_kind kind = RANGE_NONE;
	/* RFC 9110 14.2: of GET alone; 13.1.5: when it is the file that the client has a part of. The tag is all of an If-Range. */
	if (ask->op == UPLOAD_GET && ask->range.n && (!ask->if_range.n || bytes_eq(ask->if_range, view(text, tag))))
		kind = range_read(ask->range, l->size, from, &n);
	if (kind != RANGE_NONE)
		range = put_range(text, l, kind, *from, n);
	if (ask->if_none_match.n && is_in(ask->if_none_match, view(text, tag))) {
		out->status = 304;
		kind = RANGE_NONE;
		n = 0;
	} else if (kind != RANGE_NONE)
		out->status = kind == RANGE_PART ? 206 : 416;
	out->size = kind == RANGE_OUT ? 0 : n;
	upload_add(out, "ETag", view(text, tag));
	upload_add(out, "Cache-Control", BYTES("private, max-age=3600"));
	if (out->status == 304)
		return;
	if (kind != RANGE_NONE)
		upload_add(out, "Content-Range", view(text, range));
	if (out->status == 416)
		return;
	upload_add(out, "Content-Type", l->type[0] ? bytes_of(l->type) : BYTES("application/octet-stream"));
	upload_add(out, "Accept-Ranges", BYTES("bytes"));
	upload_add(out, "Content-Disposition", view(text, disposition));
	upload_add(out, "Content-Security-Policy", BYTES("default-src 'none'; sandbox"));
}
