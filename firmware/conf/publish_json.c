#include "publish_json.h"

#include <jansson.h>

#include "base/err.h"

static const char *const names[] = { "Url", "Deployment", "HttpMethods", "MatchType", "Description" };
enum { URL, DEPLOYMENT, METHODS, MATCH, DESCRIPTION, NAMES };

bool publish_is_json(struct bytes file)
{
	while (file.n && (file.p[0] == ' ' || file.p[0] == '\t' || file.p[0] == '\r' || file.p[0] == '\n'))
		file = bytes_skip(file, 1);
	return file.n && file.p[0] == '[';
}

static int refuse(const char **why, const char *text)
{
	*why = text;
	return ERR_SYNTAX;
}

/* Texts of an array, with commas between. */
static int join(const json_t *array, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *v = json_array_get(array, i);
		if (!json_is_string(v))
			return ERR_SYNTAX;
		if (i)
			buf_put_u8(out, ',');
		buf_put(out, json_string_value(v), json_string_length(v));
	}
	return buf_failed(out) ? ERR_LIMIT : 0;
}

static int take_rule(json_t *rule, allow_rule_fn fn, void *arg, const char **why)
{
	struct bytes v[NAMES] = { BYTES_NONE };
	size_t known = 0;
	struct buf set;

	if (!json_is_object(rule))
		return refuse(why, "a rule is an object");
	buf_init(&set, 256);
	int rc = 0;
	for (size_t i = 0; i < NAMES && !rc; i++) {
		const json_t *t = json_object_get(rule, names[i]);
		known += t != NULL;
		if (json_is_string(t))
			v[i] = bytes_make(json_string_value(t), json_string_length(t));
		else if (i == METHODS && json_is_array(t))
			rc = join(t, &set);
		else if (t && !json_is_null(t))
			rc = ERR_SYNTAX;
	}
	if (buf_len(&set))
		v[METHODS] = buf_bytes(&set);
	if (rc)
		*why = "a value that is no text";
	else if (known != json_object_size(rule))
		rc = refuse(why, "a name that is not known: Url, Deployment, HttpMethods, MatchType, Description");
	else
		rc = fn(arg, &(struct allow_words){ .url = v[URL], .deployment = v[DEPLOYMENT], .methods = v[METHODS], .match = v[MATCH],
		                                    .description = v[DESCRIPTION] }, why);
	buf_fini(&set);
	return rc;
}

int publish_json_rules(struct bytes json, allow_rule_fn fn, void *arg, struct allow_error *error)
{
	*error = (struct allow_error){ .why = "" };
	if (json.n > ALLOW_CSV_MAX) {
		error->why = "the file is longer than 1 MiB";
		return ERR_LIMIT;
	}
	json_t *all = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
	int rc = json_is_array(all) ? 0 : refuse(&error->why, "the file is no JSON array");
	for (size_t i = 0; i < json_array_size(all) && !rc; i++) {
		error->line = (unsigned)i + 1;
		rc = take_rule(json_array_get(all, i), fn, arg, &error->why);
	}
	json_decref(all);
	return rc;
}

static json_t *text_of(struct bytes b)
{
	return json_stringn(b.n ? (const char *)b.p : "", b.n);
}

static json_t *methods_of(unsigned set)
{
	json_t *v;
	struct buf b;

	buf_init(&b, 128);
	allow_put_methods(&b, set, ",");
	v = text_of(buf_bytes(&b));
	buf_fini(&b);
	return v;
}

static int put_chunk(const char *p, size_t n, void *out)
{
	buf_put(out, p, n);
	return buf_failed(out) ? -1 : 0;
}

void publish_json_write(struct buf *out, const struct allow_list *l)
{
	json_t *all = json_array();
	int rc = all ? 0 : -1;

	for (size_t i = 0; i < l->n_rules && !rc; i++) {
		const struct allow_rule *r = &l->rules[i];
		json_t *v[NAMES] = { text_of(r->url), text_of(r->deployment), methods_of(r->methods), json_string(r->is_exact ? "exact" : "prefix"),
				     text_of(r->description) };
		json_t *rule = json_object();
		for (size_t k = 0; k < NAMES; k++)
			rc |= json_object_set_new(rule, names[k], v[k]);
		rc |= json_array_append_new(all, rule);
	}
	if (!rc)
		rc = json_dump_callback(all, put_chunk, out, JSON_INDENT(1));
	buf_put_u8(out, '\n');
	out->is_failed |= rc != 0;
	json_decref(all);
}
