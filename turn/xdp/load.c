#include "load.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

struct xdp_kernel {
	struct bpf_object *obj;
	int prog, ports;
	struct xdp_link {
		unsigned ifindex; /* 0: free */
		int fd;
	} links[XDP_PORTS_MAX];
};

static const char *const map_names[] = {
	[FLOWMAP_WAYS] = "ways", [FLOWMAP_FLOWS] = "flows", [FLOWMAP_METERS] = "meters", [FLOWMAP_COUNTS] = "counts",
	[FLOWMAP_SENDS] = "sends",
};
static_assert(sizeof map_names / sizeof *map_names == FLOWMAP_COUNT, "a name for each map");

/* The program for it is of no use to anybody afterwards. */
static bool try(const struct xdp_kernel *k, struct bpf_program *probe)
{
	struct fastpath_maps m = { .cpus = xdp_kernel_cpus(), .first_slot = FLOWMAP_FLOWS_MAX - 1, .slots = 1 };
	bool is_right = !xdp_kernel_maps(k, m.fds) && xdp_probe(bpf_program__fd(probe), &m);

	bpf_program__unload(probe);
	return is_right;
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
	struct bpf_program *probe = bpf_object__find_program_by_name(k->obj, "turn_probe");
	k->ports = bpf_object__find_map_fd_by_name(k->obj, "ports");
	if (k->prog < 0 || !probe || k->ports < 0)
		return ERR_SYS;
	*why = "the self-test failed: packets of known flows did not come out as they should";
	return try(k, probe) ? 0 : ERR_SYS;
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
	for (unsigned i = 0; i < XDP_PORTS_MAX; i++)
		if (k->links[i].ifindex)
			(void)close(k->links[i].fd); /* detaches; nothing can be done if not */
	bpf_object__close(k->obj);
	free(k);
}

static struct xdp_link *link_of(struct xdp_kernel *k, unsigned ifindex)
{
	for (unsigned i = 0; i < XDP_PORTS_MAX; i++)
		if (k->links[i].ifindex == ifindex)
			return &k->links[i];
	return NULL;
}

static const char *reason(void)
{
	if (errno == ENODEV || errno == EINVAL)
		return "the interface is gone";
	return errno == EBUSY || errno == EEXIST ? "another XDP program is attached" : "the driver does not take XDP programs in this mode";
}

int xdp_kernel_attach(struct xdp_kernel *k, unsigned ifindex, unsigned how, const char **why)
{
	LIBBPF_OPTS(bpf_link_create_opts, o, .flags = how & XDP_PORT_GENERIC ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	struct xdp_link *l = link_of(k, 0);
	if (link_of(k, ifindex))
		return ERR_EXISTS;
	*why = "too many interfaces";
	if (!l)
		return ERR_FULL;
	int link = bpf_link_create(k->prog, (int)ifindex, BPF_XDP, &o);
	*why = link < 0 ? reason() : "the interface is gone";
	if (link < 0)
		return ERR_SYS;
	if (how & XDP_PORT_EXIT && bpf_map_update_elem(k->ports, &ifindex, &ifindex, BPF_ANY)) {
		(void)close(link); /* the result tells */
		return ERR_SYS;
	}
	*l = (struct xdp_link){ .ifindex = ifindex, .fd = link };
	return 0;
}

void xdp_kernel_detach(struct xdp_kernel *k, unsigned ifindex)
{
	struct xdp_link *l = ifindex ? link_of(k, ifindex) : NULL;

	if (!l)
		return;
	(void)bpf_map_delete_elem(k->ports, &ifindex); /* it may not have been an exit */
	(void)close(l->fd); /* detaches; nothing can be done if not */
	*l = (struct xdp_link){ 0 };
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

/* Possible ones, as in the kernel's per-CPU values. */
unsigned xdp_kernel_cpus(void)
{
	int n = libbpf_num_possible_cpus();

	return n > 0 ? (unsigned)n : 1;
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
