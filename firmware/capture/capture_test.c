#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if_arp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "files.h"
#include "filter.h"
#include "limits.h"
#include "pcapng.h"

/* ---- limits ---- */

static void limits_stand_before_the_filter(void **state)
{
	struct bytes text = BYTES("seconds=5 packets=10 megabytes=2 files=3 snap=96 tcp[13]=2 and len=60");
	struct limits l;
	char why[LIMITS_WHY_MAX];

	(void)state;
	assert_int_equal(limits_read(&text, &l, why), 0);
	assert_int_equal(l.seconds, 5);
	assert_int_equal(l.packets, 10);
	assert_int_equal(l.bytes, 2 << 20);
	assert_int_equal(l.files, 3);
	assert_int_equal(l.snap_length, 96);
	assert_true(bytes_eq_str(text, "tcp[13]=2 and len=60"));
}

static void a_capture_always_ends(void **state)
{
	struct bytes text = BYTES_NONE;
	struct limits l;
	char why[LIMITS_WHY_MAX];

	(void)state;
	assert_int_equal(limits_read(&text, &l, why), 0);
	assert_in_range(l.seconds, 1, LIMITS_SECONDS_MAX);
	assert_in_range(l.bytes, 1, (uint64_t)LIMITS_MEGABYTES_MAX << 20);
	assert_int_equal(l.files, 1);
}

static void limits_out_of_range_are_named(void **state)
{
	static const char *const bad[] = { "seconds=0", "seconds=86401", "seconds=", "seconds=1x", "megabytes=4097", "files=0",
		                           "files=17", "snap=63", "snap=262145", "packets=0", "packets=-1",
		                           "seconds=99999999999999999999" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct bytes text = bytes_of(bad[i]);
		struct limits l = { .seconds = 7 };
		char why[LIMITS_WHY_MAX] = "";
		assert_int_equal(limits_read(&text, &l, why), ERR_RANGE);
		assert_int_equal(l.seconds, 7);
		assert_memory_equal(why, bad[i], strcspn(bad[i], "="));
		assert_true(bytes_eq_str(text, bad[i]));
	}
}

/* ---- filter ---- */

/* Does the program take this packet? */
static bool takes(const char *text, const uint8_t *packet, size_t n)
{
	struct filter f;
	char why[FILTER_WHY_MAX];

	assert_int_equal(filter_compile(bytes_of(text), DLT_EN10MB, 65535, &f, why), 0);
	bool is_taken = bpf_filter((const struct bpf_insn *)f.code, packet, (unsigned)n, (unsigned)n) > 0;
	filter_fini(&f);
	return is_taken;
}

/* Ethernet, IPv4 10.0.0.1 to 10.0.0.2, UDP 1000 to 53. */
static const uint8_t dns[] = {
	2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
	3, 0xe8, 0, 53, 0, 8, 0, 0,
};

static void filters_take_what_they_say(void **state)
{
	(void)state;
	assert_true(takes("", dns, sizeof dns));
	assert_true(takes("udp port 53 and host 10.0.0.1", dns, sizeof dns));
	assert_true(takes("ether[12:2] = 0x800 and not (tcp or icmp)", dns, sizeof dns));
	assert_false(takes("tcp", dns, sizeof dns));
	assert_false(takes("net 10.1.0.0/16", dns, sizeof dns));
}

static void filters_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "port", "((((", "host 10.0.0.1 and", "port 99999", "no such thing here", "\x01",
		                           "host \xff", "portrange 5-" };
	char why[FILTER_WHY_MAX], long_text[FILTER_TEXT_MAX + 2];
	struct filter f = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(filter_compile(bytes_of(bad[i]), DLT_EN10MB, 65535, &f, why), ERR_SYNTAX);
		assert_null(f.code);
	}
	memset(long_text, ' ', sizeof long_text);
	assert_int_equal(filter_compile(bytes_make(long_text, FILTER_TEXT_MAX + 1), DLT_EN10MB, 65535, &f, why), ERR_LIMIT);
}

static void interfaces_have_link_types(void **state)
{
	int dlt = -1;
	uint16_t link_type = 0;

	(void)state;
	assert_int_equal(filter_link_type(ARPHRD_ETHER, &dlt, &link_type), 0);
	assert_int_equal(link_type, 1);
	assert_int_equal(filter_link_type(ARPHRD_PPP, &dlt, &link_type), 0);
	assert_int_equal(link_type, 101);
	assert_int_equal(filter_link_type(ARPHRD_INFINIBAND, &dlt, &link_type), ERR_UNSUPPORTED);
}

/* ---- pcapng ---- */

static uint32_t u32_at(struct bytes b, size_t at)
{
	uint32_t v;

	assert_true(at + 4 <= b.n);
	memcpy(&v, b.p + at, 4);
	return v;
}

static void blocks_are_framed_twice(void **state)
{
	const struct pcapng_interface head = { BYTES("eth0"), BYTES("udp port 53"), BYTES("Gatehouse"), 1, 65535 };
	static const uint32_t types[] = { 0x0a0d0d0a, 1, 6, 6, 5 };
	struct buf b;
	size_t at = 0, before;

	(void)state;
	buf_init(&b, 1 << 20);
	pcapng_put_head(&b, &head);
	before = buf_len(&b);
	pcapng_put_packet(&b, &(struct pcapng_packet){ 5000000001, 60, 1, { dns, sizeof dns } });
	assert_int_equal(buf_len(&b) - before, pcapng_packet_bytes(sizeof dns));
	pcapng_put_packet(&b, &(struct pcapng_packet){ 5000000002, 60, 2, { dns, 41 } });
	pcapng_put_end(&b, 5000000003, 2, 0);
	for (unsigned i = 0; i < 5; i++) {
		struct bytes all = buf_bytes(&b);
		assert_int_equal(u32_at(all, at), types[i]);
		uint32_t n = u32_at(all, at + 4);
		assert_int_equal(n % 4, 0);
		assert_int_equal(u32_at(all, at + n - 4), n);
		at += n;
	}
	assert_int_equal(at, buf_len(&b));
	buf_fini(&b);
}

/* The other side's reader agrees. */
static void libpcap_reads_what_we_write(void **state)
{
	const struct pcapng_interface head = { BYTES("eth0"), BYTES("udp"), BYTES("Gatehouse"), 1, 65535 };
	char path[] = "/tmp/capture-test-XXXXXX", why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const u_char *data;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	pcapng_put_head(&b, &head);
	pcapng_put_packet(&b, &(struct pcapng_packet){ 5000000001, 60, 1, { dns, sizeof dns } });
	pcapng_put_end(&b, 5000000003, 1, 0);
	int fd = mkstemp(path);
	assert_int_equal(write(fd, buf_bytes(&b).p, buf_len(&b)), buf_len(&b));
	close(fd);
	pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	assert_non_null(p);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	assert_int_equal(pcap_next_ex(p, &h, &data), 1);
	assert_int_equal(h->caplen, sizeof dns);
	assert_int_equal(h->len, 60);
	assert_int_equal(h->ts.tv_sec, 5);
	assert_int_equal(h->ts.tv_usec, 1);
	assert_memory_equal(data, dns, sizeof dns);
	assert_int_equal(pcap_next_ex(p, &h, &data), PCAP_ERROR_BREAK);
	pcap_close(p);
	unlink(path);
	buf_fini(&b);
}

/* ---- files ---- */

struct folder {
	char path[32];
	struct files files;
};

static int setup(void **state)
{
	struct folder *f = calloc(1, sizeof *f);

	snprintf(f->path, sizeof f->path, "/tmp/capture-files-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->files.dir_fd = open(f->path, O_RDONLY | O_DIRECTORY);
	*state = f;
	return f->files.dir_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	static struct files_item items[FILES_MAX];
	struct folder *f = *state;
	size_t n = files_list(&f->files, items);

	for (size_t i = 0; i < n; i++)
		(void)files_delete(&f->files, bytes_of(items[i].name));
	unlinkat(f->files.dir_fd, "other", 0);
	close(f->files.dir_fd);
	rmdir(f->path);
	free(f);
	return 0;
}

static void put_file(const struct folder *f, const char *name, size_t n)
{
	int fd = files_create(&f->files, name);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)n), 0);
	close(fd);
}

static void files_are_listed_read_and_deleted(void **state)
{
	static struct files_item items[FILES_MAX];
	static uint8_t part[FILES_PART_BYTES];
	struct folder *f = *state;
	char name[FILES_NAME_BYTES], second[FILES_NAME_BYTES];

	files_name(name, "eth0", 0, 7, 1);
	assert_string_equal(name, "eth0-19700101T000000Z-7-1.pcapng");
	put_file(f, name, FILES_PART_BYTES + 10);
	assert_int_equal(files_create(&f->files, name), ERR_EXISTS);
	files_name(second, "../x", 0, 8, 1);
	assert_true(files_is_name(bytes_of(second)));
	put_file(f, second, 5);
	assert_int_equal(files_list(&f->files, items), 2);
	assert_int_equal(files_total(&f->files), FILES_PART_BYTES + 15);
	assert_int_equal(files_read(&f->files, bytes_of(name), 0, part), FILES_PART_BYTES);
	assert_int_equal(files_read(&f->files, bytes_of(name), FILES_PART_BYTES, part), 10);
	assert_int_equal(files_read(&f->files, bytes_of(name), FILES_PART_BYTES + 10, part), 0);
	assert_int_equal(files_delete(&f->files, bytes_of(name)), 0);
	assert_int_equal(files_delete(&f->files, bytes_of(name)), ERR_NOT_FOUND);
	assert_int_equal(files_list(&f->files, items), 1);
}

static void other_files_are_out_of_reach(void **state)
{
	static const char *const bad[] = { "../etc/passwd.pcapng", "/etc/x.pcapng", ".x.pcapng", "other", ".pcapng", "",
		                           "a b.pcapng", "x.pcapng/", "x\n.pcapng" };
	static uint8_t part[FILES_PART_BYTES];
	static struct files_item items[FILES_MAX];
	struct folder *f = *state;

	close(openat(f->files.dir_fd, "other", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(symlinkat("other", f->files.dir_fd, "link.pcapng"), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(files_delete(&f->files, bytes_of(bad[i])), ERR_NOT_FOUND);
		assert_int_equal(files_read(&f->files, bytes_of(bad[i]), 0, part), ERR_NOT_FOUND);
	}
	assert_int_equal(files_read(&f->files, BYTES("link.pcapng"), 0, part), ERR_NOT_FOUND);
	assert_int_equal(files_list(&f->files, items), 0);
	assert_int_equal(unlinkat(f->files.dir_fd, "link.pcapng", 0), 0);
}

static void old_files_go(void **state)
{
	static struct files_item items[FILES_MAX];
	struct folder *f = *state;
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	put_file(f, "a.pcapng", 1);
	put_file(f, "b.pcapng", 1);
	assert_int_equal(utimensat(f->files.dir_fd, "a.pcapng", old, 0), 0);
	files_expire(&f->files, 1000 + 86400 + 1, 86400);
	assert_int_equal(files_list(&f->files, items), 1);
	assert_string_equal(items[0].name, "b.pcapng");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_stand_before_the_filter),
		cmocka_unit_test(a_capture_always_ends),
		cmocka_unit_test(limits_out_of_range_are_named),
		cmocka_unit_test(filters_take_what_they_say),
		cmocka_unit_test(filters_that_are_none_are_refused),
		cmocka_unit_test(interfaces_have_link_types),
		cmocka_unit_test(blocks_are_framed_twice),
		cmocka_unit_test(libpcap_reads_what_we_write),
		cmocka_unit_test_setup_teardown(files_are_listed_read_and_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(other_files_are_out_of_reach, setup, teardown),
		cmocka_unit_test_setup_teardown(old_files_go, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
