"""The table of prices that a deployment uses in place of the one in the package."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.savings.prices import PriceTable
from gridwatch.storage.layout import PRICE_TABLE_KEY
from gridwatch_rules.failures import NotFoundError, PermanentError


def read_price_table(bucket: str, s3: Any = None) -> PriceTable | None:
    """The prices in `settings/instance-prices.json` of the experiments bucket; None when there is none. Raises
    PriceTableError.
    """
    try:
        with translated():
            answer = (s3 or client("s3")).get_object(Bucket=bucket, Key=PRICE_TABLE_KEY)
            return PriceTable.parse(answer["Body"].read().decode())
    except NotFoundError:
        return None
    except PermanentError as error:
        # Without the right to list, S3 answers 403 for a key that is not there.
        if error.code in ("403", "AccessDenied"):
            return None
        raise
