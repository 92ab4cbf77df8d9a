update_SRCS := firmware/update/image_head.c firmware/update/slots.c firmware/update/install.c

UNIT += firmware/update/update_test
update_test_SRCS := $(update_SRCS) firmware/update/image_make.c
update_test_LIBS := base
update_test_LD := -lcrypto
