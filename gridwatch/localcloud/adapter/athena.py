"""Gives MiniStack Athena's dialect in queries, and named queries in templates."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from ministack import app

from gridwatch.localcloud.athena import to_duckdb, view_sql


def improve_athena() -> None:
    """Translate queries from Athena's dialect, and create named queries of templates. Both are applied when the service
    is first used.
    """

    def translate_queries() -> None:
        from ministack.services import athena  # noqa: PLC0415  (see _before_first_use)

        run = athena._run_duckdb

        async def run_translated(query: str, database: str, catalog: str | None = None) -> Any:
            return await run(to_duckdb(query, _views(database)), database, catalog)

        athena._run_duckdb = run_translated

    _before_first_use(app.SERVICE_HANDLERS, "athena", translate_queries)
    _before_first_use(app.SERVICE_HANDLERS, "cloudformation", _add_named_queries)


def _views(database: str) -> dict[str, str]:
    from ministack.services import glue  # noqa: PLC0415  (see _before_first_use)

    prefix = f"{database}/"
    found = {key.removeprefix(prefix): view_sql(glue._tables[key]) for key in glue._tables if key.startswith(prefix)}
    return {name: sql for name, sql in found.items() if sql is not None}


def _before_first_use(handlers: dict[str, Any], service: str, prepare: Callable[[], None]) -> None:
    """Make changes when a service's first request comes: importing it earlier costs memory and start-up time."""
    original = handlers[service]
    prepare_once = cache(prepare)

    async def first(*request: Any) -> Any:
        prepare_once()
        return await original(*request)

    handlers[service] = first


def _add_named_queries() -> None:
    from ministack.services import athena  # noqa: PLC0415  (see _before_first_use)
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    def create(_logical_id: str, props: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        answer = json.loads(athena._create_named_query(props)[2])
        return answer["NamedQueryId"], {"NamedQueryId": answer["NamedQueryId"]}

    def update(physical_id: str, _old: dict[str, Any], new: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
        kept = {"NamedQueryId": physical_id, "WorkGroup": "primary", "Description": ""}
        athena._named_queries[physical_id] = kept | new
        return physical_id, {"NamedQueryId": physical_id}

    def delete(physical_id: str, _props: dict[str, Any]) -> None:
        athena._delete_named_query({"NamedQueryId": physical_id})

    provisioners._RESOURCE_HANDLERS["AWS::Athena::NamedQuery"] = {"create": create, "update": update, "delete": delete}
