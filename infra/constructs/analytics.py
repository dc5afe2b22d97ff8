"""The analytics: Glue database and tables over the Parquet files, Athena workgroup and named queries."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.constructs.storage import Storage
from infra.settings import DeploymentSettings

# Written from gridwatch.tables by `python -m scripts.declare_tables`; a test holds the two together.
DECLARATION = Path(__file__).with_name("tables.json")
# A day before any deployment wrote a history. Each day without a file costs Athena a listing.
FIRST_DAY = "2026-11-01"


class Analytics(Construct):
    """The Glue database and the Athena workgroup; queries reach them by the names `database` and `work_group`."""

    def __init__(
        self, scope: Construct, name: str, *, settings: DeploymentSettings, storage: Storage, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, name)
        self._settings = settings
        self._storage = storage
        declared = json.loads(DECLARATION.read_text())
        self.database = settings.name_prefix
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self.database, description=f"Gridwatch ({settings.name_prefix}): experiments as tables"
            ),
        )
        for table in declared["tables"]:
            self._table(database, table)
            if table["history"]:
                self._history(database, table)
        self.work_group = settings.name_prefix
        work_group = self._work_group(key)
        for query in declared["queries"]:
            self._query(work_group, query)
            self._view(database, query)

    def _table(self, database: glue.CfnDatabase, table: dict[str, Any]) -> None:
        """A table of the experiments as they stand, with one file for each."""
        resource = glue.CfnTable(
            self,
            _camel(table["name"]) + "Table",
            catalog_id=Aws.ACCOUNT_ID,
            database_name=self.database,
            table_input=glue.CfnTable.TableInputProperty(
                name=table["name"],
                description=table["comment"],
                table_type="EXTERNAL_TABLE",
                parameters={"classification": "parquet", "EXTERNAL": "TRUE"},
                storage_descriptor=self._files(table, f"tables/{table['name']}/"),
            ),
        )
        resource.add_resource_dependency(database)

    def _history(self, database: glue.CfnDatabase, table: dict[str, Any]) -> None:
        """A table of the experiments by day, with one file for each. Athena computes the partitions from the dates, so
        that nobody has to register them.
        """
        folder = f"history/{table['name']}/"
        resource = glue.CfnTable(
            self,
            _camel(table["name"]) + "HistoryTable",
            catalog_id=Aws.ACCOUNT_ID,
            database_name=self.database,
            table_input=glue.CfnTable.TableInputProperty(
                name=f"{table['name']}_history",
                description=f"{table['comment']}; as they stood at the end of each day (UTC) on which they changed",
                table_type="EXTERNAL_TABLE",
                partition_keys=[
                    glue.CfnTable.ColumnProperty(name="dt", type="string", comment="The day, as 2026-11-21 (UTC)")
                ],
                parameters={
                    "classification": "parquet",
                    "EXTERNAL": "TRUE",
                    "projection.enabled": "true",
                    "projection.dt.type": "date",
                    "projection.dt.format": "yyyy-MM-dd",
                    "projection.dt.interval": "1",
                    "projection.dt.interval.unit": "DAYS",
                    "projection.dt.range": f"{FIRST_DAY},NOW",
                    "storage.location.template": f"s3://{self._storage.artifacts.bucket_name}/{folder}dt=${{dt}}/",
                },
                storage_descriptor=self._files(table, folder),
            ),
        )
        resource.add_resource_dependency(database)

    def _files(self, table: dict[str, Any], folder: str) -> glue.CfnTable.StorageDescriptorProperty:
        return glue.CfnTable.StorageDescriptorProperty(
            location=f"s3://{self._storage.artifacts.bucket_name}/{folder}",
            columns=[glue.CfnTable.ColumnProperty(**column) for column in table["columns"]],
            input_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            output_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(
                serialization_library="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                parameters={"serialization.format": "1"},
            ),
        )

    def _view(self, database: glue.CfnDatabase, query: dict[str, Any]) -> None:
        """An Athena view. It is a Glue table whose text is Presto's own record of a view, as CREATE VIEW writes it."""
        record = {
            "originalSql": query["select"],
            "catalog": "awsdatacatalog",
            "schema": self.database,
            "columns": [{"name": column["name"], "type": column["trino"]} for column in query["columns"]],
        }
        text = base64.b64encode(json.dumps(record).encode()).decode()
        resource = glue.CfnTable(
            self,
            _camel(query["name"]) + "View",
            catalog_id=Aws.ACCOUNT_ID,
            database_name=self.database,
            table_input=glue.CfnTable.TableInputProperty(
                name=query["name"],
                description=query["description"],
                table_type="VIRTUAL_VIEW",
                parameters={"presto_view": "true", "comment": "Presto View"},
                view_original_text=f"/* Presto View: {text} */",
                view_expanded_text="/* Presto View */",
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    columns=[
                        glue.CfnTable.ColumnProperty(name=column["name"], type=column["type"])
                        for column in query["columns"]
                    ],
                    serde_info=glue.CfnTable.SerdeInfoProperty(),
                ),
            ),
        )
        resource.add_resource_dependency(database)

    def _work_group(self, key: kms.IKey | None) -> athena.CfnWorkGroup:
        encryption = (
            athena.CfnWorkGroup.EncryptionConfigurationProperty(encryption_option="SSE_KMS", kms_key=key.key_arn)
            if key
            else athena.CfnWorkGroup.EncryptionConfigurationProperty(encryption_option="SSE_S3")
        )
        return athena.CfnWorkGroup(
            self,
            "WorkGroup",
            name=self.work_group,
            description=f"Gridwatch ({self._settings.name_prefix}): queries over experiments",
            recursive_delete_option=not self._settings.keeps_data,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=self._settings.query_scan_limit_gb * 1024**3,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self._storage.artifacts.bucket_name}/athena/",
                    encryption_configuration=encryption,
                ),
            ),
        )

    def _query(self, work_group: athena.CfnWorkGroup, query: dict[str, Any]) -> None:
        resource = athena.CfnNamedQuery(
            self,
            _camel(query["name"]) + "Query",
            name=query["name"],
            description=query["description"],
            database=self.database,
            work_group=self.work_group,
            query_string=query["sql"],
        )
        resource.add_resource_dependency(work_group)


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
