#include "library.h"

#include "box.h"

#include "base/text.h"
#include "engine.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSORS_MAX = 64, LINKS_MAX = 64, TEXT_MAX = 64 << 10, KIB = 1024, DISK_UNIT = 4096 };

struct processor {
	uint64_t busy, all; /* ticks at the last sample */
	unsigned load;      /* percent between the last two */
	bool is_there;
};

struct box {
	int dir_fd, stat_fd, meminfo_fd; /* -1: cannot be opened */
	struct nl_sock *links;           /* NULL: likewise */
	struct processor processors[PROCESSORS_MAX];
	char text[TEXT_MAX];
};

struct box *box_open(int dir_fd)
{
	struct box *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->dir_fd = dir_fd;
	b->stat_fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
	b->meminfo_fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	b->links = nl_socket_alloc();
	if (b->links && nl_connect(b->links, NETLINK_ROUTE) < 0) {
		nl_socket_free(b->links);
		b->links = NULL;
	}
	box_sample(b);
	return b;
}

void box_close(struct box *b)
{
	if (!b)
		return;
	if (b->links)
		nl_socket_free(b->links);
	if (b->stat_fd >= 0)
		(void)close(b->stat_fd); /* read only */
	if (b->meminfo_fd >= 0)
		(void)close(b->meminfo_fd); /* likewise */
	free(b);
}

/* The kernel writes such a file anew for each read from its start. */
static struct bytes read_text(struct box *b, int fd)
{
	ssize_t n = fd >= 0 ? pread(fd, b->text, sizeof b->text, 0) : 0;

	return bytes_make(b->text, n > 0 ? (size_t)n : 0);
}

void box_sample(struct box *b)
{
	struct bytes text = read_text(b, b->stat_fd);

	for (unsigned i = 0; i < PROCESSORS_MAX; i++) {
		struct processor *p = &b->processors[i];
		uint64_t busy, all;
		bool was_there = p->is_there;
		p->is_there = box_stat(text, i, &busy, &all);
		if (!p->is_there)
			continue;
		if (was_there && all > p->all && busy >= p->busy)
			p->load = (unsigned)((busy - p->busy) * 100 / (all - p->all));
		p->busy = busy;
		p->all = all;
	}
}

/* ---- interfaces ---- */

static uint64_t speed_of(const struct mib *m, const char *device)
{
	for (size_t i = 0; i < m->n_speeds; i++)
		if (strcmp(m->speeds[i].device, device) == 0)
			return m->speeds[i].mbit_s;
	return 0;
}

/* IANAifType */
static unsigned type_of(unsigned arp)
{
	return arp == ARPHRD_ETHER ? 6 : arp == ARPHRD_LOOPBACK ? 24 : arp == ARPHRD_TUNNEL || arp == ARPHRD_SIT ? 131 : 1;
}

static uint64_t stat_of(struct rtnl_link *l, rtnl_link_stat_id_t id)
{
	return rtnl_link_get_stat(l, id);
}

/* Packets that were for us alone. */
static uint64_t unicast_of(struct rtnl_link *l)
{
	uint64_t all = stat_of(l, RTNL_LINK_RX_PACKETS), multicast = stat_of(l, RTNL_LINK_MULTICAST);

	return all > multicast ? all - multicast : 0;
}

struct link_number {
	uint32_t arc;
	enum value_type type;
	uint64_t v;
};

static void put_numbers(struct mib *m, uint32_t *path, size_t n_path, uint32_t index, const struct link_number *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		path[n_path - 1] = v[i].arc;
		mib_put_number(m->view, path, n_path, v[i].type, v[i].v, &index, 1);
	}
}

static bool is_running(struct rtnl_link *l)
{
	unsigned state = rtnl_link_get_operstate(l);

	return state == IF_OPER_UP || (state == IF_OPER_UNKNOWN && rtnl_link_get_flags(l) & IFF_UP);
}

/* ifTable */
static void put_link(struct mib *m, struct rtnl_link *l, const char *name, uint64_t mbit_s)
{
	uint32_t path[] = { 1, 3, 6, 1, 2, 1, 2, 2, 1, 0 };
	const uint32_t index = (uint32_t)rtnl_link_get_ifindex(l);
	struct nl_addr *mac = rtnl_link_get_addr(l);
	const struct link_number numbers[] = {
		{ 1, VALUE_INTEGER, index },
		{ 3, VALUE_INTEGER, type_of(rtnl_link_get_arptype(l)) },
		{ 4, VALUE_INTEGER, rtnl_link_get_mtu(l) },
		{ 5, VALUE_GAUGE32, mbit_s * 1000000 },
		{ 7, VALUE_INTEGER, rtnl_link_get_flags(l) & IFF_UP ? 1 : 2 },
		{ 8, VALUE_INTEGER, is_running(l) ? 1 : 2 },
		{ 9, VALUE_TICKS, 0 },
		{ 10, VALUE_COUNTER32, stat_of(l, RTNL_LINK_RX_BYTES) },
		{ 11, VALUE_COUNTER32, unicast_of(l) },
		{ 13, VALUE_COUNTER32, stat_of(l, RTNL_LINK_RX_DROPPED) },
		{ 14, VALUE_COUNTER32, stat_of(l, RTNL_LINK_RX_ERRORS) },
		{ 15, VALUE_COUNTER32, 0 },
		{ 16, VALUE_COUNTER32, stat_of(l, RTNL_LINK_TX_BYTES) },
		{ 17, VALUE_COUNTER32, stat_of(l, RTNL_LINK_TX_PACKETS) },
		{ 19, VALUE_COUNTER32, stat_of(l, RTNL_LINK_TX_DROPPED) },
		{ 20, VALUE_COUNTER32, stat_of(l, RTNL_LINK_TX_ERRORS) },
	};

	path[9] = 2;
	mib_put_text(m->view, path, 10, bytes_of(name), &index, 1);
	path[9] = 6;
	mib_put_text(m->view, path, 10, mac ? bytes_make(nl_addr_get_binary_addr(mac), nl_addr_get_len(mac)) : BYTES_NONE, &index, 1);
	put_numbers(m, path, 10, index, numbers, sizeof numbers / sizeof numbers[0]);
}

/* ifXTable. ifLinkUpDownTrapEnable (14) is disabled: an interface that is missing is an alarm. */
static void put_link_more(struct mib *m, struct rtnl_link *l, const char *name, uint64_t mbit_s)
{
	uint32_t path[] = { 1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 0 };
	const uint32_t index = (uint32_t)rtnl_link_get_ifindex(l);
	const char *alias = rtnl_link_get_ifalias(l);
	const struct link_number numbers[] = {
		{ 6, VALUE_COUNTER64, stat_of(l, RTNL_LINK_RX_BYTES) },
		{ 7, VALUE_COUNTER64, unicast_of(l) },
		{ 8, VALUE_COUNTER64, stat_of(l, RTNL_LINK_MULTICAST) },
		{ 10, VALUE_COUNTER64, stat_of(l, RTNL_LINK_TX_BYTES) },
		{ 11, VALUE_COUNTER64, stat_of(l, RTNL_LINK_TX_PACKETS) },
		{ 14, VALUE_INTEGER, 2 },
		{ 15, VALUE_GAUGE32, mbit_s },
		{ 16, VALUE_INTEGER, rtnl_link_get_flags(l) & IFF_PROMISC ? 1 : 2 },
		{ 17, VALUE_INTEGER, rtnl_link_get_arptype(l) == ARPHRD_ETHER ? 1 : 2 },
	};

	path[10] = 1;
	mib_put_text(m->view, path, 11, bytes_of(name), &index, 1);
	path[10] = 18;
	mib_put_text(m->view, path, 11, bytes_of(alias ? alias : ""), &index, 1);
	put_numbers(m, path, 11, index, numbers, sizeof numbers / sizeof numbers[0]);
}

static void put_links(struct box *b, struct mib *m)
{
	static const uint32_t number[] = { 1, 3, 6, 1, 2, 1, 2, 1 };
	struct nl_cache *c = NULL;
	uint32_t n = 0;

	if (!b->links || rtnl_link_alloc_cache(b->links, AF_UNSPEC, &c) < 0)
		return;
	for (struct nl_object *o = nl_cache_get_first(c); o && n < LINKS_MAX; o = nl_cache_get_next(o), n++) {
		struct rtnl_link *l = (struct rtnl_link *)o;
		const char *name = rtnl_link_get_name(l) ? rtnl_link_get_name(l) : "";
		put_link(m, l, name, speed_of(m, name));
		put_link_more(m, l, name, speed_of(m, name));
	}
	nl_cache_free(c);
	mib_put_number(m->view, number, 8, VALUE_INTEGER, n, NULL, 0);
}

/* ---- the host ---- */

static void put_storage(struct mib *m, uint32_t index, uint32_t type, const char *text, uint64_t unit, uint64_t size, uint64_t used)
{
	uint32_t path[] = { 1, 3, 6, 1, 2, 1, 25, 2, 3, 1, 0 };
	const uint32_t kind[] = { 1, 3, 6, 1, 2, 1, 25, 2, 1, type };
	uint32_t row[12];
	const struct value id = { .type = VALUE_NAME, .octets = bytes_make(kind, sizeof kind) };
	const uint64_t numbers[] = { [1] = index, [4] = unit, [5] = size, [6] = used };
	static const uint8_t places[] = { 1, 4, 5, 6 };

	for (size_t i = 0; i < sizeof places; i++) {
		path[10] = places[i];
		mib_put_number(m->view, path, 11, VALUE_INTEGER, numbers[places[i]], &index, 1);
	}
	path[10] = 3;
	mib_put_text(m->view, path, 11, bytes_of(text), &index, 1);
	memcpy(row, path, sizeof path);
	row[10] = 2;
	row[11] = index;
	view_put(m->view, row, 12, 11, &id);
}

/* Units so large that sizes fit into 31 bits. */
static uint64_t unit_of(uint64_t bytes)
{
	uint64_t unit = DISK_UNIT;

	while (bytes / unit > INT32_MAX)
		unit *= 2;
	return unit;
}

/* ghDisk 10 */
static void put_own_disk(struct mib *m, uint64_t all, uint64_t left)
{
	uint32_t path[MIB_ROOT_N + 3];
	const uint64_t v[] = { all >> 20, left >> 20, all ? left * 100 / all : 0 };

	memcpy(path, mib_root, sizeof mib_root);
	path[MIB_ROOT_N] = 1;
	path[MIB_ROOT_N + 1] = 10;
	for (uint32_t i = 0; i < 3; i++) {
		path[MIB_ROOT_N + 2] = i + 1;
		mib_put_number(m->view, path, MIB_ROOT_N + 3, VALUE_GAUGE32, v[i], NULL, 0);
	}
}

static void put_disk(struct box *b, struct mib *m)
{
	struct statfs fs;

	if (fstatfs(b->dir_fd, &fs) < 0 || fs.f_bsize <= 0)
		return;
	uint64_t all = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize, left = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	uint64_t used = all - (uint64_t)fs.f_bfree * (uint64_t)fs.f_bsize, unit = unit_of(all);
	put_storage(m, 3, 4, "Disk of the box", unit, all / unit, used / unit);
	put_own_disk(m, all, left);
}

static void put_memory(struct box *b, struct mib *m)
{
	static const uint32_t size[] = { 1, 3, 6, 1, 2, 1, 25, 2, 2 };
	struct bytes text = read_text(b, b->meminfo_fd);
	uint64_t all = box_meminfo(text, "MemTotal"), left = box_meminfo(text, "MemAvailable"), swap = box_meminfo(text, "SwapTotal");

	mib_put_number(m->view, size, 9, VALUE_INTEGER, all < INT32_MAX ? all : INT32_MAX, NULL, 0);
	put_storage(m, 1, 2, "Memory", unit_of(all * KIB), all * KIB / unit_of(all * KIB), (all - left) * KIB / unit_of(all * KIB));
	if (swap)
		put_storage(m, 2, 3, "Swap", unit_of(swap * KIB), swap * KIB / unit_of(swap * KIB),
		            (swap - box_meminfo(text, "SwapFree")) * KIB / unit_of(swap * KIB));
}

static void put_processors(struct box *b, struct mib *m)
{
	static const uint32_t kind[] = { 1, 3, 6, 1, 2, 1, 25, 3, 1, 3 }, none[] = { 0, 0 }; /* hrDeviceProcessor; zeroDotZero */
	uint32_t device[] = { 1, 3, 6, 1, 2, 1, 25, 3, 2, 1, 0, 0 }, load[] = { 1, 3, 6, 1, 2, 1, 25, 3, 3, 1, 0, 0 };
	const struct value type = { .type = VALUE_NAME, .octets = bytes_make(kind, sizeof kind) };
	const struct value no_id = { .type = VALUE_NAME, .octets = bytes_make(none, sizeof none) };

	for (unsigned i = 0; i < PROCESSORS_MAX; i++) {
		const uint32_t index = i + 1;
		if (!b->processors[i].is_there)
			continue;
		device[11] = load[11] = index;
		device[10] = 1;
		mib_put_number(m->view, device, 11, VALUE_INTEGER, index, &index, 1);
		device[10] = 2;
		view_put(m->view, device, 12, 11, &type);
		device[10] = 3;
		mib_put_text(m->view, device, 11, BYTES("Processor"), &index, 1);
		device[10] = 4;
		view_put(m->view, device, 12, 11, &no_id);
		device[10] = 5; /* running */
		mib_put_number(m->view, device, 11, VALUE_INTEGER, 2, &index, 1);
		device[10] = 6;
		mib_put_number(m->view, device, 11, VALUE_COUNTER32, 0, &index, 1);
		load[10] = 1;
		view_put(m->view, load, 12, 11, &no_id);
		load[10] = 2;
		mib_put_number(m->view, load, 11, VALUE_INTEGER, b->processors[i].load, &index, 1);
	}
}

static void put_host(struct box *b, struct mib *m, uint64_t wall_ms)
{
	uint32_t path[] = { 1, 3, 6, 1, 2, 1, 25, 1, 0 };
	struct timespec up = { 0 };
	uint8_t date[11];

	(void)clock_gettime(CLOCK_BOOTTIME, &up); /* a clock that exists */
	path[8] = 1;
	mib_put_number(m->view, path, 9, VALUE_TICKS, (uint64_t)up.tv_sec * 100 + (uint64_t)up.tv_nsec / 10000000, NULL, 0);
	mib_time(wall_ms, date);
	memcpy(date + 8, (const uint8_t[]){ '+', 0, 0 }, 3); /* UTC */
	path[8] = 2;
	mib_put_text(m->view, path, 9, bytes_make(date, sizeof date), NULL, 0);
	path[8] = 6;
	mib_put_number(m->view, path, 9, VALUE_GAUGE32, m->n_processes, NULL, 0);
	put_memory(b, m);
	put_disk(b, m);
	put_processors(b, m);
}

/* ---- the engine ---- */

/* Counters of the library whose numbers follow each other, as the arcs of a group. */
static void put_counters(struct mib *m, const uint32_t *group, size_t n, uint32_t arcs, int first, uint32_t without)
{
	uint32_t path[16];

	memcpy(path, group, n * sizeof *path);
	for (uint32_t i = 1; i <= arcs; i++) {
		path[n] = i;
		if (!(without >> i & 1))
			mib_put_number(m->view, path, n + 1, VALUE_COUNTER32, snmp_get_statistic(first + (int)i - 1), NULL, 0);
	}
}

static void put_engine(struct mib *m)
{
	static const uint32_t snmp[] = { 1, 3, 6, 1, 2, 1, 11 }, mpd[] = { 1, 3, 6, 1, 6, 3, 11, 2, 1 }, usm[] = { 1, 3, 6, 1, 6, 3, 15, 1, 1 };
	uint32_t engine[] = { 1, 3, 6, 1, 6, 3, 10, 2, 1, 0 }, trap[] = { 1, 3, 6, 1, 2, 1, 11, 30 };
	/* Of group snmp, RFC 3418 keeps 1, 3 to 6, 31 and 32. */
	const uint32_t obsolete = 1 << 2;

	put_counters(m, snmp, 7, 6, STAT_SNMPINPKTS, obsolete);
	mib_put_number(m->view, trap, 8, VALUE_INTEGER, 2, NULL, 0); /* snmpEnableAuthenTraps: disabled */
	for (trap[7] = 31; trap[7] <= 32; trap[7]++)
		mib_put_number(m->view, trap, 8, VALUE_COUNTER32, 0, NULL, 0);
	put_counters(m, mpd, 9, 3, STAT_MPD_STATS_START, 0);
	put_counters(m, usm, 9, 6, STAT_USM_STATS_START, 0);
	engine[9] = 1;
	mib_put_text(m->view, engine, 10, engine_id(), NULL, 0);
	engine[9] = 2;
	mib_put_number(m->view, engine, 10, VALUE_INTEGER, engine_boots(), NULL, 0);
	engine[9] = 3;
	mib_put_number(m->view, engine, 10, VALUE_INTEGER, snmpv3_local_snmpEngineTime(), NULL, 0);
	engine[9] = 4;
	mib_put_number(m->view, engine, 10, VALUE_INTEGER, 8192, NULL, 0);
}

void box_put(struct box *b, struct mib *m, uint64_t wall_ms)
{
	put_links(b, m);
	put_host(b, m, wall_ms);
	put_engine(m);
}
