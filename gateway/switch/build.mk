PROGS += gh-switch
switch_SRCS := gateway/switch/policy.c gateway/switch/route.c gateway/switch/tap.c \
	gateway/switch/flight.c gateway/switch/elsewhere.c
gh-switch_SRCS := gateway/switch/main.c gateway/switch/trace.c $(switch_SRCS)
gh-switch_LIBS := run proto base
gh-switch_LD := -levent_core -lseccomp -lexpat -lidn2 -licuuc

UNIT += gateway/switch/switch_test
switch_test_SRCS := $(switch_SRCS)
switch_test_LIBS := run proto base
switch_test_LD := -levent_core -lexpat -lidn2 -licuuc
