#include "load.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

struct xdp_kernel {
	struct bpf_object *obj;
	int prog, ports;
	unsigned n_links;
	int links[XDP_PORTS_MAX];
};

static const char *const map_names[] = {
	[FLOWMAP_WAYS] = "ways", [FLOWMAP_FLOWS] = "flows", [FLOWMAP_METERS] = "meters", [FLOWMAP_COUNTS] = "counts",
};
static_assert(sizeof map_names / sizeof *map_names == FLOWMAP_COUNT, "a name for each map");

static bool passes_unknown(int prog)
{
	uint8_t in[64] = { [12] = 0x08, [14] = 0x45, [17] = 50, [22] = 64, [23] = 17, [39] = 30 }, out[sizeof in];
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = in, .data_size_in = sizeof in, .data_out = out,
		    .data_size_out = sizeof out, .repeat = 1);
	return !bpf_prog_test_run_opts(prog, &o) && o.retval == XDP_PASS && o.data_size_out == sizeof in &&
	       !memcmp(in, out, sizeof in);
}

static int load(struct xdp_kernel *k, const char *object, const char **why)
{
	*why = "the object cannot be read";
	k->obj = bpf_object__open_file(object, NULL);
	if (!k->obj)
		return ERR_SYS;
	*why = "the kernel does not take the program";
	if (bpf_object__load(k->obj))
		return ERR_SYS;
	*why = "the program is another version";
	k->prog = bpf_program__fd(bpf_object__find_program_by_name(k->obj, "turn_forward"));
	k->ports = bpf_object__find_map_fd_by_name(k->obj, "ports");
	if (k->prog < 0 || k->ports < 0)
		return ERR_SYS;
	*why = "the self-test failed";
	return passes_unknown(k->prog) ? 0 : ERR_SYS;
}

int xdp_kernel_open(const char *object, struct xdp_kernel **out, const char **why)
{
	struct xdp_kernel *k = calloc(1, sizeof *k);
	*why = "out of memory";
	if (!k)
		return ERR_NOMEM;
	int rc = load(k, object, why);
	if (rc)
		xdp_kernel_close(k);
	else
		*out = k;
	return rc;
}

void xdp_kernel_close(struct xdp_kernel *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < k->n_links; i++)
		(void)close(k->links[i]); /* detaches; nothing can be done if not */
	bpf_object__close(k->obj);
	free(k);
}

int xdp_kernel_attach(struct xdp_kernel *k, unsigned ifindex, unsigned how, const char **why)
{
	LIBBPF_OPTS(bpf_link_create_opts, o, .flags = how & XDP_PORT_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	*why = "too many interfaces";
	if (k->n_links == XDP_PORTS_MAX)
		return ERR_FULL;
	*why = "the driver does not take XDP programs";
	int link = bpf_link_create(k->prog, (int)ifindex, BPF_XDP, &o);
	if (link < 0)
		return ERR_SYS;
	*why = "the interface is gone";
	if (how & XDP_PORT_EXIT && bpf_map_update_elem(k->ports, &ifindex, &ifindex, BPF_ANY)) {
		(void)close(link); /* the result tells */
		return ERR_SYS;
	}
	k->links[k->n_links++] = link;
	return 0;
}

static int write_one(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_SYS;
	int rc = write(fd, "1", 1) == 1 ? 0 : ERR_SYS;
	return close(fd) ? ERR_SYS : rc;
}

int xdp_kernel_routes(void)
{
	int rc = write_one("/proc/sys/net/ipv4/conf/lo/forwarding");
	return rc ? rc : write_one("/proc/sys/net/ipv6/conf/lo/forwarding");
}

int xdp_kernel_prog(const struct xdp_kernel *k)
{
	return k->prog;
}

int xdp_kernel_maps(const struct xdp_kernel *k, int fds[static FLOWMAP_COUNT])
{
	for (int i = 0; i < FLOWMAP_COUNT; i++) {
		int fd = bpf_object__find_map_fd_by_name(k->obj, map_names[i]);
		fds[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (fds[i] >= 0)
			continue;
		while (i-- > 0)
			(void)close(fds[i]); /* only just made */
		return ERR_SYS;
	}
	return 0;
}
