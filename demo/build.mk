PROGS += gatehouse
gatehouse_SRCS := demo/gatehouse.c demo/demo.c demo/company.c demo/zone.c demo/chat.c \
	demo/scram_client.c demo/ca.c demo/child.c demo/port.c
gatehouse_LIBS := proto base
gatehouse_LD := -ljansson -lssl -lcrypto -lexpat -lidn2 -licuuc
