"""Charts: a Polars frame in, an Altair chart out."""
