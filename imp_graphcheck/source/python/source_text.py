"""The text of a source file, decoded as Python decodes it."""

import io
import tokenize

from imp_graphcheck.source.python.syntax import UnreadableError


def decode(data: bytes) -> str:
    """The text of a file, its lines ended by a line feed. Raises UnreadableError."""
    if b"\0" in data:
        raise UnreadableError("it is no text")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise UnreadableError(f"it cannot be decoded: {error}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
