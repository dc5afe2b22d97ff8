"""The analytic tables: what their columns mean, how records become rows and rows Parquet, what is asked of them."""
