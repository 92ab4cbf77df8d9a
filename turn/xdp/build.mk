# The program for the kernel is built by clang whatever builds the rest.
BPF_OBJ := build/bpf/forward.bpf.o
$(BPF_OBJ): turn/xdp/forward.bpf.c lib/net/flowmap.h
	@mkdir -p $(@D)
	clang -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Ilib -I/usr/include/$(shell gcc -print-multiarch) -c $< -o $@

$(foreach test,fastpath_test fastpath_send_test load_test,build/release/test/$(test) build/asan/test/$(test)): | $(BPF_OBJ)

UNIT += turn/xdp/load_test
load_test_SRCS := turn/xdp/load.c turn/xdp/probe.c lib/net/fastpath.c lib/net/meters.c
load_test_LIBS := proto base
load_test_LD := -lbpf -lcrypto
$(O)/bin/turn_xdp: | $(BPF_OBJ)
PROGS += gh-xdp
xdp_KERNEL := turn/xdp/load.c turn/xdp/probe.c
gh-xdp_SRCS := turn/xdp/main.c turn/xdp/conf.c turn/xdp/ports.c turn/xdp/hand.c turn/xdp/netlink.c $(xdp_KERNEL)
gh-xdp_LIBS := net run proto base
gh-xdp_LD := -lbpf -levent_core -lseccomp -lcrypto
# Beside the programs, where gh-xdp looks for it.
$(O)/bin/turn-forward.bpf.o: $(BPF_OBJ)
	@mkdir -p $(@D)
	cp $< $@
$(O)/bin/gh-xdp: | $(O)/bin/turn-forward.bpf.o
TOOLS += turn_xdp
turn_xdp_SRCS := turn/xdp/turn_xdp.c turn/xdp/load.c turn/xdp/probe.c lib/net/fastpath.c lib/net/meters.c
turn_xdp_LIBS := proto base
turn_xdp_LD := -lbpf -lcrypto
