"""One running instance of the analyzer's module, and how it is called: protobuf in, protobuf out."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bigpato_magic.errors import AnalyzerUnavailable
from bigpato_magic.googlesql.calls import Worker

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from wasmtime import Module, Store, WasiConfig

_ZONEINFO = "/usr/share/zoneinfo"
_ERROR = re.compile(r"Code: (\d+), Message: (.*)", re.DOTALL)


class AnalyzerError(Exception):
    """The module's own error: an `absl::StatusCode` and a message that ends in `[at line:column]` where it has one."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Instance:
    """An instance with its own memory and its own thread. For one caller at a time: its owner sees to that.

    After a trap, or when it was stopped, it is `dead`: its memory is in an unknown state and it must be thrown away.

    Attributes:
        dead: it trapped.
        kept: what callers registered in it (options, catalogues), which ends with it.
    """

    def __init__(self, module: Module) -> None:
        from wasmtime import Linker, Store

        from bigpato_magic.googlesql.module import engine

        self.dead = False
        self.kept: dict[Any, Any] = {}
        self._engine = engine()
        self._store = Store(self._engine)
        self._store.set_wasi(_wasi())
        self._stopped = False
        self._callback = _watch(self._store, lambda: self._stopped)
        linker = Linker(self._engine)
        linker.define_wasi()
        exports: Any = linker.instantiate(self._store, module).exports(self._store)
        self._exports = exports
        self._exports["_initialize"](self._store)
        self._memory: Any = self._exports["memory"]
        self._worker = Worker()

    def call(self, method: str, request: Any = None, **fields: Any) -> Any:
        """Call one method of the local service (`Analyze`, `PrepareQuery`, …), and give its answer's message.

        Args:
            method: its name.
            request: its message; None makes one.
            fields: of the message that is made.

        Raises:
            AnalyzerError: the service answers with an error.
            AnalyzerUnavailable: it trapped, took too long, or its answer cannot be read.
        """
        from wasmtime import Trap, WasmtimeError

        wanted = (message(method, **fields) if request is None else request).SerializeToString()
        try:
            answer = self._worker.do(lambda: self._call(f"ZetaSqlLocalService_{method}", wanted), self._stop)
        except (Trap, WasmtimeError, MemoryError) as error:
            self.dead = True
            raise AnalyzerUnavailable("Google's analyzer gave up on this text") from error
        return _parsed(_messages(method)[1], answer)

    @property
    def size(self) -> int:
        """Bytes of its memory, which never shrinks."""
        return int(self._memory.data_len() if self._is_shared else self._memory.data_len(self._store))

    def close(self) -> None:
        """Let go of its memory and its thread; nobody may call it any more."""
        self.dead = True
        # On its own thread: a call that was stopped may not have ended yet, and it works in this memory.
        self._worker.close(self._store.close)

    def _stop(self) -> None:
        """Make the call that runs trap, and every other."""
        self.dead = self._stopped = True
        self._engine.increment_epoch()

    def _call(self, export: str, request: bytes) -> bytes:
        where = self._run("wasm_malloc", len(request) + 4)
        if not where:
            raise MemoryError
        ctypes.memmove(self._base() + where, request, len(request))
        size = where + len(request)
        answer = self._run(export, where, len(request), size)
        length = int.from_bytes(self._read(size, 4), "little")
        content = self._read(answer, length) if answer else b""
        self._run("wasm_free", where)
        if not answer:
            raise self._refusal()
        self._run("wasm_free", answer)
        return content

    def _run(self, export: str, *arguments: int) -> Any:
        return self._exports[export](self._store, *arguments)

    def _read(self, where: int, size: int) -> bytes:
        return ctypes.string_at(self._base() + where, size)

    def _base(self) -> int:
        """The address of the instance's memory; only a memory that is not shared moves when it grows."""
        pointer = self._memory.data_ptr() if self._is_shared else self._memory.data_ptr(self._store)
        return ctypes.addressof(pointer.contents)

    @property
    def _is_shared(self) -> bool:
        from wasmtime import SharedMemory

        return isinstance(self._memory, SharedMemory)

    def _refusal(self) -> AnalyzerError:
        size, where = self._run("wasm_get_last_error_size"), self._run("wasm_get_last_error")
        text = self._read(where, size).decode("utf-8", "replace")
        match = _ERROR.fullmatch(text.rstrip("\0"))
        return AnalyzerError(int(match[1]), match[2]) if match else AnalyzerError(2, text)


@cache
def _messages(method: str) -> tuple[type[Message], type[Message]]:
    """The classes of a method's request and of its answer."""
    from google.protobuf.message_factory import GetMessageClass
    from zetasql.wasi._pb2.zetasql.local_service.local_service_pb2 import DESCRIPTOR

    described = DESCRIPTOR.services_by_name["ZetaSqlLocalService"].methods_by_name[method]
    return GetMessageClass(described.input_type), GetMessageClass(described.output_type)


def message(method: str, **fields: Any) -> Any:
    """The request of a method of the local service."""
    return _messages(method)[0](**fields)


def _watch(store: Store, is_stopped: Callable[[], bool]) -> Any:
    """Let what runs in a store trap, where it was stopped, when the epoch is raised; to be kept as long as the store.

    wasmtime's Python package has no method for this function of its C interface:
    https://docs.wasmtime.dev/c-api/store_8h.html
    """
    from wasmtime import _bindings

    declared = _bindings._wasmtime_store_epoch_deadline_callback.argtypes

    def look(_context: Any, _data: Any, more: Any, kind: Any) -> int:
        if is_stopped():
            return int(ctypes.cast(_bindings.wasmtime_error_new(b"stopped"), ctypes.c_void_p).value or 0)
        more[0], kind[0] = 1, 0  # go on until the epoch is raised again
        return 0

    callback = declared[1](look)
    _bindings.wasmtime_store_epoch_deadline_callback(store.ptr(), callback, None, declared[3]())
    store.set_epoch_deadline(1)
    return callback


def _parsed(response: type[Message], content: bytes) -> Message:
    from google.protobuf.message import DecodeError

    try:
        return response.FromString(content)
    except DecodeError:
        return _parsed_deep(response, content)


def _parsed_deep(response: type[Message], content: bytes) -> Message:
    """Parse a tree that is deeper than protobuf's default of 100, as thirty `||` in a row are."""
    from google.protobuf.message import DecodeError

    with suppress(ImportError):
        from google._upb._message import SetAllowOversizeProtos

        SetAllowOversizeProtos(True)
        try:
            with suppress(DecodeError):
                return response.FromString(content)
        finally:
            SetAllowOversizeProtos(False)
    raise AnalyzerUnavailable("this query is nested too deeply for the analyzer")


def _wasi() -> WasiConfig:
    from wasmtime import WasiConfig

    wasi = WasiConfig()
    wasi.env = [("TZ", "UTC")]
    if zones := _zoneinfo():
        wasi.preopen_dir(str(zones), _ZONEINFO)
    return wasi


def _zoneinfo() -> Path | None:
    """Time zones: those of the tzdata package, which is the same everywhere, else the system's."""
    candidates = [Path(_ZONEINFO)]
    with suppress(ImportError):
        import tzdata  # type: ignore[import-untyped]

        candidates.insert(0, Path(tzdata.__file__).parent / "zoneinfo")
    return next((path for path in candidates if path.is_dir()), None)
