"""The sites of a tree, each with what is known of it: reached or not, how, under which conditions, and its fate."""

from collections.abc import Iterator

from imp_graphcheck.apis import ApiCall, find_call, judge
from imp_graphcheck.record.audit import FATES, AuditSite, CallClass, Reach, Step
from imp_graphcheck.source.conditions import fate_under, reach_of, words_of
from imp_graphcheck.source.python.analysis import Analysis, Context, RawSite
from imp_graphcheck.source.python.facts import Mention
from imp_graphcheck.source.python.program import Program
from imp_graphcheck.source.python.reach import Reached, Way, conditions_of

_REACH_ORDER: tuple[Reach, ...] = ("yes", "maybe", "no")
_MENTIONED: dict[str, CallClass] = {
    "Tensor.item": "d2h",
    "Tensor.cpu": "d2h",
    "Tensor.tolist": "d2h",
    "Tensor.to": "d2h",
    "Tensor.is_nonzero": "d2h",
    "Tensor.nonzero": "sync",
    "Tensor.masked_select": "sync",
    "Tensor.cuda": "h2d",
    "torch.tensor": "h2d",
    "torch.as_tensor": "h2d",
    "torch.asarray": "h2d",
    "torch.cuda.synchronize": "sync",
    "torch.cuda.empty_cache": "free",
    "Tensor.pin_memory": "alloc",
}


class Report:
    """`early` is what runs before the first capture."""

    def __init__(self, program: Program, reached: Reached, early: Reached) -> None:
        self._program = program
        self._index = program.index
        self._reached = reached
        self._early = early

    def sites(self) -> list[AuditSite]:
        """Each call once, with the best way to it; then those of code that no entry leads to."""
        found: dict[tuple[str, int, str, CallClass], AuditSite] = {}
        for context, way in self._reached.ways.items():
            analysis = self._program.analyse(context)
            for raw in analysis.sites if analysis is not None else ():
                assert analysis is not None
                site = self._site(context, way, analysis, raw)
                key = (site.file, site.line, site.api, site.kind)
                known = found.get(key)
                if known is None or _rank(site) < _rank(known):
                    found[key] = site
        for number, function in enumerate(self._index.functions):
            if number in self._reached.best:
                continue
            for mention in function.mentions:
                kind = _kind_of(mention)
                if kind is not None:
                    key = (function.file, mention.line, mention.api, kind)
                    if key not in found:
                        found[key] = self._unreached(function.file, function.qualified, mention, kind)
        return sorted(found.values(), key=lambda site: (site.file, site.line, site.api))

    def _unreached(self, file: str, name: str, mention: Mention, kind: CallClass) -> AuditSite:
        return AuditSite(
            file=file,
            line=mention.line,
            function=name,
            api=mention.api,
            kind=kind,
            fate="harmless",
            reachable="no",
            reason="the entry does not lead here",
            origins=("source",),
            notes=("read by its name alone",),
            text=mention.text,
        )

    def _site(self, context: Context, way: Way, analysis: Analysis, raw: RawSite) -> AuditSite:
        function = self._index.functions[context.number]
        own = conditions_of(analysis, raw.guards, context.number)
        conditions = [*way.conditions, *own]
        judged = judge(raw.api, raw.kind, host=raw.host, caller=raw.caller)
        fate, reason, notes = judged.fate, judged.reason, [raw.note] if raw.note else []
        reachable = reach_of(way, conditions, notes, is_sure=raw.is_sure)
        if raw.harmless:
            fate, reason = "harmless", raw.harmless
        else:
            fate, reason = fate_under(
                conditions, fate, reason, notes, early=self._early.way, early_root=self._early_root
            )
        if reachable == "no":
            fate, reason = "harmless", "the entry does not lead here"
        return AuditSite(
            file=function.file,
            line=raw.line,
            function=function.qualified,
            api=raw.api.name,
            kind=raw.kind,
            fate=fate,
            reachable=reachable,
            code=judged.code if fate != "harmless" else None,
            reason=reason,
            remedy=judged.remedy if fate != "harmless" else "",
            guard=words_of([*reversed(own), *reversed(way.conditions)]),
            modes=judged.modes if fate == judged.fate else {},
            chain=tuple(self._chain(context)),
            host=raw.host,
            origins=("source",),
            notes=tuple(notes),
            text=raw.text,
        )

    def _early_root(self, number: int) -> str:
        context = self._early.best[number]
        while (caller := self._early.ways[context].caller) is not None:
            context = caller
        function = self._index.functions[context.number]
        return f"{function.qualified}() ({function.file}:{function.line})"

    def _chain(self, context: Context) -> Iterator[Step]:
        steps = []
        here: Context | None = context
        while here is not None:
            way = self._reached.ways[here]
            function = self._index.functions[here.number]
            caller = (
                self._index.functions[way.caller.number].file if way.caller is not None else function.file
            )
            steps.append(
                Step(
                    function=function.qualified,
                    file=caller,
                    line=way.edge.line if way.edge is not None else 0,
                )
            )
            here = way.caller
        return reversed(steps)


def _rank(site: AuditSite) -> tuple[int, int]:
    return _REACH_ORDER.index(site.reachable), FATES.index(site.fate)


def _kind_of(mention: Mention) -> CallClass | None:
    known = _MENTIONED.get(mention.api)
    if known is not None:
        return known
    api: ApiCall | None = find_call(mention.api)
    return api.kind if api is not None else None
