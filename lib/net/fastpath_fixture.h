/* net/fastpath_fixture.h - the worker's side and the kernel's program together, by BPF_PROG_RUN in a network of its
 * own, and frames for it. The checksums of what comes out are computed anew over the whole datagram. Needs CAP_BPF,
 * CAP_NET_ADMIN and CAP_SYS_ADMIN (the network namespace): without them a test fails. */
#ifndef NET_FASTPATH_FIXTURE_H
#define NET_FASTPATH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/libbpf.h>

#include "base/err.h"
#include "fastpath.h"

enum { ETH = 14, IP4 = 20, IP6 = 40, UDP = 8, CHANNEL = 0x4001, FRAME_MAX = 4096, MTU = 1500 };

struct bench {
	struct bpf_object *obj;
	int prog;
	struct fastpath *f;
	uint32_t id;
	struct fastpath_flow flow;
};
struct frame {
	uint8_t b[FRAME_MAX];
	size_t n;
};

int bench_load(void **state);
int bench_unload(void **state);
/* As gh-xdp hands them over: three slots. */
struct fastpath_maps bench_maps(const struct bench *t);
struct stunaddr bench_address(uint8_t family, unsigned host, uint16_t port);
/* Puts in a flow of CHANNEL; t->flow is it. */
void bench_begin(struct bench *t, uint8_t client_family, uint8_t peer_family);
unsigned bench_run(const struct bench *t, const struct frame *in, struct frame *out); /* XDP_... */

void put16(uint8_t *p, unsigned v);
unsigned get16(const uint8_t *p);
uint32_t udp_sum(const uint8_t *l3); /* of a datagram that is right 0xffff */
void payload_make(uint8_t *data, size_t n);
void frame_put(struct frame *f, const struct stunaddr *from, const struct stunaddr *to, struct bytes payload);
/* n bytes of payload_make, as ChannelData when channel is not 0. */
void frame_make(struct frame *f, const struct stunaddr *from, const struct stunaddr *to, unsigned channel, size_t n);

void assert_passed(const struct bench *t, const struct frame *in); /* to gh-turn, unchanged */
/* What came out, and as it should be before one hop. */
void assert_same(const struct frame *got, const struct frame *want);
void assert_forwarded(const struct bench *t, const struct frame *in, const struct stunaddr *from,
                      const struct stunaddr *to, unsigned channel, size_t n);

#endif
