"""`value.name` of a value of the JSON type.

https://cloud.google.com/bigquery/docs/reference/standard-sql/operators#field_access_operator
"""

from __future__ import annotations

from typing import Any

from bigpato_magic.sql.compiler import Compiler, expression
from bigpato_magic.sql.expr import Expr
from bigpato_magic.sql.refusal import refuse
from bigpato_magic.sql.rules.json import member


@expression("GetJsonField")
def _get_json_field(c: Compiler, found: Any) -> Expr:
    if found.field_name.isdigit():
        refuse(f"the JSON field {found.field_name}")
    return Expr(member(c.expr(found.expr).sql, found.field_name), c.type_of(found))
