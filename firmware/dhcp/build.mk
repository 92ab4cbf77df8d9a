dhcp_PURE := firmware/dhcp/message.c firmware/dhcp/client.c firmware/dhcp/message6.c firmware/dhcp/client6.c
PROGS += gh-dhcp
gh-dhcp_SRCS := firmware/dhcp/main.c firmware/dhcp/link.c $(dhcp_PURE)
gh-dhcp_LIBS := run base
gh-dhcp_LD := -levent_core -lseccomp

UNIT += firmware/dhcp/dhcp_test
dhcp_test_SRCS := $(dhcp_PURE)
dhcp_test_LIBS := base

UNIT += firmware/dhcp/dhcp6_test
dhcp6_test_SRCS := $(dhcp_PURE)
dhcp6_test_LIBS := base
