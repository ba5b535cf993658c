"""A person's Python values as BigQuery's typed query parameters, checked once, for both routes and the evaluator.

`inferred` finds the type of a value, `typenames` reads a type as it is written, `checked` says whether a value is one of
a type and what it then is in plain Python, `foreign` knows values of NumPy, pandas and Google's client, `given` reads
what `client.run(params=…)` takes, `unclear` what only BigQuery can answer. Pure: nothing of other libraries is imported.
"""

from bigpato_magic.parameters.checked import check
from bigpato_magic.parameters.given import Params, bind, given, parameter
from bigpato_magic.parameters.inferred import infer
from bigpato_magic.parameters.typenames import parse_type, typed
from bigpato_magic.parameters.unclear import only_bigquery

__all__ = ["Params", "bind", "check", "given", "infer", "only_bigquery", "parameter", "parse_type", "typed"]
