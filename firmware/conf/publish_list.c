#include "publish_list.h"

#include "base/err.h"

static void add_site(const struct rows *r, const struct row_item *item, struct allow_list *out, publish_list_fn fn, void *arg)
{
	int rc = allow_add_site(out, item->key, item->value, rows_value(r, SET_PUBLISH_DEPLOYMENT, item->key));

	if (rc && fn)
		fn(arg, item->path,
		   rc == ERR_EXISTS ? "another target has this name"
		   : rc == ERR_LIMIT ? "there are more targets than 64"
				     : "not a name: letters, digits, dashes and dots (A-labels), no port");
}

static void add_rule(const struct rows *r, const struct row_item *item, struct allow_list *out, publish_list_fn fn, void *arg)
{
	const struct allow_words w = {
		.name = item->key,
		.url = item->value,
		.methods = rows_value(r, SET_PUBLISH_RULE_METHODS, item->key),
		.match = rows_value(r, SET_PUBLISH_RULE_MATCH, item->key),
		.deployment = rows_value(r, SET_PUBLISH_RULE_DEPLOYMENT, item->key),
		.description = rows_value(r, SET_PUBLISH_RULE_NOTE, item->key),
	};
	const char *why;
	int rc = allow_add_rule(out, &w, &why);

	if (rc && fn)
		fn(arg, item->path, why[0] ? why : err_text(rc));
}

void publish_list(const struct rows *r, struct allow_list *out, publish_list_fn fn, void *arg)
{
	allow_init(out);
	for (size_t i = 0; i < r->n; i++) {
		if (r->v[i].row->id == SET_PUBLISH_NAME)
			add_site(r, &r->v[i], out, fn, arg);
		else if (r->v[i].row->id == SET_PUBLISH_RULE_URL)
			add_rule(r, &r->v[i], out, fn, arg);
	}
}
