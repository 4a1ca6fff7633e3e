"""A program of the user's own: `module:factory`, or `path/to/file.py:factory`."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from imp_engine.graph import Output
from imp_engine.graph_runner import GraphRunner
from imp_graphcheck.device import Device
from imp_graphcheck.device.blame import site_of_error
from imp_graphcheck.errors import UsageError
from imp_graphcheck.record.run import Target as TargetRecord
from imp_graphcheck.target.modules import modules_beside
from imp_graphcheck.target.program import Call, Fact
from imp_graphcheck.target.protocol import Target

_REQUIRED = ("setup", "calls", "key", "prepare", "forward")
_LABEL_LENGTH = 60


class FactoryProgram:
    """Drives the target that a factory returned. Errors before the first call are the user's input errors."""

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self.independent_requests = False
        self._target: Target
        self._calls: tuple[Call, ...] = ()
        self._runner: GraphRunner

    def load(self, device: Device, capture_mode: str) -> TargetRecord:
        self._target = self._made(_factory(self.spec))
        self._ask("setup", device.torch_device)
        self._calls = self._listed_calls()
        self._runner = GraphRunner(device.torch_device, capture_mode=capture_mode, enabled=True)
        name = str(getattr(self._target, "name", None) or self.spec)
        return TargetRecord(
            name=name,
            kind="factory",
            device=device.kind,
            detail={"factory": self.spec, "calls": str(len(self._calls))},
        )

    @property
    def runner(self) -> GraphRunner:
        return self._runner

    @property
    def calls(self) -> tuple[Call, ...]:
        return self._calls

    def prewarm(self) -> str:
        prewarm = getattr(self._target, "prewarm", None)
        if prewarm is None:
            return "the target has no prewarm()"
        with _exits_told():
            self._runner.on_capture_stream(prewarm)
        return "prewarm() on the capture stream"

    def prepare(self, call: Call) -> None:
        with _exits_told():
            self._target.prepare(call.payload)

    def forward(self, call: Call) -> Output:
        with _exits_told():
            return self._target.forward(call.payload)

    def between(self, call: Call) -> None:
        between = getattr(self._target, "between", None)
        if between is not None:
            with _exits_told():
                between(call.payload)

    def state(self) -> Mapping[str, torch.Tensor]:
        state = getattr(self._target, "state", None)
        return dict(state()) if state is not None else {}

    def padding(self, call: Call) -> Mapping[str, torch.Tensor]:
        padding = getattr(self._target, "padding", None)
        return dict(padding(call.payload)) if padding is not None else {}

    def roots(self) -> Mapping[str, Any]:
        # Caches often live beside the class: in its module, or in another one of the program.
        module = sys.modules.get(type(self._target).__module__)
        if module is None:
            return {"self": self._target}
        others = {
            f"{name}.{place}": value
            for name, other in modules_beside(module).items()
            for place, value in _globals(other).items()
        }
        return {"self": self._target, **_globals(module), **others}

    def teardown(self) -> None:
        teardown = getattr(self._target, "teardown", None)
        if teardown is not None:
            teardown()

    def _made(self, factory: Callable[[], Any]) -> Target:
        try:
            with _exits_told():
                target = factory()
        except Exception as error:
            raise _rejected(self.spec, "the factory", error) from error
        missing = [name for name in _REQUIRED if not callable(getattr(target, name, None))]
        if missing:
            raise UsageError(
                f"{self.spec} returned a {type(target).__name__} without {', '.join(missing)}.",
                hint="a target has setup(device), calls(), key(call), prepare(call) and forward(call); see docs/targets.md",
            )
        return target  # type: ignore[no-any-return]

    def _ask(self, verb: str, *arguments: Any) -> Any:
        try:
            with _exits_told():
                return getattr(self._target, verb)(*arguments)
        except Exception as error:
            raise _rejected(self.spec, f"{verb}()", error) from error

    def _listed_calls(self) -> tuple[Call, ...]:
        payloads = list(self._ask("calls"))
        if not payloads:
            raise UsageError(
                f"{self.spec}: calls() returned nothing to do.", hint="return at least two calls"
            )
        requests = [_request_of(payload) for payload in payloads]
        self.independent_requests = all(request is not None for request in requests)
        numbers = {request: number for number, request in enumerate(dict.fromkeys(requests))}
        return tuple(
            Call(
                index=index,
                request=numbers[requests[index]],
                key=self._hashable_key(payload),
                label=_label(payload),
                payload=payload,
                facts=_facts(payload),
            )
            for index, payload in enumerate(payloads)
        )

    def _hashable_key(self, payload: Any) -> Any:
        key = self._ask("key", payload)
        try:
            hash(key)
        except TypeError as error:
            raise UsageError(
                f"{self.spec}: key() returned a {type(key).__name__}, which cannot be a key.",
                hint="return something hashable, such as a tuple of numbers and strings",
            ) from error
        return key


class ProgramExitError(RuntimeError):
    """The program under test called `sys.exit`, which would end this process without a word."""


@contextmanager
def _exits_told() -> Iterator[None]:
    """`sys.exit` of the program becomes an error of it, with the line that called it."""
    try:
        yield
    except SystemExit as error:
        raise ProgramExitError(f"the program called sys.exit({error.code!r})").with_traceback(
            error.__traceback__
        ) from error


def _globals(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in list(vars(module).items()) if name[:2] != "__"}


def _factory(spec: str) -> Callable[[], Any]:
    place, _, name = spec.rpartition(":")
    module = _module(spec, place)
    factory = getattr(module, name, None)
    if not callable(factory):
        known = sorted(n for n, value in vars(module).items() if callable(value) and not n.startswith("_"))
        raise UsageError(
            f"{spec}: {place} has no factory called {name}.",
            hint=f"it has {', '.join(known) or 'no functions'}",
        )
    return factory  # type: ignore[no-any-return]


def _module(spec: str, place: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            sys.path.insert(0, str(Path.cwd()))
            with _exits_told():
                return importlib.import_module(place)
        path = Path(place).resolve()
        sys.path.insert(0, str(path.parent))
        loader = importlib.util.spec_from_file_location(path.stem, path)
        if loader is None or loader.loader is None:
            raise ImportError(f"{place} cannot be loaded as Python")
        module = importlib.util.module_from_spec(loader)
        sys.modules[path.stem] = module
        with _exits_told():
            loader.loader.exec_module(module)
    except Exception as error:
        raise _rejected(spec, "importing it", error) from error
    return module


def _rejected(spec: str, what: str, error: Exception) -> UsageError:
    site = site_of_error(error)
    first_line = next(iter(str(error).splitlines()), "")
    at = f" at {site.file}:{site.line}" if site is not None else ""
    return UsageError(
        f"{spec}: {what} raised {type(error).__name__}: {first_line.rstrip('.')}{at}.",
        hint="the program must work eagerly before its graphs can be checked",
    )


def _request_of(payload: Any) -> Any:
    if isinstance(payload, Mapping):
        return payload.get("request")
    return getattr(payload, "request", None)


def _facts(payload: Any) -> dict[str, Fact]:
    if isinstance(payload, int | float | str):
        return {"call": payload}
    held = payload if isinstance(payload, Mapping) else getattr(payload, "__dict__", {})
    return {str(name): value for name, value in held.items() if isinstance(value, int | float | str)}


def _label(payload: Any) -> str:
    if isinstance(payload, Mapping):
        text = ", ".join(f"{name} {_short(value)}" for name, value in payload.items())
    else:
        text = _short(payload)
    return text if len(text) <= _LABEL_LENGTH else text[: _LABEL_LENGTH - 3] + "..."


def _short(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, list | tuple) and len(value) > 8:
        return f"{type(value).__name__} of {len(value)}"
    return " ".join(str(value).split())
