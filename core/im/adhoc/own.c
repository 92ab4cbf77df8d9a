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

/* What others get, and who is allowed. */
static void with_policy(struct im *im, struct adhoc_run *r)
{
	struct bytes args[2 + ADHOC_VALUES_MAX] = { r->by, r->values[0].v[0] };
	unsigned n = r->values[1].n;

	(void)im;
	for (unsigned i = 0; i < n; i++)
		args[2 + i] = r->values[1].v[i];
	if (r->at)
		adhoc_finish(r);
	else
		adhoc_call(r, args, 2 + n);
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

static const struct adhoc_column policy_columns[] = { { "default", "Others" }, { "allowed", "Allowed" }, { 0 } };
static const char *const policy_options[] = { "ask", "allow", "block", "unset", NULL };

#define NODE(name) NS_OWN "#" name
#define LABEL ADHOC_FIELD("label", "Application password", ADHOC_LINE)

const struct adhoc_command own_commands[] = {
	{ .node = NODE("change-password"), .name = "Change my password", .verb = "user passwd", .who = ADHOC_OWN_INSIDE, .step = with_password,
	  .fields = { ADHOC_FIELD("password", "New password", ADHOC_SECRET), ADHOC_FIELD("password-verify", "New password again", ADHOC_SECRET) } },
	{ .node = NODE("app-passwords"), .name = "My application passwords", .verb = "user app-password list", .who = ADHOC_OWN,
	  .step = with_nothing, .record = put_line, .columns = app_columns },
	{ .node = NODE("add-app-password"), .name = "Make an application password", .verb = "user app-password add", .who = ADHOC_OWN_INSIDE,
	  .step = with_value, .fields = { LABEL }, .record = put_fields, .columns = made_columns },
	{ .node = NODE("delete-app-password"), .name = "Delete an application password", .verb = "user app-password delete", .who = ADHOC_OWN,
	  .step = with_value, .fields = { LABEL } },
	{ .node = NODE("devices"), .name = "My devices that need no password", .verb = "user device list", .who = ADHOC_OWN,
	  .step = with_nothing, .record = put_line, .columns = device_columns },
	{ .node = NODE("forget-device"), .name = "Forget a device", .verb = "user device revoke", .who = ADHOC_OWN, .step = with_value,
	  .fields = { ADHOC_FIELD("device", "Device", ADHOC_LINE) } },
	{ .node = NODE("policy"), .name = "Who may see me", .verb = "user policy show", .who = ADHOC_OWN, .step = with_nothing, .record = put_line,
	  .columns = policy_columns },
	{ .node = NODE("set-policy"), .name = "Set who may see me", .verb = "user policy set", .who = ADHOC_OWN, .step = with_policy,
	  .fields = { { .var = "default", .label = "Others", .kind = ADHOC_CHOICE, .options = policy_options }, ADHOC_FIELD("allowed", "People and domains that may", ADHOC_WHOM) } },
};
const size_t own_n_commands = sizeof own_commands / sizeof own_commands[0];
