#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "xdp.h"

/* gh-xdp. What the kernel refuses is said once, and the relay does without. */

enum { RESCAN_MS = 500, PATH_BYTES = 4096 };
static const char object_name[] = "turn-forward.bpf.o"; /* installed beside the programs */

/* ---- before the fence ---- */

static int object_path(char path[static PATH_BYTES])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_BYTES - sizeof object_name);

	if (n <= 0 || n == PATH_BYTES - (ssize_t)sizeof object_name)
		return ERR_SYS;
	path[n] = 0;
	char *slash = strrchr(path, '/');
	memcpy(slash ? slash + 1 : path, object_name, sizeof object_name);
	return 0;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level, (void)format, (void)args;
	return 0;
}

static int open_kernel(struct xdp *x)
{
	char path[PATH_BYTES];

	x->load_why = "where the program lies is not known";
	if (object_path(path))
		return ERR_SYS;
	libbpf_set_print(quiet); /* one line of ours says it */
	int rc = xdp_kernel_open(path, &x->kernel, &x->load_why);
	if (rc)
		return rc;
	x->load_why = "the box's routes cannot be asked: net.ipv4.conf.lo.forwarding, net.ipv6.conf.lo.forwarding";
	rc = xdp_kernel_routes();
	if (rc)
		return rc;
	x->load_why = "the maps have no descriptors";
	return xdp_kernel_maps(x->kernel, x->fds);
}

static void on_news(void *arg, unsigned events);
static void on_rescan(void *arg);

static int prepare(struct proc *p, void **program)
{
	struct xdp *x = calloc(1, sizeof *x);

	if (!x)
		return ERR_NOMEM;
	x->proc = p;
	loop_timer_init(&x->rescan, on_rescan, x);
	errno = 0;
	int rc = open_kernel(x);
	if (!rc && (rc = netlink_open(&x->netlink)))
		x->load_why = "the kernel's interfaces cannot be asked";
	if (rc) {
		x->load_errno = errno;
		xdp_kernel_close(x->kernel);
		x->kernel = NULL;
	}
	*program = x;
	return 0;
}

/* ---- what the settings say ---- */

static const char *advice(int error)
{
	if (error == EPERM || error == EACCES)
		return "run gh-super as root, with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON";
	if (error == ENOENT)
		return "install turn-forward.bpf.o beside gh-xdp";
	return "use a kernel with BPF and XDP, Linux 6.1 or newer, or set turn fast-path off";
}

static void say_off(struct xdp *x, const char *step, const char *why, const char *what)
{
	if (strcmp(x->why, why) != 0)
		log_warn("turn.kernel.off", LOG_STR("step", step), LOG_STR("why", why), LOG_STR("do", what));
	hand_back(x, why);
}

/* Ranges do not meet, and a power of two divides the slots without a rest. */
static uint32_t slots_of(uint32_t workers)
{
	uint32_t slots = FLOWMAP_FLOWS_MAX;

	for (uint32_t n = 1; n < workers; n *= 2)
		slots /= 2;
	return slots;
}

static void settle(struct xdp *x)
{
	if (!x->kernel) {
		say_off(x, "load", x->load_why, advice(x->load_errno));
		return;
	}
	if (x->conf.mode == XDP_OFF) {
		hand_back(x, "turn fast-path is off");
		ports_release(x);
		return;
	}
	if (ports_settle(x) > 0)
		hand_out(x, slots_of(x->conf.workers));
	else if (x->n_ports > 0)
		say_off(x, "attach", x->ports[0].why, "see turn.kernel.not_attached; use a network card with native XDP");
	else
		say_off(x, "interfaces", "no interface carries a UDP listener or relay address of its own",
		        "set turn listen-udp and turn relay-address to addresses of this box, not to all of them");
}

static void on_rescan(void *arg)
{
	settle(arg);
}

/* Many come at once. */
static void on_news(void *arg, unsigned events)
{
	struct xdp *x = arg;

	(void)events;
	netlink_drain(&x->netlink);
	if (!loop_timer_is_set(&x->rescan))
		(void)loop_timer_set(proc_loop(x->proc), &x->rescan, RESCAN_MS); /* without memory the next news may */
}

static int init(void *program)
{
	struct xdp *x = program;

	return x->kernel ? loop_watch_add(proc_loop(x->proc), &x->news, x->netlink.news, LOOP_READ, on_news, x) : 0;
}

static void apply(void *program, const struct settings *s)
{
	struct xdp *x = program;
	enum xdp_mode before = x->conf.mode;

	log_set_level((enum log_level)settings_enum(s, SET_LOG_LEVEL));
	xdp_conf_read(&x->conf, s);
	if (x->kernel && x->conf.mode != before)
		ports_release(x); /* the other mode is another link */
	settle(x);
}

static void up(void *program, struct chan *c)
{
	hand_up(program, c);
}

static void down(void *program, struct chan *c)
{
	hand_down(program, c);
}

int main(int argc, char **argv)
{
	const struct proc_def def = {
		.prog = PROG_XDP, .backend = LOOP_POLL,
		.prepare = prepare, .init = init, .apply = apply, .up = up, .down = down,
	};
	return proc_main(argc, argv, &def);
}
