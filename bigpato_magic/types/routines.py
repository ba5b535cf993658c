"""Persistent functions of the warehouse: their names, arguments, and what their calls stand for."""

from __future__ import annotations

from dataclasses import dataclass

from bigpato_magic.types.sql import SqlType


@dataclass(frozen=True, slots=True, order=True)
class RoutineId:
    """A routine's full name. Case-sensitive, as in BigQuery."""

    project: str
    dataset: str
    routine: str

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.routine}"

    @classmethod
    def of(cls, path: tuple[str, ...], project: str | None) -> RoutineId | None:
        """The routine that a path of two or three parts names; None where it has no project and there is no default.

        Args:
            path: as it is written, `("ds", "f")` or `("p", "ds", "f")`.
            project: where the path has none.
        """
        home = path[0] if len(path) > 2 else project
        return cls(home, *path[-2:]) if home else None


@dataclass(frozen=True, slots=True)
class RoutineFacts:
    """What BigQuery says of a routine.

    Args:
        id: its full name.
        arguments: name and type of each; None takes any type.
        returns: the type that its body is coerced to, None for the body's own.
        body: GoogleSQL over the arguments' names, or a text in another language.
        kind: `routineType` of the REST API; `SCALAR_FUNCTION` gives a value for each row.
        language: `SQL`, `JAVASCRIPT`, `PYTHON`, …
        remote: it runs outside of BigQuery.
        etag: of its definition.
    """

    id: RoutineId
    arguments: tuple[tuple[str, SqlType | None], ...]
    returns: SqlType | None
    body: str
    kind: str = "SCALAR_FUNCTION"
    language: str = "SQL"
    remote: bool = False
    etag: str = ""

    @property
    def obstacle(self) -> str | None:
        """Why its calls cannot be written out here; None where they can."""
        if self.kind != "SCALAR_FUNCTION":
            return f"{self.id} is a {self.kind.lower().replace('_', ' ')}"
        if self.remote or self.language != "SQL":
            return f"the function {self.id} is not written in SQL: only BigQuery runs it"
        if "current_" in self.body.lower():
            return f"the function {self.id} asks what time it is"
        return None
