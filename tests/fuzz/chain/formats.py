# SPDX-License-Identifier: Apache-2.0
"""The formats of a table's files, just enough to take one apart, tell a lie in it and put it together again: Avro containers, Parquet
footers (Thrift's compact protocol), Puffin files with deletion vectors. No bounds are checked: only good files are read."""

import json
import struct
import zlib

# ---- Avro. A decoded value keeps the shape of its schema: ("union", branch, value) for a union, lists and dicts else.


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        self.at += n
        return self.data[self.at - n : self.at]

    def varint(self):
        shift = value = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def blob(self):
        return self.take(self.zigzag())


def varint(value):
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value):
    return varint(value << 1 ^ value >> 63)


def blob(value):
    return zigzag(len(value)) + value


def avro_read(schema, r):
    if isinstance(schema, list):
        branch = r.zigzag()
        return ("union", branch, avro_read(schema[branch], r))
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, (dict, list)):
        return avro_read(kind, r)
    if kind == "record":
        return {f["name"]: avro_read(f["type"], r) for f in schema["fields"]}
    if kind in ("array", "map"):
        out = []
        while count := r.zigzag():
            if count < 0:
                count = -count
                r.zigzag()
            for _ in range(count):
                out.append(avro_read(schema["items"], r) if kind == "array" else (r.blob(), avro_read(schema["values"], r)))
        return out
    if kind == "fixed":
        return r.take(schema["size"])
    return {"null": lambda: None, "boolean": lambda: r.take(1), "int": r.zigzag, "long": r.zigzag, "float": lambda: r.take(4), "double": lambda: r.take(8),
            "bytes": r.blob, "string": r.blob}[kind]()  # fmt: skip


def avro_write(schema, v):
    """Values may lie: a union's branch that is not there writes the value by its own type, bytes go out as they are."""
    if isinstance(v, tuple) and v[0] == "union":
        known = isinstance(schema, list) and 0 <= v[1] < len(schema)
        return zigzag(v[1]) + (avro_write(schema[v[1]], v[2]) if known else avro_write(None, v[2]))
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, (dict, list)):
        return avro_write(kind, v)
    if isinstance(v, dict):
        types = {f["name"]: f["type"] for f in schema["fields"]}
        return b"".join(avro_write(types[name], each) for name, each in v.items())
    if isinstance(v, list):
        if not v:
            return b"\0"
        items = b"".join(blob(e[0]) + avro_write(schema["values"], e[1]) if kind == "map" else avro_write(schema["items"], e) for e in v)
        return zigzag(len(v)) + items + b"\0"
    if v is None:
        return b""
    if isinstance(v, int):
        return zigzag(v)
    return blob(v) if kind in ("bytes", "string") else v


class Avro:
    """A container: header, schema, decoded records."""

    def __init__(self, data):
        r = Reader(data, 4)
        self.header = {}
        while count := r.zigzag():
            for _ in range(count):
                key = r.blob()
                self.header[key] = r.blob()
        self.sync = r.take(16)
        self.schema = json.loads(self.header[b"avro.schema"])
        self.records = []
        self.codec = self.header.get(b"avro.codec", b"null")
        while r.at < len(data):
            count = r.zigzag()
            body = r.blob()
            if self.codec == b"deflate":
                body = zlib.decompress(body, -15)
            block = Reader(body)
            self.records += [avro_read(self.schema, block) for _ in range(count)]
            r.take(16)

    def bytes(self, count=None, size=None, body=None):
        """With lies about the only block's count and size, or its bytes."""
        header = dict(self.header)
        out = b"Obj\1" + zigzag(len(header)) + b"".join(blob(k) + blob(v) for k, v in header.items()) + b"\0" + self.sync
        if body is None:
            body = b"".join(avro_write(self.schema, record) for record in self.records)
            if self.codec == b"deflate":
                packer = zlib.compressobj(6, zlib.DEFLATED, -15)
                body = packer.compress(body) + packer.flush()
        return out + zigzag(len(self.records) if count is None else count) + zigzag(len(body) if size is None else size) + body + self.sync


# ---- Thrift's compact protocol, of Parquet's footers. A struct is a list of [id, type, value], a list (type, values).


def thrift_read(r, kind=12):
    if kind in (1, 2):
        return kind == 1
    if kind == 3:
        return r.take(1)[0]
    if kind in (4, 5, 6):
        return r.zigzag()
    if kind == 7:
        return r.take(8)
    if kind == 8:
        return r.take(r.varint())
    if kind in (9, 10):
        head = r.take(1)[0]
        n = head >> 4 if head >> 4 < 15 else r.varint()
        return (head & 15, [r.take(1)[0] == 1 if head & 15 in (1, 2) else thrift_read(r, head & 15) for _ in range(n)])
    fields, last = [], 0
    while head := r.take(1)[0]:
        last = last + (head >> 4) if head >> 4 else r.zigzag()
        fields.append([last, head & 15, thrift_read(r, head & 15)])
    return fields


def thrift_write(kind, v):
    if kind in (1, 2):
        return b""
    if kind == 3:
        return bytes([v & 255])
    if kind in (4, 5, 6):
        return zigzag(v)
    if kind == 7:
        return v
    if kind == 8:
        return varint(len(v)) + v
    if kind in (9, 10):
        of, items = v
        head = bytes([len(items) << 4 | of]) if len(items) < 15 else bytes([0xF0 | of]) + varint(len(items))
        return head + b"".join(bytes([1 if e else 2]) if of in (1, 2) else thrift_write(of, e) for e in items)
    out, last = b"", 0
    for at, of, value in v:
        of = (1 if value else 2) if of in (1, 2) else of
        out += bytes([(at - last) << 4 | of]) if 0 < at - last < 16 else bytes([of]) + zigzag(at)
        out += thrift_write(of, value)
        last = at
    return out + b"\0"


class Parquet:
    def __init__(self, data):
        size = struct.unpack("<I", data[-8:-4])[0]
        self.pages = data[: -8 - size]
        self.footer = thrift_read(Reader(data, len(data) - 8 - size))

    def bytes(self, size=None):
        footer = thrift_write(12, self.footer)
        return self.pages + footer + struct.pack("<I", len(footer) if size is None else size) + b"PAR1"

    def page_starts(self):
        """Offsets of the first pages of the column chunks."""
        for at, _, groups in self.footer:
            if at == 4:
                for group in groups[1]:
                    for chunk in next(v for i, _, v in group if i == 1)[1]:
                        for i, _, v in next((v for i, _, v in chunk if i == 3), []):
                            if i in (9, 11):
                                yield v


# ---- Puffin.


class Puffin:
    def __init__(self, data):
        size = struct.unpack("<I", data[-12:-8])[0]
        self.blobs = data[: -16 - size]
        self.footer = json.loads(data[-12 - size : -12])

    def bytes(self, size=None, flags=0, payload=None):
        payload = json.dumps(self.footer).encode() if payload is None else payload
        return self.blobs + b"PFA1" + payload + struct.pack("<II", len(payload) if size is None else size, flags) + b"PFA1"

    def vector(self, n=0):
        """Where a blob's roaring bitmap lies: after length and magic, before the checksum."""
        at, length = self.footer["blobs"][n]["offset"], self.footer["blobs"][n]["length"]
        return at + 8, at + length - 4

    def seal(self, n=0):
        """Gives a changed deletion vector the checksum that is its."""
        at, length = self.footer["blobs"][n]["offset"], self.footer["blobs"][n]["length"]
        crc = zlib.crc32(self.blobs[at + 4 : at + length - 4])
        self.blobs = self.blobs[: at + length - 4] + struct.pack(">I", crc) + self.blobs[at + length :]
