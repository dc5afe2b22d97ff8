"""The analytic tables: what their columns mean, how records become rows, how rows become Parquet, what is asked of them."""
