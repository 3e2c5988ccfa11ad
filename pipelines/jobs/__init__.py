"""Jobs: settings in, files out, a dict for `--json`."""
