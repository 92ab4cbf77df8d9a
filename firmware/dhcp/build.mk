dhcp_PURE := firmware/dhcp/message.c firmware/dhcp/client.c
PROGS += gh-dhcp
gh-dhcp_SRCS := firmware/dhcp/main.c $(dhcp_PURE)
gh-dhcp_LIBS := run base
gh-dhcp_LD := -levent_core -lseccomp

UNIT += firmware/dhcp/dhcp_test
dhcp_test_SRCS := $(dhcp_PURE)
dhcp_test_LIBS := base
