"""What kind of condition guards a call: read from its words, since nobody runs the program."""

import re
from collections.abc import Callable

from imp_graphcheck.source.cpp.facts import Guard
from imp_graphcheck.source.guard_class import RANK, GuardClass

_CAPTURING = re.compile(r"captur", re.IGNORECASE)
_CAPTURED_NONE = re.compile(r"==\s*[\w:]*StatusNone|==\s*false|!=\s*[\w:]*StatusActive", re.IGNORECASE)
_CAPTURED_SOME = re.compile(r"!=\s*[\w:]*StatusNone|==\s*[\w:]*StatusActive|!=\s*false", re.IGNORECASE)
_DEBUG = re.compile(
    r"(?<![a-z])(debug|dbg|verbose|trac(e|ing)|dump|profil\w*|timing|ndebug|sanity|diagnos\w*|loglevel|log level"
    r"|check ?nan|unit ?test|testing)(?![a-z])",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"!=\s*[\w:]*(success|ok\b|status_success)|==\s*[\w:]*(error|fail)\w*|\b(fail(ed|ure)?|error)\b\s*(\)|$)|unlikely"
    r"|\b(cudaSuccess|CUDA_SUCCESS|ncclSuccess|CUBLAS_STATUS_SUCCESS|CUDNN_STATUS_SUCCESS|cudaError\w*)\b|<\s*0\s*$",
    re.IGNORECASE,
)
_SUCCESS = re.compile(r"==\s*[\w:]*(cudaSuccess|CUDA_SUCCESS|STATUS_SUCCESS|ncclSuccess|Success)\b")
_ERROR_NAME = re.compile(
    r"^!?\s*\(?\s*(err|error|e|rc|ret|st|status|result|res|cuda_?err\w*|last_?err\w*|failed|ok|success)\s*\)?$"
)
_CALLS_CUDA = re.compile(r"^\w+\(.*\bcu(da|blas|dnn)?[A-Z]\w*\(")
_NULL = re.compile(r"==\s*(nullptr|NULL|0|nil)\b|[!=]=\s*[\w.\->]*end\(\)|\.empty\(\)$|\.(count|contains)\(")
_COMPARED = re.compile(r"[^<>=!-](>|<|>=|<=|!=|==)[^<>=]")
_LESS = re.compile(r"[\w)\]]\s+(<|>|<=|>=)\s+[\w(]")
_PLATFORM = re.compile(
    r"\b\w*(HIP|ROCM|HCC|MUSA|SYCL|ONEAPI|METAL|VULKAN|__APPLE__|_AMD_|OPENCL|CANN|ASCEND)\w*\b"
)
_WINDOWS = re.compile(r"\b(_WIN32|_WIN64|WIN32|_MSC_VER)\b")

_OTHER_SYSTEM = re.compile(
    r"(?:\w+::)*[A-Z_]*(?:WINDOWS|WIN32|WIN64|APPLE|MACOS|HIP|ROCM|SYCL|MUSA|OPENCL)[A-Z_]*"
)

OfName = Callable[[str], bool | None]


def classify(
    guard: Guard, is_environment: OfName = lambda _name: None, *, is_transition: bool = False
) -> GuardClass:
    """The class of a guard.

    `is_environment` knows variables and functions that tell what the environment says: False if they are false or null
    where a variable is not set, None for all others. `is_transition`: what the guard
    looks at outlives the call, and is changed under the guard, so that next time the guard says something else.
    """
    found = _class_of(guard, is_environment)
    if is_transition and found in ("other", "none", "error"):
        return "growth" if _is_comparison(guard.text) else "first call"
    return found


def _is_comparison(text: str) -> bool:
    """Whether a size, a value or a key is looked at, so that the guard may hold again later."""
    if re.search(r"end\(\)|\.(find|count|contains)\(", text) is not None:
        return True
    if _LESS.search(text) is not None:
        return True
    return (
        _COMPARED.search(text) is not None
        and _NULL.search(text) is None
        and "nullptr" not in text
        and "NULL" not in text
    )


def _class_of(guard: Guard, is_environment: OfName) -> GuardClass:
    match guard.kind:
        case "static" | "once":
            return "first call"
        case "catch" | "fatal":
            return "error"
        case "thread":
            return "other"
        case "macro":
            return "debug" if _DEBUG.search(guard.text.replace("_", " ")) else "other"
        case "#if":
            return _build(guard)
        case "case":
            return "other"
        case "return":
            found = _truth(guard.text, negated=True, is_environment=is_environment)
            return "other" if found in ("error", "debug") else found
        case "if":
            return _truth(guard.text, negated=guard.negated, is_environment=is_environment)


def _build(guard: Guard) -> GuardClass:
    text = guard.text
    if _PLATFORM.search(text):
        is_other = ("!" in text) == guard.negated
        return "other platform" if is_other else "other"
    if _WINDOWS.search(text):
        return "other platform" if ("!" in text) == guard.negated else "other"
    if re.search(r"\bNDEBUG\b", text):
        return "debug" if guard.negated != ("!" in text) else "other"
    if _DEBUG.search(text.replace("_", " ")):
        return "other" if guard.negated != ("!" in text) else "debug"
    return "other"


def _truth(text: str, *, negated: bool, is_environment: OfName) -> GuardClass:
    """The class of `text` being true, or false where `negated`."""
    text = _without_parentheses(text)
    both = _split(text, "||" if negated else "&&")
    if len(both) > 1:
        # All of them hold, so the one that says most decides.
        found = [_truth(part, negated=negated, is_environment=is_environment) for part in both]
        return max(found, key=RANK.__getitem__)
    either = _split(text, "&&" if negated else "||")
    if len(either) > 1:
        # One of them holds, nobody knows which: the least.
        found = [_truth(part, negated=negated, is_environment=is_environment) for part in either]
        return min(found, key=lambda each: (RANK[each], each == "other"))
    while text.startswith("!") and not text.startswith("!="):
        text, negated = _without_parentheses(text[1:].strip()), not negated
    return _one(text, negated=negated, is_environment=is_environment)


def _one(text: str, *, negated: bool, is_environment: OfName) -> GuardClass:
    if text in ("false", "0"):
        return "other" if negated else "dead"
    if text in ("true", "1"):
        return "dead" if negated else "none"
    if _CAPTURING.search(text):
        says_none = _CAPTURED_NONE.search(text) is not None
        says_some = not says_none
        return "not capturing" if says_some == negated else "other"
    unset = unset_means(text) if "getenv" in text else None
    if unset is None:
        said = [is_environment(word) for word in re.findall(r"[A-Za-z_]\w*", text)]
        unset = next((each for each in said if each is not None), None)
        if unset is not None and _NULL.search(text):
            unset = not unset
    if unset is not None:
        return "other" if unset != negated else "environment"
    if _OTHER_SYSTEM.fullmatch(text):
        return "other" if negated else "other platform"
    if _SUCCESS.search(text):
        return "error" if negated else "none"
    if negated and _CALLS_CUDA.search(text):
        return "error"
    if _ERROR.search(text) or _ERROR_NAME.match(text):
        name = text.strip("() ")
        means_success = name in ("ok", "success")
        return "none" if negated != means_success else "error"
    if _DEBUG.search(_spaced(text)):
        return "other" if negated else "debug"
    return "other"


def unset_means(text: str) -> bool:
    """What an expression around `getenv` is where the variable is not set."""
    return re.search(r"!\s*(std::)?getenv|getenv\([^()]*\)\s*==\s*(nullptr|NULL|0)", text) is not None


def _spaced(text: str) -> str:
    """`kDebugMode` and `debug_mode` as words."""
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", text).replace("_", " ")


def _without_parentheses(text: str) -> str:
    text = text.strip()
    while text.startswith("(") and text.endswith(")") and _closes_last(text):
        text = text[1:-1].strip()
    return text


def _closes_last(text: str) -> bool:
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position == len(text) - 1
    return False


def _split(text: str, operator: str) -> list[str]:
    parts, depth, begin, position = [], 0, 0, 0
    while position < len(text):
        character = text[position]
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and text.startswith(operator, position):
            parts.append(text[begin:position])
            position += len(operator)
            begin = position
            continue
        position += 1
    return [*parts, text[begin:]]
