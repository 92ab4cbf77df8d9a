/* Service administration (XEP-0133), as rows over the commands of operators. */
#include "adhoc/adhoc_run.h"

#include "base/err.h"
#include "base/text.h"
#include "proto/form.h"
#include "proto/xmpp.h"
#include "auth/directory.h"
#include "ask.h"

#include <stdio.h>

enum { LIST_BYTES = ADHOC_OUT_BYTES - (20 << 10) /* above the longest address, escaped, there is room for one more */ };

/* ---- people, one after the other ---- */

static void on_note(struct im *im, struct ask *a, struct wire *w)
{
	struct directory_note note;

	(void)im;
	a->number = !directory_note_read(wire_bytes(w), &note) && !note.is_gone;
}

static void on_noted(struct im *im, struct ask *a, int rc)
{
	struct adhoc_run *r = a->arg;

	(void)im;
	if (!rc && a->number)
		adhoc_failed(r, r->values[0].v[r->at++], ERR_DENIED, "this person is one of the directory: what it has is changed there");
	else if (rc && rc != ERR_NOT_FOUND)
		adhoc_failed(r, r->values[0].v[r->at++], rc, err_text(rc));
	else
		r->is_checked = true;
	adhoc_again(r);
}

static void check_directory(struct im *im, struct adhoc_run *r)
{
	struct buf *b = ask_begin(im, STORE_BLOB_GET);

	wire_put_str(b, r->values[0].v[r->at]);
	wire_put_str(b, BYTES(STORE_DIRECTORY_KEY));
	ask_send_free(im, on_note, on_noted, r, 0);
}

static void each_person(struct im *im, struct adhoc_run *r)
{
	if (r->at == r->values[0].n) {
		adhoc_finish(r);
	} else if (r->command->spares_directory && !r->is_checked) {
		check_directory(im, r);
	} else {
		const struct bytes args[] = { r->values[0].v[r->at] };
		adhoc_call(r, args, 1);
	}
}

/* accountjid, password, and perhaps the password again */
static void with_password(struct im *im, struct adhoc_run *r)
{
	const struct adhoc_values *v = r->values;
	const struct bytes args[] = { v[0].v[0], v[1].v[0] };

	(void)im;
	if (!r->at && v[2].n && !secret_eq(v[1].v[0], v[2].v[0])) {
		adhoc_failed(r, v[0].v[0], ERR_RANGE, "the two passwords differ");
		adhoc_finish(r);
	} else if (r->at) {
		adhoc_finish(r);
	} else {
		adhoc_call(r, args, 2);
	}
}

/* ---- the domain ---- */

static void put_count(struct adhoc_run *r)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)r->count);
	form_put(&r->out, r->command->result, "text-single", bytes_of(text));
}

static void count_people(struct im *im, struct adhoc_run *r)
{
	const struct bytes args[] = { r->domain };

	(void)im;
	if (!r->at) {
		adhoc_call(r, args, 1);
		return;
	}
	put_count(r);
	adhoc_finish(r);
}

static void list_people(struct im *im, struct adhoc_run *r)
{
	const struct bytes args[] = { r->domain };

	(void)im;
	if (!r->at) {
		buf_putf(&r->out, "<field var='%s' type='jid-multi'>", r->command->result);
		adhoc_call(r, args, 1);
		return;
	}
	buf_put_str(&r->out, "</field>");
	if (buf_len(&r->out) >= LIST_BYTES)
		buf_put_str(&r->notes, "<note type='info'>Not all fit into one answer</note>");
	adhoc_finish(r);
}

static void with_text(struct im *im, struct adhoc_run *r)
{
	const struct bytes args[] = { r->domain, r->values[0].n ? r->values[0].v[0] : BYTES_NONE };

	(void)im;
	if (r->at)
		adhoc_finish(r);
	else
		adhoc_call(r, args, r->values[0].n ? 2 : 1);
}

/* ---- records ---- */

/* A value of "!x" is anything else. */
static bool fits(const struct adhoc_run *r, struct bytes fields, uint16_t n)
{
	const struct adhoc_command *c = r->command;

	if (!c->key)
		return true;
	struct bytes v = adhoc_record_value(fields, n, c->key);
	return c->value[0] == '!' ? !bytes_eq_str(v, c->value + 1) : bytes_eq_str(v, c->value);
}

static void count_one(struct adhoc_run *r, struct bytes fields, uint16_t n)
{
	r->count += fits(r, fields, n);
}

static uint64_t most(const struct adhoc_run *r)
{
	uint64_t n = UINT64_MAX;

	if (r->values[0].n)
		(void)bytes_to_u64(r->values[0].v[0], UINT32_MAX, &n); /* "none", and what is no number: no limit but the answer's */
	return n;
}

static void list_one(struct adhoc_run *r, struct bytes fields, uint16_t n)
{
	if (fits(r, fields, n) && r->count++ < most(r) && buf_len(&r->out) < LIST_BYTES)
		form_put_value(&r->out, adhoc_record_value(fields, n, "user"));
}

static void put_person(struct adhoc_run *r)
{
	form_put(&r->out, "accountjids", "jid-multi", r->values[0].v[r->at]);
}

static void last_one(struct adhoc_run *r, struct bytes fields, uint16_t n)
{
	put_person(r);
	form_put(&r->out, "lastlogin", "text-single", adhoc_record_value(fields, n, "seen"));
}

static void stats_one(struct adhoc_run *r, struct bytes fields, uint16_t n)
{
	put_person(r);
	form_put(&r->out, "rostersize", "text-single", adhoc_record_value(fields, n, "contacts"));
	form_put(&r->out, "onlineresources", "text-single", adhoc_record_value(fields, n, "sessions"));
	form_put(&r->out, "lastlogin", "text-single", adhoc_record_value(fields, n, "seen"));
	form_put(&r->out, "account", "text-single", adhoc_record_value(fields, n, "account"));
	form_put(&r->out, "directory", "text-single", adhoc_record_value(fields, n, "directory"));
}

/* A roster stands beside the fields (4.8). */
static void contact_one(struct adhoc_run *r, struct bytes fields, uint16_t n)
{
	static const char *const attributes[] = { "contact", "name", "subscription" };
	struct bytes groups = adhoc_record_value(fields, n, "groups");

	buf_put_str(&r->out, "<item");
	for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
		struct bytes v = adhoc_record_value(fields, n, attributes[i]);
		if (v.n)
			xml_write_attr(&r->out, i ? attributes[i] : "jid", v);
	}
	buf_put_u8(&r->out, '>');
	while (groups.n) {
		size_t end = bytes_find(groups, '\n');
		struct bytes name = bytes_make(groups.p, end);
		groups = bytes_skip(groups, end + 1);
		buf_put_str(&r->out, "<group>");
		text_xml_escape(name, &r->out);
		buf_put_str(&r->out, "</group>");
	}
	buf_put_str(&r->out, "</item>");
}

static void roster(struct im *im, struct adhoc_run *r)
{
	if (r->values[0].n != 1) {
		adhoc_failed(r, r->domain, ERR_RANGE, "one contact list at a time");
		adhoc_finish(r);
		return;
	}
	if (!r->at) {
		put_person(r);
		buf_put_str(&r->out, "<query xmlns='" NS_ROSTER "'>");
	} else {
		buf_put_str(&r->out, "</query>");
	}
	each_person(im, r);
}

/* ---- the table ---- */

#define NODE(name) NS_ADMIN "#" name
#define PEOPLE ADHOC_FIELD("accountjids", "People", ADHOC_JIDS)
#define PERSON ADHOC_FIELD("accountjid", "Person", ADHOC_JID)
#define MOST ADHOC_FIELD("max_items", "Most people shown", ADHOC_MAX)

const struct adhoc_command admin_commands[] = {
	{ .node = NODE("add-user"), .name = "Add a user", .verb = "user add", .step = with_password,
	  .fields = { PERSON, ADHOC_FIELD("password", "Password", ADHOC_SECRET), ADHOC_FIELD("password-verify", "Password again", ADHOC_SECRET) } },
	{ .node = NODE("delete-user"), .name = "Delete users", .verb = "user delete", .step = each_person, .fields = { PEOPLE },
	  .spares_directory = true },
	{ .node = NODE("disable-user"), .name = "Disable users", .verb = "user disable", .step = each_person, .fields = { PEOPLE } },
	{ .node = NODE("reenable-user"), .name = "Enable users again", .verb = "user enable", .step = each_person, .fields = { PEOPLE } },
	{ .node = NODE("end-user-session"), .name = "End sessions of users", .verb = "session close", .step = each_person, .fields = { PEOPLE } },
	{ .node = NODE("change-user-password"), .name = "Change the password of a user", .verb = "user passwd", .step = with_password,
	  .fields = { PERSON, ADHOC_FIELD("password", "Password", ADHOC_SECRET) } },
	{ .node = NODE("get-user-roster"), .name = "Contact list of a user", .verb = "user roster", .step = roster, .fields = { PEOPLE },
	  .record = contact_one, .result = "roster" },
	{ .node = NODE("get-user-lastlogin"), .name = "When users were last here", .verb = "show user", .step = each_person,
	  .fields = { PEOPLE }, .record = last_one, .result = "lastlogin" },
	{ .node = NODE("user-stats"), .name = "Figures of users", .verb = "show user", .step = each_person, .fields = { PEOPLE },
	  .record = stats_one, .result = "rostersize" },
	{ .node = NODE("get-registered-users-num"), .name = "Number of users", .verb = "show users", .step = count_people,
	  .record = count_one, .result = "registeredusersnum" },
	{ .node = NODE("get-disabled-users-num"), .name = "Number of disabled users", .verb = "show users", .step = count_people,
	  .record = count_one, .result = "disabledusersnum", .key = "account", .value = "disabled" },
	{ .node = NODE("get-online-users-num"), .name = "Number of users online", .verb = "show users", .step = count_people,
	  .record = count_one, .result = "onlineusersnum", .key = "presence", .value = "!offline" },
	{ .node = NODE("get-active-users-num"), .name = "Number of active users", .verb = "show users", .step = count_people,
	  .record = count_one, .result = "activeusersnum", .key = "presence", .value = "active" },
	{ .node = NODE("get-idle-users-num"), .name = "Number of idle users", .verb = "show users", .step = count_people,
	  .record = count_one, .result = "idleusersnum", .key = "presence", .value = "idle" },
	{ .node = NODE("get-registered-users-list"), .name = "List of users", .verb = "show users", .step = list_people,
	  .fields = { MOST }, .record = list_one, .result = "registereduserjids" },
	{ .node = NODE("get-disabled-users-list"), .name = "List of disabled users", .verb = "show users", .step = list_people,
	  .fields = { MOST }, .record = list_one, .result = "disableduserjids", .key = "account", .value = "disabled" },
	{ .node = NODE("get-online-users-list"), .name = "List of users online", .verb = "show users", .step = list_people,
	  .fields = { MOST }, .record = list_one, .result = "onlineuserjids", .key = "presence", .value = "!offline" },
	{ .node = NODE("get-active-users"), .name = "List of active users", .verb = "show users", .step = list_people,
	  .fields = { MOST }, .record = list_one, .result = "activeuserjids", .key = "presence", .value = "active" },
	{ .node = NODE("get-idle-users"), .name = "List of idle users", .verb = "show users", .step = list_people,
	  .fields = { MOST }, .record = list_one, .result = "idleuserjids", .key = "presence", .value = "idle" },
	{ .node = NODE("announce"), .name = "Announcement to users online", .verb = "announce send", .step = with_text,
	  .fields = { ADHOC_FIELD("announcement", "Announcement", ADHOC_TEXT) } },
	{ .node = NODE("set-motd"), .name = "Set the message of the day", .verb = "announce motd set", .step = with_text,
	  .fields = { ADHOC_FIELD("motd", "Message of the day", ADHOC_TEXT) } },
	{ .node = NODE("edit-motd"), .name = "Edit the message of the day", .verb = "announce motd edit", .step = with_text,
	  .fields = { ADHOC_FIELD("motd", "Message of the day", ADHOC_TEXT) }, .is_text_known = true },
	{ .node = NODE("delete-motd"), .name = "Delete the message of the day", .verb = "announce motd delete", .step = with_text },
};
const size_t admin_n_commands = sizeof admin_commands / sizeof admin_commands[0];
