"""The table of prices that a deployment uses in place of the one in the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.savings.prices import PriceTable, PriceTableError
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


def deployed_prices(bucket: str, log_error: Callable[..., None], s3: Any = None) -> PriceTable:
    """The deployment's prices; the package's where there are none, and where they cannot be used, which is logged."""
    try:
        replaced = read_price_table(bucket, s3)
    except (PriceTableError, PermanentError) as error:
        log_error("the deployment's prices cannot be used, the package's are", reason=str(error))
        replaced = None
    return replaced or PriceTable.built_in()
