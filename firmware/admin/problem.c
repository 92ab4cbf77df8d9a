#include "conn.h"
#include "json.h"

#include "base/err.h"

/* Errors as RFC 9457 has them. */

void problem_put(struct buf *out, struct conn *c, int status, const char *code, struct bytes detail)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "type", json_text(BYTES("about:blank"))); /* a failure shows when it is written */
	(void)json_object_set_new(o, "title", json_text(bytes_of(http1_reason(status))));
	(void)json_object_set_new(o, "status", json_integer(status));
	(void)json_object_set_new(o, "code", json_text(bytes_of(code)));
	(void)json_object_set_new(o, "detail", json_text(detail));
	if (c->request.raw_path.n)
		(void)json_object_set_new(o, "instance", json_text(c->request.raw_path));
	json_put(out, o);
}

void conn_problem(struct conn *c, int status, const char *code, const char *detail)
{
	struct conn_fields f = { 0 };
	struct buf body;

	buf_init(&body, 32 << 10);
	problem_put(&body, c, status, code, bytes_of(detail));
	/* No challenge of Basic for a browser's page: it would open a window of its own. */
	if (status == 401)
		conn_field(&f, "WWW-Authenticate", c->request.authorization.n ? "Basic realm=\"Gatehouse\", charset=\"UTF-8\"" : "Session");
	conn_respond(c, status, "application/problem+json", buf_bytes(&body), &f);
	buf_fini(&body);
}
