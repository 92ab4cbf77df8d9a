#include "acme_json.h"

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

#define ERROR_PREFIX "urn:ietf:params:acme:error:"

static const char *const status_names[] = { "pending", "ready", "processing", "valid", "invalid", "deactivated", "expired", "revoked", "other" };
_Static_assert(sizeof status_names / sizeof status_names[0] == ACME_STATUS_COUNT, "one name a status");

const char *acme_status_name(enum acme_status s)
{
	return status_names[s];
}

static json_t *parse(struct bytes json)
{
	json_error_t where;

	if (json.n == 0 || json.n > ACME_BODY_MAX)
		return NULL;
	json_t *root = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, &where);
	if (root && !json_is_object(root)) {
		json_decref(root);
		root = NULL;
	}
	return root;
}

/* A text that fits, without NUL; else "". */
static bool take_text(const json_t *o, const char *name, char *out, size_t room)
{
	const json_t *v = json_object_get(o, name);
	size_t n = json_string_length(v);

	out[0] = '\0';
	if (!json_is_string(v) || n == 0 || n >= room || memchr(json_string_value(v), 0, n))
		return false;
	memcpy(out, json_string_value(v), n + 1);
	return true;
}

/* What people are shown: cut to fit, in one line, nothing that could turn or hide text. */
static void take_shown(const json_t *v, char *out, size_t room)
{
	struct bytes in = bytes_make(json_string_value(v), json_string_length(v));
	size_t n = 0, step;

	for (; in.n; in = bytes_skip(in, step ? step : 1)) {
		step = text_shown(in);
		if (n + (step ? step : 1) >= room)
			break;
		if (step)
			memcpy(out + n, in.p, step);
		else
			out[n] = ' ';
		n += step ? step : 1;
	}
	out[n] = '\0';
}

static enum acme_status take_status(const json_t *o)
{
	const char *text = json_string_value(json_object_get(o, "status"));

	for (unsigned i = 0; text && i < ACME_OTHER; i++) {
		if (strcmp(text, status_names[i]) == 0)
			return (enum acme_status)i;
	}
	return ACME_OTHER;
}

/* ---- directory, account ---- */

int acme_read_directory(struct bytes json, struct acme_directory *out)
{
	json_t *root = parse(json);
	const json_t *meta = json_object_get(root, "meta");
	int rc = ERR_SYNTAX;

	*out = (struct acme_directory){ 0 };
	if (root && take_text(root, "newNonce", out->new_nonce, sizeof out->new_nonce) &&
	    take_text(root, "newAccount", out->new_account, sizeof out->new_account) &&
	    take_text(root, "newOrder", out->new_order, sizeof out->new_order))
		rc = 0;
	(void)take_text(meta, "termsOfService", out->terms, sizeof out->terms); /* may be missing */
	(void)take_text(root, "renewalInfo", out->renewal_info, sizeof out->renewal_info); /* likewise */
	out->wants_binding = json_is_true(json_object_get(meta, "externalAccountRequired"));
	json_decref(root);
	return rc;
}

int acme_read_account(struct bytes json, enum acme_status *out)
{
	json_t *root = parse(json);
	int rc = root ? 0 : ERR_SYNTAX;

	*out = take_status(root);
	json_decref(root);
	return rc;
}

/* ---- problems ---- */

static void take_problem(const json_t *o, struct acme_problem *out)
{
	const json_t *first = json_array_get(json_object_get(o, "subproblems"), 0);
	const char *type = json_string_value(json_object_get(o, "type"));
	char kept[64];

	*out = (struct acme_problem){ 0 };
	if (type && take_text(o, "type", kept, sizeof kept)) {
		bool is_known = strncmp(kept, ERROR_PREFIX, sizeof ERROR_PREFIX - 1) == 0;
		(void)snprintf(out->type, sizeof out->type, "%s", kept + (is_known ? sizeof ERROR_PREFIX - 1 : 0));
	}
	take_shown(json_object_get(o, "detail"), out->detail, sizeof out->detail);
	if (!first)
		return;
	take_shown(json_object_get(json_object_get(first, "identifier"), "value"), out->about, sizeof out->about);
	if (!out->detail[0])
		take_shown(json_object_get(first, "detail"), out->detail, sizeof out->detail);
}

void acme_read_problem(struct bytes json, struct acme_problem *out)
{
	json_t *root = parse(json);

	take_problem(root, out);
	json_decref(root);
}

/* ---- orders and authorizations ---- */

int acme_read_order(struct bytes json, struct acme_order *out)
{
	json_t *root = parse(json);
	const json_t *all = json_object_get(root, "authorizations"), *error = json_object_get(root, "error");
	int rc = root && json_is_array(all) && take_text(root, "finalize", out->finalize, sizeof out->finalize) ? 0 : ERR_SYNTAX;

	out->status = take_status(root);
	out->n = 0;
	(void)take_text(root, "certificate", out->certificate, sizeof out->certificate); /* comes with the status valid */
	take_problem(error, &out->error);
	if (!rc && json_array_size(all) > ACME_NAMES_MAX)
		rc = ERR_LIMIT;
	for (size_t i = 0; !rc && i < json_array_size(all); i++) {
		const json_t *v = json_array_get(all, i);
		size_t n = json_string_length(v);
		if (!json_is_string(v) || n == 0 || n > ACME_URL_MAX || memchr(json_string_value(v), 0, n))
			rc = ERR_SYNTAX;
		else
			memcpy(out->authorizations[out->n++], json_string_value(v), n + 1);
	}
	json_decref(root);
	return rc;
}

/* RFC 8555 8.1: at least 128 bits in base64url. It becomes a part of a path, so nothing else may be in it. */
static bool is_token(const char *t)
{
	size_t n = strspn(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	return n >= 22 && t[n] == '\0';
}

static void take_challenge(const json_t *c, struct acme_authorization *out)
{
	if (!take_text(c, "url", out->url, sizeof out->url) || !take_text(c, "token", out->token, sizeof out->token) || !is_token(out->token)) {
		out->url[0] = out->token[0] = '\0';
		return;
	}
	out->challenge_status = take_status(c);
	take_problem(json_object_get(c, "error"), &out->error);
}

int acme_read_authorization(struct bytes json, const char *kind, struct acme_authorization *out)
{
	json_t *root = parse(json);
	const json_t *who = json_object_get(root, "identifier"), *all = json_object_get(root, "challenges");
	const char *type = json_string_value(json_object_get(who, "type"));
	int rc = root && type && json_is_array(all) ? 0 : ERR_SYNTAX;

	*out = (struct acme_authorization){ .status = take_status(root), .challenge_status = ACME_OTHER,
					    .is_wildcard = json_is_true(json_object_get(root, "wildcard")) };
	if (!rc && strcmp(type, "dns") == 0)
		(void)take_text(who, "value", out->name, sizeof out->name); /* "": the caller refuses it */
	for (size_t i = 0; !rc && !out->url[0] && i < json_array_size(all); i++) {
		const json_t *c = json_array_get(all, i);
		const char *t = json_string_value(json_object_get(c, "type"));
		if (t && strcmp(t, kind) == 0)
			take_challenge(c, out);
	}
	json_decref(root);
	return rc;
}

/* ---- renewal information ---- */

/* Do the letters fit: '0' a digit, others themselves? */
static bool has_form(const char *text, const char *form)
{
	for (; *form; text++, form++)
		if (*form == '0' ? *text < '0' || *text > '9' : *text != *form)
			return false;
	return true;
}

static int number(const char *digits, size_t n)
{
	int v = 0;

	while (n-- > 0)
		v = v * 10 + (*digits++ - '0');
	return v;
}

/* RFC 3339, from 1970 on. */
static bool take_time(const json_t *v, int64_t *out)
{
	const char *t = json_string_value(v);
	int offset_s = 0;

	if (!t || strlen(t) != json_string_length(v) || !has_form(t, "0000-00-00T00:00:00"))
		return false;
	struct tm tm = { .tm_year = number(t, 4) - 1900, .tm_mon = number(t + 5, 2) - 1, .tm_mday = number(t + 8, 2),
			 .tm_hour = number(t + 11, 2), .tm_min = number(t + 14, 2), .tm_sec = number(t + 17, 2) };
	bool is_date = tm.tm_mon >= 0 && tm.tm_mon < 12 && tm.tm_mday >= 1 && tm.tm_mday <= 31 && tm.tm_hour < 24 && tm.tm_min < 60 && tm.tm_sec <= 60;
	t += 19;
	if (*t == '.') {
		size_t n = strspn(t + 1, "0123456789");
		t += n ? n + 1 : 0;
	}
	if ((*t == '+' || *t == '-') && has_form(t + 1, "00:00"))
		offset_s = (*t == '-' ? -60 : 60) * (number(t + 1, 2) * 60 + number(t + 4, 2));
	else if (*t != 'Z')
		return false;
	*out = (int64_t)timegm(&tm) - offset_s;
	return is_date && *out > 0 && t[*t == 'Z' ? 1 : 6] == '\0';
}

int acme_read_window(struct bytes json, struct acme_window *out)
{
	json_t *root = parse(json);
	const json_t *window = json_object_get(root, "suggestedWindow");
	bool is_good = take_time(json_object_get(window, "start"), &out->start_s) && take_time(json_object_get(window, "end"), &out->end_s) &&
		       out->start_s < out->end_s;

	take_shown(json_object_get(root, "explanationURL"), out->explanation, sizeof out->explanation);
	json_decref(root);
	return is_good ? 0 : ERR_SYNTAX;
}
