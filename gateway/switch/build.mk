switch_HUB := gateway/switch/hub.c gateway/switch/route.c gateway/switch/tap.c gateway/switch/flight.c

PROGS += gh-switch
gh-switch_SRCS := gateway/switch/main.c gateway/switch/trace.c $(switch_HUB)
gh-switch_LIBS := run proto base
gh-switch_LD := $(run_LD) $(proto_LD)

UNIT += gateway/switch/switch_route_test gateway/switch/switch_hub_test
switch_route_test_SRCS := gateway/switch/route.c
switch_route_test_LIBS := run proto base
switch_route_test_LD := $(proto_LD)
switch_hub_test_SRCS := $(switch_HUB)
switch_hub_test_LIBS := run proto base
switch_hub_test_LD := -levent_core $(proto_LD)
