#include "json.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

json_t *json_text(struct bytes b)
{
	struct buf clean;

	if (text_is_utf8(b))
		return json_stringn((const char *)b.p ? (const char *)b.p : "", b.n);
	buf_init(&clean, 3 * b.n + 1);
	for (size_t i = 0; i < b.n; i++) {
		if (b.p[i] < 0x80)
			buf_put_u8(&clean, b.p[i]);
		else
			buf_put_str(&clean, "\xef\xbf\xbd");
	}
	json_t *j = buf_failed(&clean) ? NULL : json_stringn((const char *)buf_bytes(&clean).p, buf_len(&clean));
	buf_fini(&clean);
	return j;
}

static int put(const char *text, size_t n, void *out)
{
	buf_put(out, text, n);
	return buf_failed(out) ? -1 : 0;
}

void json_put(struct buf *out, json_t *j)
{
	if (!j || json_dump_callback(j, put, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
		out->is_failed = true;
	json_decref(j);
}

json_t *json_record(struct wire *w)
{
	json_t *o = json_object();
	unsigned n = wire_u16(w);

	for (unsigned i = 0; o && i < n && !wire_failed(w); i++) {
		struct bytes key = wire_str(w), value = wire_bytes(w);
		char name[128];
		snprintf(name, sizeof name, "%.*s", BYTES_FMT(key));
		if (json_object_set_new(o, name, json_text(value)) < 0) {
			json_decref(o);
			o = NULL;
		}
	}
	return o;
}

json_t *json_body(struct bytes in, char why[static 160])
{
	json_error_t e;
	json_t *j = json_loadb((const char *)in.p ? (const char *)in.p : "", in.n, JSON_REJECT_DUPLICATES, &e);

	if (!j) {
		snprintf(why, 160, "line %d, column %d: %.100s", e.line, e.column, e.text);
	} else if (!json_is_object(j)) {
		snprintf(why, 160, "the body is not an object");
		json_decref(j);
		j = NULL;
	}
	return j;
}

struct bytes json_member(const json_t *object, const char *name)
{
	const json_t *v = json_object_get(object, name);

	return json_is_string(v) ? bytes_make(json_string_value(v), json_string_length(v)) : BYTES_NONE;
}
