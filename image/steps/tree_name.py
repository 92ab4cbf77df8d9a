"""tree_name.py TREE HEX: writes a hash tree's name (the UUID of its header, which is not hashed)."""
import sys

with open(sys.argv[1], "r+b") as file:
    assert file.read(8) == b"verity\0\0"
    file.seek(16)
    file.write(bytes.fromhex(sys.argv[2]))
