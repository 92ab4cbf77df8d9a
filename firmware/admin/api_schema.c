#include "api.h"
#include "json.h"

/* The settings table, for forms: a page never has to know a setting by name. */

enum { SCHEMA_MAX = 4 << 20 };

static const char *const type_names[] = {
	[SETTING_BOOL] = "bool", [SETTING_INT] = "int", [SETTING_ENUM] = "enum", [SETTING_TEXT] = "text",
	[SETTING_DOMAIN] = "domain", [SETTING_LISTEN] = "listen", [SETTING_HOST] = "host", [SETTING_ADDRESS] = "address",
	[SETTING_PEM] = "pem", [SETTING_HEX] = "hex", [SETTING_SECRET] = "secret",
};

static json_t *row_json(const struct setting_row *row)
{
	json_t *o = json_object();

	(void)json_object_set_new(o, "path", json_text(bytes_of(row->path))); /* a failure shows when it is written */
	(void)json_object_set_new(o, "type", json_text(bytes_of(type_names[row->type])));
	(void)json_object_set_new(o, "range", json_text(bytes_of(row->range)));
	if (row->def)
		(void)json_object_set_new(o, "default", json_text(bytes_of(row->def)));
	(void)json_object_set_new(o, "unit", json_text(bytes_of(row->unit)));
	(void)json_object_set_new(o, "restarts", json_boolean(row->effect == EFFECT_RESTART));
	(void)json_object_set_new(o, "help", json_text(bytes_of(row->help)));
	return o;
}

void api_schema(struct conn *c, struct session *s, const struct api_row *row)
{
	json_t *list = json_array(), *o = json_object();
	struct buf out;

	(void)s;
	(void)row;
	buf_init(&out, SCHEMA_MAX);
	for (unsigned i = 0; i < SETTING_COUNT; i++)
		(void)json_array_append_new(list, row_json(setting_row((enum setting)i))); /* as above */
	(void)json_object_set_new(o, "settings", list);
	json_put(&out, o);
	if (buf_failed(&out))
		conn_problem(c, 503, "nomem", "out of memory");
	else
		conn_respond(c, 200, "application/json", buf_bytes(&out), NULL);
	buf_fini(&out);
}
