# SPDX-License-Identifier: Apache-2.0
"""libfirn through ctypes: what the tests with Python need of include/firn.h. Streams go to and from pyarrow. The library is the first
argument of the program that imports this."""

import ctypes
import json
import sys
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_int32, c_int64, c_size_t, c_uint64, c_void_p

import pyarrow as pa

firn = ctypes.CDLL(sys.argv[1])


# The structs of include/firn.h.
class Sized(Structure):
    def __init__(self, **fields):
        super().__init__(**fields)
        self.size = ctypes.sizeof(self)


class Error(Sized):
    _fields_ = [("size", c_size_t), ("code", c_int32), ("reserved", c_int32), ("message", c_char * 512), ("hint", c_char * 256)]


class Open(Sized):
    _fields_ = [("size", c_size_t), ("must_exist", c_int32), ("threads", c_int32), ("memory_limit", c_uint64), ("catalog", c_char_p),
                ("warehouse", c_char_p), ("reserved", c_void_p * 4)]


class Scan(Sized):
    _fields_ = [("size", c_size_t), ("table", c_char_p), ("ref", c_char_p), ("columns", POINTER(c_char_p)), ("columns_n", c_size_t),
                ("filter", c_char_p), ("limit", c_int64), ("snapshot_id", c_int64), ("table_ref", c_char_p), ("timestamp_ms", c_int64),
                ("incremental", c_int32), ("reserved1", c_int32), ("after_snapshot", c_int64), ("to_snapshot", c_int64),
                ("cancel", c_void_p), ("reserved", c_void_p * 4)]


class Write(Sized):
    _fields_ = [("size", c_size_t), ("table", c_char_p), ("branch", c_char_p), ("summary", c_void_p), ("summary_n", c_size_t),
                ("cancel", c_void_p), ("deletes", c_int32), ("reserved1", c_int32), ("key_ids", c_void_p), ("key_ids_n", c_size_t),
                ("reserved", c_void_p * 1)]


class Written(Sized):
    _fields_ = [("size", c_size_t), ("snapshot_id", c_int64), ("rows", c_int64), ("commit", c_char * 65), ("reserved", c_char * 63)]


class Create(Sized):
    _fields_ = [("size", c_size_t), ("table", c_char_p), ("ref", c_char_p), ("schema", c_void_p), ("schema_json", c_char_p),
                ("partition_by", c_char_p), ("properties", c_void_p), ("properties_n", c_size_t), ("reserved", c_void_p * 4)]


class Sql(Sized):
    _fields_ = [("size", c_size_t), ("text", c_char_p), ("ref", c_char_p), ("params", c_void_p), ("params_n", c_size_t),
                ("local_files", c_int32), ("reserved1", c_int32), ("cancel", c_void_p), ("reserved", c_void_p * 4)]


class Change(Structure):
    _fields_ = [("kind", c_int32), ("reserved", c_int32), ("name", c_char_p), ("type", c_char_p), ("text", c_char_p)]


class Move(Sized):
    _fields_ = [("size", c_size_t), ("table", c_char_p), ("ref", c_char_p), ("branch", c_char_p), ("kind", c_int32), ("dry_run", c_int32),
                ("snapshot_id", c_int64), ("timestamp_ms", c_int64), ("to", c_char_p), ("wap_id", c_char_p), ("reserved", c_void_p * 4)]


class ArrowStream(Structure):
    _fields_ = [("get_schema", c_void_p), ("get_next", c_void_p), ("get_last_error", c_void_p), ("release", c_void_p), ("private", c_void_p)]


class ArrowSchema(Structure):
    _fields_ = [("format", c_void_p), ("name", c_void_p), ("metadata", c_void_p), ("flags", c_int64), ("n_children", c_int64),
                ("children", c_void_p), ("dictionary", c_void_p), ("release", c_void_p), ("private", c_void_p)]


class Failed(Exception):
    pass


def call(function, *args):
    e = Error()
    code = getattr(firn, function)(*args, byref(e))
    if code:
        raise Failed(f"{code}: {e.message.decode()}")


firn.firn_table_metadata_file.restype = c_char_p
firn.firn_table_metadata_file.argtypes = [c_void_p]
firn.firn_table_snapshot_id.restype = c_int64
firn.firn_table_snapshot_id.argtypes = [c_void_p]
firn.firn_table_free.argtypes = [c_void_p]
firn.firn_close.argtypes = [c_void_p]
firn.firn_free.argtypes = [c_void_p]
firn.firn_plan_close.argtypes = [c_void_p]
firn.firn_version.restype = c_char_p


class Lake:
    def __init__(self, path, function="firn_open"):
        self.handle = c_void_p()
        call(function, path.encode(), byref(Open(threads=2, memory_limit=1 << 30)), byref(self.handle))

    def close(self):
        firn.firn_close(self.handle)

    def reader(self, **options):
        stream = ArrowStream()
        o = Scan(**{k: v.encode() if isinstance(v, str) else v for k, v in options.items()})
        call("firn_scan", self.handle, byref(o), byref(stream))
        return pa.RecordBatchReader._import_from_c(ctypes.addressof(stream))

    def scan(self, **options):
        return self.reader(**options).read_all()

    def sql(self, text, ref=None):
        stream = ArrowStream()
        call("firn_sql", self.handle, byref(Sql(text=text.encode(), ref=ref and ref.encode())), byref(stream), None)
        return pa.RecordBatchReader._import_from_c(ctypes.addressof(stream)).read_all() if stream.release else None

    def write(self, function, table, data, *more, branch=None):
        stream, done = export(data), Written()
        call(function, self.handle, byref(Write(table=table.encode(), branch=branch and branch.encode())), *more[:1], byref(stream), *more[1:], byref(done))
        assert not stream.release
        return done

    def create(self, table, schema, partition_by=None):
        out = ArrowSchema()
        schema._export_to_c(ctypes.addressof(out))
        try:
            call("firn_create_table", self.handle,
                 byref(Create(table=table.encode(), schema=ctypes.addressof(out), partition_by=partition_by and partition_by.encode())))
        finally:
            ctypes.CFUNCTYPE(None, c_void_p)(out.release)(ctypes.addressof(out))

    def alter(self, table, *changes, ref=None):
        """(kind of firn_change_kind, name, type, text) each."""
        listed = (Change * len(changes))(*(Change(kind, 0, *(v and v.encode() for v in texts)) for kind, *texts in changes))
        call("firn_alter_table", self.handle, ref and ref.encode(), table.encode(), listed, c_size_t(len(changes)))

    def upsert(self, table, data, *keys):
        stream, done = export(data), Written()
        names = ctypes_names(*keys)
        call("firn_upsert", self.handle, byref(Write(table=table.encode())), byref(stream), names, c_size_t(len(keys)), byref(done))
        return done

    def move(self, table, kind, **options):
        done = Written()
        call("firn_move_snapshot", self.handle, byref(Move(table=table.encode(), kind=kind, **options)), byref(done))
        return done.snapshot_id

    def text(self, function, *args):
        """A call that answers JSON."""
        out = c_void_p()
        call(function, *args, byref(out))
        if not out:
            return None
        try:
            return json.loads(ctypes.string_at(out))
        finally:
            firn.firn_free(out)

    def plan(self, **options):
        """The pages of a plan."""
        p, pages = c_void_p(), []
        call("firn_plan_open", self.handle, byref(Scan(**{k: v.encode() if isinstance(v, str) else v for k, v in options.items()})), byref(p))
        while page := self.text("firn_plan_next", p):
            pages.append(page)
        firn.firn_plan_close(p)
        return pages

    def create_ref(self, kind, name, at):
        call("firn_create_ref", self.handle, c_int32(kind), name.encode(), at.encode())

    def delete_ref(self, name):
        call("firn_delete_ref", self.handle, name.encode())

    def merge(self, name, into):
        call("firn_merge", self.handle, name.encode(), into.encode(), None, None)

    def metadata(self, table, ref=None):
        t = c_void_p()
        call("firn_table_load", self.handle, ref and ref.encode(), table.encode(), byref(t))
        out = firn.firn_table_metadata_file(t).decode(), firn.firn_table_snapshot_id(t)
        firn.firn_table_free(t)
        return out


def ctypes_names(*names):
    return (c_char_p * len(names))(*(n.encode() for n in names))


def export(data):
    stream = ArrowStream()
    reader = data if isinstance(data, pa.RecordBatchReader) else data.to_reader(max_chunksize=1000)
    reader._export_to_c(ctypes.addressof(stream))
    return stream
