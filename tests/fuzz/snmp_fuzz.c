/* A datagram at gh-snmp's door, from where a community may come: our first look, net-snmp's library, the answer. It answers, or is
 * silent; in any case it goes on, and nothing of a request stays behind. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "door.h"
#include "engine.h"
#include "mib.h"

static struct {
	struct loop *loop;
	struct door *door;
	struct view view;
	struct settings *settings;
	int client;
} w;

static const struct view *view_now(void *arg)
{
	static unsigned n;

	(void)arg;
	return ++n % 8 ? &w.view : NULL; /* now and then it has to wait */
}

static int open_udp(struct sockaddr_in *at)
{
	socklen_t n = sizeof *at;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof *at) < 0 || getsockname(fd, (struct sockaddr *)at, &n) < 0)
		abort();
	return fd;
}

static void fill(void)
{
	static const struct mib_alarm a = { .number = 3, .severity = 1, .name = "DnsUnreachable", .key = "k", .program = "gh-s2s", .text = "t" };
	static const struct mib_pair counter[] = { { { (const uint8_t *)"program", 7 }, { (const uint8_t *)"gh-im", 5 } },
						   { { (const uint8_t *)"instance", 8 }, { (const uint8_t *)"0", 1 } },
						   { { (const uint8_t *)"counter", 7 }, { (const uint8_t *)"im.messages", 11 } },
						   { { (const uint8_t *)"value", 5 }, { (const uint8_t *)"77", 2 } } };
	const struct mib_system s = { BYTES("name"), BYTES(""), BYTES("place"), 0 };
	static struct mib m;

	view_init(&w.view);
	mib_begin(&m, &w.view, false);
	mib_system(&m, &s);
	mib_alarm(&m, &a);
	mib_record(&m, MIB_COUNTERS, counter, 4);
	mib_end(&m);
	view_seal(&w.view);
}

static void begin(void)
{
	static const char text[] = "snmp user ops auth-secret = authentic words\nsnmp user ops privacy-secret = private words\n"
				   "snmp community c name = public\nsnmp community c source = 127.0.0.1/32\n";
	static const struct door_hooks hooks = { .view = view_now };
	char folder[] = "/tmp/snmp-fuzz-XXXXXX";
	struct sockaddr_in server, client;
	unsigned line;

	log_open("gh-snmp", 0, LOG_LEVEL_ERROR);
	int dir = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	w.loop = loop_new(LOOP_FAKE);
	if (dir < 0 || !w.loop || settings_parse(BYTES(text), &w.settings, &line) < 0 || engine_start(dir) < 0 || engine_apply(w.settings, NULL) < 0)
		abort();
	(void)unlinkat(dir, "engine", 0);
	(void)unlinkat(dir, "boots", 0);
	(void)close(dir);
	(void)rmdir(folder);
	w.door = door_new(w.loop, &hooks, NULL);
	if (!w.door)
		abort();
	door_apply(w.door, w.settings);
	int fd = open_udp(&server);
	w.client = open_udp(&client);
	if (connect(w.client, (struct sockaddr *)&server, sizeof server) < 0)
		abort();
	door_listener(w.door, "127.0.0.1", ntohs(server.sin_port), fd);
	fill();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char answer[16384];

	if (!w.loop)
		begin();
	if (size > 60000 || send(w.client, data, size, 0) < 0)
		return 0;
	loop_fake_advance(w.loop, 1000);
	door_release(w.door, &w.view);
	for (ssize_t n; (n = recv(w.client, answer, sizeof answer, 0)) >= 0;)
		if (n > DOOR_DATAGRAM_MAX)
			abort(); /* larger than any answer may be */
	return 0;
}
