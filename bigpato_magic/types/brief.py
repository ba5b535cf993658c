"""How a decision is told where somebody looks at one: in a line, without schemas, texts and values."""

from __future__ import annotations


class Brief:
    """Where, the codes of the reasons, and what its copies are of."""

    __slots__ = ()

    def __repr__(self) -> str:
        reasons = [reason.code for reason in getattr(self, "reasons", ())]
        copies = [copy.name for copy in getattr(self, "copies", ())]
        told = [f"reasons: {', '.join(reasons)}"] if reasons else []
        told += [f"copies: {', '.join(copies)}"] if copies else []
        where = getattr(self, "where", "")
        return f"<{type(self).__name__} {'; '.join([where, *told])}>"
