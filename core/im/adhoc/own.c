/* What people do for themselves: passwords and devices of their own, as rows over the commands of operators. */
#include "adhoc/adhoc_run.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/form.h"
#include "proto/xmpp.h"

/* ---- steps ---- */

static void with_nothing(struct im *im, struct adhoc_run *r)
{
	const struct bytes args[] = { r->by };

	(void)im;
	if (!r->at) {
		adhoc_call(r, args, 1);
		return;
	}
	if (!r->count && !r->n_failed)
		buf_put_str(&r->notes, "<note type='info'>There is none</note>");
	adhoc_finish(r);
}

static void with_value(struct im *im, struct adhoc_run *r)
{
	const struct bytes args[] = { r->by, r->values[0].v[0] };

	(void)im;
	if (r->at)
		adhoc_finish(r);
	else
		adhoc_call(r, args, 2);
}

static void with_password(struct im *im, struct adhoc_run *r)
{
	if (secret_eq(r->values[0].v[0], r->values[1].v[0])) {
		with_value(im, r);
		return;
	}
	adhoc_failed(r, r->by, ERR_RANGE, "the two passwords differ");
	adhoc_finish(r);
}

/* ---- answers ---- */

static void put_heads(struct adhoc_run *r)
{
	buf_put_str(&r->out, "<reported>");
	for (const struct adhoc_column *c = r->command->columns; c->key; c++)
		buf_putf(&r->out, "<field var='%s' type='text-single' label='%s'/>", c->key, c->label);
	buf_put_str(&r->out, "</reported>");
}

/* A line of a table (XEP-0004 3.4). */
static void put_line(struct adhoc_run *r, struct bytes fields, uint16_t n)
{
	if (!r->count++)
		put_heads(r);
	buf_put_str(&r->out, "<item>");
	for (const struct adhoc_column *c = r->command->columns; c->key; c++)
		form_put(&r->out, c->key, NULL, adhoc_record_value(fields, n, c->key));
	buf_put_str(&r->out, "</item>");
}

static void put_fields(struct adhoc_run *r, struct bytes fields, uint16_t n)
{
	for (const struct adhoc_column *c = r->command->columns; c->key; c++)
		form_put(&r->out, c->key, "text-single", adhoc_record_value(fields, n, c->key));
}

/* ---- the table ---- */

static const struct adhoc_column device_columns[] = {
	{ "device", "Device" }, { "name", "Program" }, { "app-password", "Application password" }, { "created", "Since" },
	{ "used", "Last used" }, { "address", "From" }, { "expires", "Until" }, { 0 }
};
static const struct adhoc_column app_columns[] = {
	{ "label", "Application password" }, { "created", "Since" }, { "used", "Last used" }, { "address", "From" }, { 0 }
};
static const struct adhoc_column made_columns[] = { { "label", "Application password" }, { "password", "Password, shown once" }, { 0 } };

#define NODE(name) NS_OWN "#" name
#define LABEL { "label", "Application password", ADHOC_LINE }

const struct adhoc_command own_commands[] = {
	{ .node = NODE("change-password"), .name = "Change my password", .verb = "user passwd", .who = ADHOC_OWN_INSIDE, .step = with_password,
	  .fields = { { "password", "New password", ADHOC_SECRET }, { "password-verify", "New password again", ADHOC_SECRET } } },
	{ .node = NODE("app-passwords"), .name = "My application passwords", .verb = "user app-password list", .who = ADHOC_OWN,
	  .step = with_nothing, .record = put_line, .columns = app_columns },
	{ .node = NODE("add-app-password"), .name = "Make an application password", .verb = "user app-password add", .who = ADHOC_OWN_INSIDE,
	  .step = with_value, .fields = { LABEL }, .record = put_fields, .columns = made_columns },
	{ .node = NODE("delete-app-password"), .name = "Delete an application password", .verb = "user app-password delete", .who = ADHOC_OWN,
	  .step = with_value, .fields = { LABEL } },
	{ .node = NODE("devices"), .name = "My devices that need no password", .verb = "user device list", .who = ADHOC_OWN,
	  .step = with_nothing, .record = put_line, .columns = device_columns },
	{ .node = NODE("forget-device"), .name = "Forget a device", .verb = "user device revoke", .who = ADHOC_OWN, .step = with_value,
	  .fields = { { "device", "Device", ADHOC_LINE } } },
};
const size_t own_n_commands = sizeof own_commands / sizeof own_commands[0];
