"""pe_end.py FILE: the address behind the last section of a PE program, with its image base."""
import struct
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
pe, = struct.unpack_from("<I", data, 0x3C)
count, = struct.unpack_from("<H", data, pe + 6)
optional, = struct.unpack_from("<H", data, pe + 20)
base, = struct.unpack_from("<Q", data, pe + 24 + 24)
ends = []
for i in range(count):
    size, address = struct.unpack_from("<II", data, pe + 24 + optional + 40 * i + 8)
    ends.append(base + address + size)
print(max(ends))
