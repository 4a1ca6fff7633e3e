"""What the calls of CUDA and of its libraries do to a capture in progress. Facts and verdicts, for every kind of audit."""

from imp_graphcheck.apis.call import ApiCall, InCapture
from imp_graphcheck.apis.catalogue import CALLS, find_call
from imp_graphcheck.apis.verdict import Judgement, judge

__all__ = ["CALLS", "ApiCall", "InCapture", "Judgement", "find_call", "judge"]
