"""The original's module name: `from bigpato_magic import bigpato; bigpato.BigPato(bq_project=…, bq_key=…)`."""

from bigpato_magic.client import BigPato
from bigpato_magic.original import LRU_TABLE_CAPACITY

__all__ = ["LRU_TABLE_CAPACITY", "BigPato"]
