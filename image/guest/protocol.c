#include "guest.h"

#include "run/version.h"

#include <string.h>

enum { RESYNC = 0xFF };

struct ask {
	struct guest *guest;
	const json_t *arguments; /* an object, or NULL */
	struct buf *out;
	json_t *result; /* NULL after a success: no answer */
	const char *class, *why; /* of an error; NULL: none */
};

static void wrong(struct ask *a, const char *class, const char *why)
{
	a->class = class;
	a->why = why;
}

static void do_ping(struct ask *a)
{
	a->result = json_object();
}

static void do_sync(struct ask *a)
{
	json_t *id = json_object_get(a->arguments, "id");

	if (!json_is_integer(id))
		wrong(a, "GenericError", "Parameter 'id' is missing");
	else
		a->result = json_incref(id);
}

static void do_sync_delimited(struct ask *a)
{
	do_sync(a);
	if (!a->class)
		buf_put_u8(a->out, RESYNC);
}

static void do_interfaces(struct ask *a)
{
	a->result = a->guest->machine->interfaces();
	if (!a->result)
		wrong(a, "GenericError", "the interfaces cannot be read");
}

/* No answer: the host sees that it has gone. */
static void do_shutdown(struct ask *a)
{
	json_t *mode = json_object_get(a->arguments, "mode");
	const char *word = mode ? json_string_value(mode) : "powerdown";

	if (word && strcmp(word, "reboot") == 0)
		a->guest->end = GUEST_REBOOT;
	else if (word && (strcmp(word, "powerdown") == 0 || strcmp(word, "halt") == 0))
		a->guest->end = GUEST_POWERDOWN;
	else
		wrong(a, "GenericError", "mode must be one of halt, powerdown, reboot");
}

static void do_info(struct ask *a);

static const struct {
	const char *name;
	void (*fn)(struct ask *a);
	bool has_answer;
} commands[] = {
	{ "guest-ping", do_ping, true },
	{ "guest-sync", do_sync, true },
	{ "guest-sync-delimited", do_sync_delimited, true },
	{ "guest-info", do_info, true },
	{ "guest-network-get-interfaces", do_interfaces, true },
	{ "guest-shutdown", do_shutdown, false },
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void do_info(struct ask *a)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < COMMANDS; i++)
		json_array_append_new(list, json_pack("{s:s, s:b, s:b}", "name", commands[i].name, "enabled", 1, "success-response",
		                                      commands[i].has_answer ? 1 : 0));
	a->result = json_pack("{s:s, s:o}", "version", "gatehouse " GATEHOUSE_VERSION, "supported_commands", list);
}

static void run(struct ask *a, const char *name)
{
	for (unsigned i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0) {
			commands[i].fn(a);
			return;
		}
	}
	wrong(a, "CommandNotFound", "no such command here");
}

/* With the request's id, when it has one (QMP 2.3). */
static void answer(struct ask *a, json_t *id)
{
	json_t *body = a->class ? json_pack("{s:{s:s, s:s}}", "error", "class", a->class, "desc", a->why) : json_pack("{s:O}", "return", a->result);

	if (body && id)
		json_object_set(body, "id", id);
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	if (text) {
		buf_put_str(a->out, text);
		buf_put_u8(a->out, '\n');
	}
	free(text);
	json_decref(body);
}

static void take_line(struct guest *g, struct bytes line, struct buf *out)
{
	struct ask a = { .guest = g, .out = out };
	json_t *all, *id = NULL;
	const char *name = NULL;

	while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
		line.n--;
	if (line.n == 0)
		return;
	all = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(all)) {
		name = json_string_value(json_object_get(all, "execute"));
		a.arguments = json_object_get(all, "arguments");
		id = json_object_get(all, "id");
	}
	if (!name || (a.arguments && !json_is_object(a.arguments)))
		wrong(&a, "GenericError", "not a request");
	else
		run(&a, name);
	if (a.class || a.result)
		answer(&a, id);
	json_decref(a.result);
	json_decref(all);
}

static void take_byte(struct guest *g, uint8_t byte, struct buf *out)
{
	if (byte == RESYNC) {
		guest_forget(g);
		return;
	}
	if (byte != '\n') {
		if (!g->is_skipping)
			buf_put_u8(&g->in, byte);
		g->is_skipping |= buf_failed(&g->in);
		return;
	}
	if (g->is_skipping) {
		struct ask a = { .guest = g, .out = out };
		wrong(&a, "GenericError", "a line is too long");
		answer(&a, NULL);
	} else {
		take_line(g, buf_bytes(&g->in), out);
	}
	guest_forget(g);
}

void guest_input(struct guest *g, struct bytes in, struct buf *out)
{
	for (size_t i = 0; i < in.n && g->end == GUEST_GOES_ON; i++)
		take_byte(g, in.p[i], out);
}

void guest_forget(struct guest *g)
{
	buf_clear(&g->in);
	g->is_skipping = false;
}

void guest_init(struct guest *g, const struct guest_machine *m)
{
	*g = (struct guest){ .machine = m };
	buf_init(&g->in, GUEST_LINE_MAX);
}

void guest_fini(struct guest *g)
{
	buf_fini(&g->in);
}
