"""The fixture that audits a program in this process."""

from tests.audit.conftest import audit_of

__all__ = ["audit_of"]
