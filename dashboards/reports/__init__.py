"""Reports: offline pages about fitted models."""
