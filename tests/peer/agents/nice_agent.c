#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agent.h>

/* An ICE agent made of libnice, for tests of the relay: gathers, exchanges its description over stdin and
 * stdout, and when it is connected the controlling one sends numbered messages that the other echoes.
 *
 *	gh-nice-agent SERVER PORT USER PASSWORD udp|tcp relay|any controlling|controlled MESSAGES
 *
 * Says: "description BASE64", "connected LOCAL-TYPE REMOTE-TYPE", "echoed N" (controlling only), "failed WHY". */

enum { COMPONENT = 1, MESSAGE_BYTES = 500, SEND_EVERY_MS = 5, TYPE_BYTES = 32, LIFE_S = 60 };

struct agent {
	NiceAgent *nice;
	GMainLoop *loop;
	guint stream;
	gboolean is_controlling;
	unsigned wanted, sent, echoed;
	gint64 last_ms;
};

static void say(const char *word, const char *rest)
{
	(void)printf("%s %s\n", word, rest); /* nobody reads: nobody waits */
	(void)fflush(stdout);
}

static const char *type_name(const NiceCandidate *c)
{
	static const char *const names[] = { "host", "srflx", "prflx", "relay" };

	return c && (unsigned)c->type < G_N_ELEMENTS(names) ? names[c->type] : "none";
}

static void on_gathered(NiceAgent *nice, guint stream, gpointer arg)
{
	gchar *text = nice_agent_generate_local_sdp(nice);
	gchar *line = g_base64_encode((const guchar *)text, strlen(text));

	(void)stream, (void)arg;
	say("description", line);
	g_free(line);
	g_free(text);
}

static gboolean on_line(GIOChannel *in, GIOCondition c, gpointer arg)
{
	struct agent *a = arg;
	gchar *line = NULL;
	gsize n;

	(void)c;
	if (g_io_channel_read_line(in, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL)
		return FALSE;
	guchar *text = g_base64_decode(line, &n);
	GString *zeroed = g_string_new_len((const gchar *)text, (gssize)n);
	if (nice_agent_parse_remote_sdp(a->nice, zeroed->str) < 0)
		say("failed", "description");
	g_string_free(zeroed, TRUE);
	g_free(text);
	g_free(line);
	return FALSE;
}

static gboolean on_tick(gpointer arg)
{
	struct agent *a = arg;
	gchar message[MESSAGE_BYTES] = { 0 };

	if (a->sent == a->wanted)
		return FALSE;
	(void)g_snprintf(message, sizeof message, "%u", a->sent);
	if (nice_agent_send(a->nice, a->stream, COMPONENT, sizeof message, message) == (gint)sizeof message)
		a->sent++;
	return TRUE;
}

static void on_state(NiceAgent *nice, guint stream, guint component, guint state, gpointer arg)
{
	struct agent *a = arg;
	NiceCandidate *local = NULL, *remote = NULL;
	gchar types[2 * TYPE_BYTES];

	if (state == NICE_COMPONENT_STATE_FAILED)
		say("failed", "no path");
	if (state != NICE_COMPONENT_STATE_READY || !nice_agent_get_selected_pair(nice, stream, component, &local, &remote))
		return;
	(void)g_snprintf(types, sizeof types, "%s %s", type_name(local), type_name(remote));
	say("connected", types);
	if (a->is_controlling)
		g_timeout_add(SEND_EVERY_MS, on_tick, a);
}

static void on_message(NiceAgent *nice, guint stream, guint component, guint n, gchar *message, gpointer arg)
{
	struct agent *a = arg;
	gchar text[16];

	if (!a->is_controlling) {
		(void)nice_agent_send(nice, stream, component, n, message); /* a lost echo shows in the count */
		return;
	}
	if (n == MESSAGE_BYTES && (unsigned)atoi(message) < a->wanted && ++a->echoed == a->wanted) {
		(void)g_snprintf(text, sizeof text, "%u", a->echoed);
		say("echoed", text);
	}
}

static gboolean on_end(gpointer arg)
{
	g_main_loop_quit(((struct agent *)arg)->loop);
	return FALSE;
}

int main(int argc, char **argv)
{
	struct agent a = { 0 };

	if (argc != 9)
		return 2;
	a.loop = g_main_loop_new(NULL, FALSE);
	a.nice = nice_agent_new(g_main_loop_get_context(a.loop), NICE_COMPATIBILITY_RFC5245);
	a.is_controlling = strcmp(argv[7], "controlling") == 0;
	a.wanted = (unsigned)atoi(argv[8]);
	g_object_set(a.nice, "controlling-mode", a.is_controlling, "stun-server", argv[1], "stun-server-port", (guint)atoi(argv[2]),
	             "force-relay", strcmp(argv[6], "relay") == 0, "upnp", FALSE, "ice-tcp", FALSE, NULL);
	g_signal_connect(a.nice, "candidate-gathering-done", G_CALLBACK(on_gathered), &a);
	g_signal_connect(a.nice, "component-state-changed", G_CALLBACK(on_state), &a);
	a.stream = nice_agent_add_stream(a.nice, 1);
	nice_agent_set_stream_name(a.nice, a.stream, "application");
	nice_agent_set_relay_info(a.nice, a.stream, COMPONENT, argv[1], (guint)atoi(argv[2]), argv[3], argv[4],
	                          strcmp(argv[5], "tcp") == 0 ? NICE_RELAY_TYPE_TURN_TCP : NICE_RELAY_TYPE_TURN_UDP);
	nice_agent_attach_recv(a.nice, a.stream, COMPONENT, g_main_loop_get_context(a.loop), on_message, &a);
	g_io_add_watch(g_io_channel_unix_new(0), G_IO_IN, on_line, &a);
	g_timeout_add_seconds(LIFE_S, on_end, &a);
	if (!nice_agent_gather_candidates(a.nice, a.stream))
		say("failed", "gathering");
	g_main_loop_run(a.loop);
	return 0;
}
