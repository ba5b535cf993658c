"""One running instance of the analyzer's module, and how it is called: protobuf in, protobuf out."""

from __future__ import annotations

import ctypes
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bigpato_magic.errors import AnalyzerUnavailable

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from wasmtime import Module, WasiConfig

Response = TypeVar("Response", bound="Message")
_ZONEINFO = "/usr/share/zoneinfo"
_ERROR = re.compile(r"Code: (\d+), Message: (.*)", re.DOTALL)


class Refusal(Exception):
    """The module's own error: an `absl::StatusCode` and a message that ends in `[at line:column]` where it has one."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Instance:
    """An instance with its own memory. Not thread-safe: its owner holds a lock around each call.

    After a trap it is `dead`: its memory is in an unknown state and it must be thrown away.

    Attributes:
        dead: it trapped.
        kept: what callers registered in it (options, catalogues), which ends with it.
    """

    def __init__(self, module: Module) -> None:
        from wasmtime import Linker, Store

        from bigpato_magic.googlesql.module import engine

        self._store = Store(engine())
        self._store.set_wasi(_wasi())
        linker = Linker(engine())
        linker.define_wasi()
        exports: Any = linker.instantiate(self._store, module).exports(self._store)
        self._exports = exports
        self._exports["_initialize"](self._store)
        self._memory: Any = self._exports["memory"]
        self.dead = False
        self.kept: dict[Any, Any] = {}

    def call(self, method: str, request: Message, response: type[Response]) -> Response:
        """Call one method of the local service (`Analyze`, `PrepareQuery`, …).

        Raises:
            Refusal: the service answers with an error.
            AnalyzerUnavailable: it trapped, or its answer cannot be read.
        """
        from wasmtime import Trap, WasmtimeError

        try:
            answer = self._call(f"ZetaSqlLocalService_{method}", request.SerializeToString())
        except (Trap, WasmtimeError, MemoryError) as error:
            self.dead = True
            raise AnalyzerUnavailable("Google's analyzer gave up on this text") from error
        return _parsed(response, answer)

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
        from wasmtime import SharedMemory

        shared = isinstance(self._memory, SharedMemory)
        pointer = self._memory.data_ptr() if shared else self._memory.data_ptr(self._store)
        return ctypes.addressof(pointer.contents)

    def _refusal(self) -> Refusal:
        size, where = self._run("wasm_get_last_error_size"), self._run("wasm_get_last_error")
        text = self._read(where, size).decode("utf-8", "replace")
        match = _ERROR.fullmatch(text.rstrip("\0"))
        return Refusal(int(match[1]), match[2]) if match else Refusal(2, text)


def _parsed(response: type[Response], content: bytes) -> Response:
    from google.protobuf.message import DecodeError

    try:
        parsed: Response = response.FromString(content)
    except DecodeError:
        return _parsed_deep(response, content)
    return parsed


def _parsed_deep(response: type[Response], content: bytes) -> Response:
    """Parse a tree that is deeper than protobuf's default of 100, as thirty `||` in a row are."""
    from google.protobuf.message import DecodeError

    with suppress(ImportError):
        from google._upb._message import SetAllowOversizeProtos

        SetAllowOversizeProtos(True)
        try:
            parsed: Response = response.FromString(content)
        except DecodeError:
            pass
        else:
            return parsed
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
