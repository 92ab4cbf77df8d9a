TOOLS += gh-load
gh-load_SRCS := tests/load/main.c tests/load/client.c tests/load/auth.c tests/load/meter.c
gh-load_LIBS := base
gh-load_LD := -lssl -lcrypto
