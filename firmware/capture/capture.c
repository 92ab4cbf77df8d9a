#include "capture.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PACKETS_A_TURN = 256, NAMES_TRIED = 100, WRITE_BYTES = 64 << 10, VLAN_AT = 12, VLAN_BYTES = 4, VLAN_TYPE = 0x8100 };
enum { OUT_MAX = 2 * (PACKET_BYTES_MAX + WRITE_BYTES), DIRECTION_IN = 1, DIRECTION_OUT = 2 };

/* ---- files ---- */

static int write_all(int fd, struct bytes b)
{
	while (b.n > 0) {
		ssize_t n = write(fd, b.p, b.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_IO;
		b = bytes_skip(b, (size_t)n);
	}
	return 0;
}

/* Whole blocks only: what cannot be written whole is cut off again. */
static void flush(struct capture *c)
{
	struct bytes b = buf_bytes(&c->out);

	if (b.n == 0 || c->file_fd < 0)
		return;
	if (buf_failed(&c->out) || files_disk_is_full(&c->all->files) || write_all(c->file_fd, b)) {
		(void)!ftruncate(c->file_fd, (off_t)c->file_bytes); /* then its end is torn, which readers tell */
		capture_stop(c, "the disk is nearly full");
	} else {
		c->file_bytes += b.n;
		c->bytes += b.n;
	}
	buf_clear(&c->out);
}

static uint64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The kernel forgets its figures when they are read. */
static void count_lost(struct capture *c)
{
	struct tpacket_stats stats;
	socklen_t n = sizeof stats;

	if (getsockopt(c->watch.fd, SOL_PACKET, PACKET_STATISTICS, &stats, &n) == 0)
		c->lost += stats.tp_drops;
}

static void close_file(struct capture *c)
{
	if (c->file_fd < 0)
		return;
	count_lost(c);
	flush(c);
	pcapng_put_end(&c->out, wall_ns(), c->packets + c->lost, c->lost);
	flush(c);
	if (fsync(c->file_fd) || close(c->file_fd) || fsync(c->all->files.dir_fd))
		log_warn("capture.file", LOG_STR("file", c->file), LOG_STR("why", "not surely on the disk"));
	c->file_fd = -1;
}

static int open_file(struct capture *c)
{
	const struct pcapng_interface head = {
		.name = bytes_of(c->interface), .filter = bytes_of(c->text), .hardware = BYTES("Gatehouse"),
		.link_type = c->link_type, .snap_length = c->limits.snap_length,
	};
	char *name = c->parts[c->part % c->limits.files];

	if (name[0])
		(void)files_delete(&c->all->files, bytes_of(name)); /* the operator may have deleted it */
	/* A name is taken when this program was started again within the second: its numbers begin anew. */
	do {
		files_name(name, c->interface, c->began_wall_ms, c->number, ++c->part);
		c->file_fd = files_create(&c->all->files, name);
	} while (c->file_fd == ERR_EXISTS && c->part < NAMES_TRIED);
	snprintf(c->file, sizeof c->file, "%s", name);
	c->file_bytes = 0;
	if (c->file_fd < 0)
		return ERR_IO;
	pcapng_put_head(&c->out, &head);
	return 0;
}

/* Room for a packet in this file, or in the next one of the ring. */
static bool has_room(struct capture *c, size_t n)
{
	uint64_t most = c->limits.bytes / c->limits.files;

	if (c->file_bytes + buf_len(&c->out) + pcapng_packet_bytes(n) <= most)
		return true;
	if (c->limits.files == 1) {
		capture_stop(c, "its megabytes are full");
		return false;
	}
	close_file(c);
	if (!c->why && open_file(c))
		capture_stop(c, "the next file cannot be made");
	return !c->why;
}

/* ---- packets ---- */

struct news {
	uint64_t time_ns;
	uint32_t length;
	uint16_t vlan_type, vlan;
	bool has_vlan;
};

static struct news news_of(struct msghdr *m, size_t n)
{
	struct news out = { .length = (uint32_t)n };
	struct tpacket_auxdata aux;
	struct timespec t;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS && c->cmsg_len >= CMSG_LEN(sizeof t)) {
			memcpy(&t, CMSG_DATA(c), sizeof t);
			out.time_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
		} else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA &&
		           c->cmsg_len >= CMSG_LEN(sizeof aux)) {
			memcpy(&aux, CMSG_DATA(c), sizeof aux);
			out.length = aux.tp_len;
			out.has_vlan = aux.tp_status & TP_STATUS_VLAN_VALID;
			out.vlan = aux.tp_vlan_tci;
			out.vlan_type = aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : VLAN_TYPE;
		}
	}
	return out;
}

/* The kernel has taken the tag out of the frame; in a file it stands where it was on the wire. */
static size_t put_vlan_back(uint8_t *p, size_t n, const struct news *news)
{
	uint8_t tag[VLAN_BYTES] = { (uint8_t)(news->vlan_type >> 8), (uint8_t)news->vlan_type, (uint8_t)(news->vlan >> 8),
				    (uint8_t)news->vlan };

	if (!news->has_vlan || n < VLAN_AT)
		return n;
	memmove(p + VLAN_AT + VLAN_BYTES, p + VLAN_AT, n - VLAN_AT);
	memcpy(p + VLAN_AT, tag, sizeof tag);
	return n + VLAN_BYTES;
}

static void take(struct capture *c, struct msghdr *m, size_t n)
{
	const struct sockaddr_ll *from = m->msg_name;
	bool is_out = m->msg_namelen >= sizeof *from && from->sll_pkttype == PACKET_OUTGOING;

	if (n > PACKET_BYTES_MAX)
		n = PACKET_BYTES_MAX;
	struct news news = news_of(m, n);
	if (c->is_loopback && is_out)
		return; /* it comes in again */
	size_t with_tag = put_vlan_back(c->all->packet, n, &news);
	const struct pcapng_packet p = {
		.time_ns = news.time_ns ? news.time_ns : wall_ns(),
		.length = news.length + (uint32_t)(with_tag - n),
		.direction = is_out ? DIRECTION_OUT : DIRECTION_IN,
		.captured = bytes_make(c->all->packet, with_tag),
	};
	if (!has_room(c, with_tag))
		return;
	pcapng_put_packet(&c->out, &p);
	c->packets++;
	if (c->limits.packets && c->packets >= c->limits.packets)
		capture_stop(c, "its packets are complete");
	else if (buf_len(&c->out) >= WRITE_BYTES)
		flush(c);
}

static void on_packets(void *arg, unsigned events)
{
	struct capture *c = arg;

	(void)events;
	for (unsigned i = 0; i < PACKETS_A_TURN && !c->why; i++) {
		struct sockaddr_ll from;
		_Alignas(struct cmsghdr) uint8_t control[256];
		struct iovec to = { c->all->packet, PACKET_BYTES_MAX };
		struct msghdr m = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &to, .msg_iovlen = 1,
				    .msg_control = control, .msg_controllen = sizeof control };
		ssize_t n = recvmsg(c->watch.fd, &m, MSG_DONTWAIT);
		if (n >= 0)
			take(c, &m, (size_t)n);
		else if (errno == ENETDOWN)
			capture_stop(c, "the interface went down");
		else if (errno != EINTR && errno != EAGAIN)
			capture_stop(c, "the interface is gone");
		else
			break;
	}
	flush(c); /* a person who looks meanwhile sees all */
}

/* ---- begin and end ---- */

static void on_time(void *arg)
{
	capture_stop(arg, "its time is over");
}

void capture_stop(struct capture *c, const char *why)
{
	if (c->why)
		return;
	c->why = why;
	loop_defer_call(c->all->loop, &c->sweep);
}

static void remember(struct capture *c)
{
	struct ended *e = &c->all->ended[c->all->n_ended++ % ENDED_MAX];

	*e = (struct ended){ .number = c->number, .packets = c->packets, .bytes = c->bytes, .lost = c->lost, .why = c->why };
	snprintf(e->interface, sizeof e->interface, "%s", c->interface);
	snprintf(e->file, sizeof e->file, "%s", c->file);
}

static void on_sweep(void *arg)
{
	struct capture *c = arg;
	struct proc_ask *ask = c->ask;
	char text[200];

	close_file(c);
	remember(c);
	log_info("capture.ended", LOG_INT("capture", c->number), LOG_STR("interface", c->interface), LOG_STR("file", c->file),
	         LOG_INT("packets", c->packets), LOG_INT("lost", c->lost), LOG_STR("why", c->why));
	snprintf(text, sizeof text, "%llu packets in %s: %s", (unsigned long long)c->packets, c->file, c->why);
	int fd = c->watch.fd;
	loop_watch_del(&c->watch);
	(void)close(fd); /* nothing more is wanted of it */
	loop_timer_del(c->all->loop, &c->end);
	buf_fini(&c->out);
	c->number = 0;
	if (ask)
		proc_done(ask, 0, text);
}

static int attach(int fd, struct bytes text, int dlt, uint32_t snap, char why[static FILTER_WHY_MAX])
{
	struct filter filter;
	int rc = filter_compile(text, dlt, snap, &filter, why);

	if (rc)
		return rc;
	struct sock_fprog program = { .len = filter.n, .filter = filter.code };
	rc = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ? ERR_SYS : 0;
	filter_fini(&filter);
	return rc;
}

static int kind_of(struct capture *c, int fd, int *dlt)
{
	struct sockaddr_ll self;
	socklen_t n = sizeof self;

	if (getsockname(fd, (struct sockaddr *)&self, &n) || n < offsetof(struct sockaddr_ll, sll_addr))
		return ERR_SYS;
	c->is_loopback = self.sll_hatype == ARPHRD_LOOPBACK;
	return filter_link_type(self.sll_hatype, dlt, &c->link_type);
}

static int start(struct capture *c, int fd, char why[static FILTER_WHY_MAX])
{
	int dlt, rc = kind_of(c, fd, &dlt);

	if (rc) {
		snprintf(why, FILTER_WHY_MAX, "this kind of interface cannot be captured");
		return rc;
	}
	rc = open_file(c);
	if (rc) {
		snprintf(why, FILTER_WHY_MAX, "its file cannot be made");
		return rc;
	}
	rc = attach(fd, bytes_of(c->text), dlt, c->limits.snap_length, why);
	if (!rc)
		rc = loop_watch_add(c->all->loop, &c->watch, fd, LOOP_READ, on_packets, c);
	if (!rc)
		rc = loop_timer_set(c->all->loop, &c->end, c->limits.seconds * 1000);
	if (rc) {
		loop_watch_del(&c->watch);
		(void)close(c->file_fd); /* empty */
		(void)files_delete(&c->all->files, bytes_of(c->file));
		return rc;
	}
	flush(c);
	return 0;
}

static struct capture *free_place(struct captures *a)
{
	for (unsigned i = 0; i < CAPTURES_MAX; i++)
		if (!a->v[i].number)
			return &a->v[i];
	return NULL;
}

/* What the captures under way may still write counts as written. */
static const char *no_room(struct captures *a, const struct limits *l)
{
	static struct files_item items[FILES_MAX];
	uint64_t taken = files_total(&a->files);

	for (unsigned i = 0; i < CAPTURES_MAX; i++)
		if (a->v[i].number && a->v[i].limits.bytes > a->v[i].bytes)
			taken += a->v[i].limits.bytes - a->v[i].bytes;
	if (files_list(&a->files, items) + LIMITS_FILES_MAX > FILES_MAX)
		return "too many files: delete some (capture delete)";
	if (taken + l->bytes > a->disk_bytes)
		return "no room below capture disk: delete files (capture delete), or ask for fewer megabytes";
	return files_disk_is_full(&a->files) ? "the disk is nearly full" : NULL;
}

void capture_begin(struct captures *a, const struct waiting_command *w, int fd)
{
	struct capture *c = free_place(a);
	const char *refused = c ? no_room(a, &w->limits) : "4 captures run already: stop one (capture stop)";
	char why[FILTER_WHY_MAX] = "", text[200];

	if (refused) {
		(void)close(fd); /* not wanted */
		proc_done(w->ask, ERR_FULL, refused);
		return;
	}
	*c = (struct capture){ .all = a, .ticket = w->ticket, .limits = w->limits, .file_fd = -1,
			       .began_ms = loop_now(a->loop), .began_wall_ms = loop_wall_ms(a->loop) };
	c->number = ++a->last_number;
	snprintf(c->interface, sizeof c->interface, "%s", w->interface);
	snprintf(c->text, sizeof c->text, "%s", w->text);
	buf_init(&c->out, OUT_MAX);
	loop_timer_init(&c->end, on_time, c);
	loop_defer_init(&c->sweep, on_sweep, c);
	int rc = start(c, fd, why);
	if (rc) {
		c->number = 0;
		buf_fini(&c->out);
		loop_timer_del(a->loop, &c->end);
		(void)close(fd);
		snprintf(text, sizeof text, "%s%s", rc == ERR_SYNTAX ? "filter: " : "", why[0] ? why : err_text(rc));
		proc_done(w->ask, rc, text);
		return;
	}
	log_info("capture.began", LOG_INT("capture", c->number), LOG_STR("interface", c->interface), LOG_STR("file", c->file),
	         LOG_INT("seconds", c->limits.seconds));
	if (w->is_foreground) {
		c->ask = w->ask;
		return;
	}
	snprintf(text, sizeof text, "capture %u runs for at most %llu s into %s", c->number,
	         (unsigned long long)c->limits.seconds, c->file);
	proc_done(w->ask, 0, text);
}
