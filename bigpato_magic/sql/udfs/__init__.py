"""Vectorised functions that DuckDB calls, where only code can be faithful: Arrow arrays in, one Arrow array out.

Each is named by an entry `Udf` of a family of rules. They see NULLs, and raise where BigQuery raises or where they are not sure:
the local run stops and BigQuery answers. pyarrow is imported when the first of them is needed.
"""

from __future__ import annotations

from bigpato_magic.sql.udfs.decimals import *  # noqa: F403
from bigpato_magic.sql.udfs.json import *  # noqa: F403
from bigpato_magic.sql.udfs.printf import *  # noqa: F403
from bigpato_magic.sql.udfs.regexp import *  # noqa: F403
from bigpato_magic.sql.udfs.strings import *  # noqa: F403
from bigpato_magic.sql.udfs.parse import *  # noqa: F403
from bigpato_magic.sql.udfs.texts import *  # noqa: F403
from bigpato_magic.sql.udfs.zones import *  # noqa: F403
from bigpato_magic.sql.udfs.statistics import *  # noqa: F403
