TOOLS += gh-load gh-sipload
gh-load_SRCS := tests/load/main.c tests/load/run.c tests/load/run_login.c tests/load/run_pairs.c tests/load/run_room.c tests/load/run_storm.c tests/load/run_mam.c tests/load/client.c tests/load/auth.c tests/load/register.c tests/load/meter.c
gh-load_LIBS := base
gh-load_LD := -lssl -lcrypto
gh-sipload_SRCS := tests/load/sipload.c tests/load/sip_side.c tests/load/sip_wire.c tests/load/sip_text.c \
	tests/load/sip_subscribe.c tests/load/meter.c
gh-sipload_LIBS := net run proto base
gh-sipload_LD := -lssl -lcrypto -lcares -lresolv -levent_core -lseccomp $(proto_LD)
TOOLS += gh-turnload gh-turnbare
gh-turnload_SRCS := tests/load/turnload.c tests/load/turn_flow.c tests/load/turn_client.c tests/load/turn_wire.c tests/load/meter.c
gh-turnload_LIBS := proto base
gh-turnload_LD := $(proto_LD) -lssl -lcrypto -lm
gh-turnbare_SRCS := tests/load/turnbare.c
gh-turnbare_LIBS :=
TURNFRAMES_OBJ := build/bpf/turnframes.bpf.o
$(TURNFRAMES_OBJ): tests/load/turnframes.bpf.c tests/load/turnframes.h
	@mkdir -p $(@D)
	clang -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -I/usr/include/$(shell gcc -print-multiarch) -c $< -o $@
$(O)/bin/gh-turnframes: | $(TURNFRAMES_OBJ)
TOOLS += gh-turnframes
gh-turnframes_SRCS := tests/load/turnframes.c tests/load/meter.c
gh-turnframes_LIBS := base
gh-turnframes_LD := -lbpf
