"""Untrusted files: bounded in size, checked field by field."""
