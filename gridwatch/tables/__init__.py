"""The analytic tables: their columns, how records become rows and rows become Parquet, and the queries on them."""
