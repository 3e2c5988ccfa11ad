"""Files that anyone may have written: bounded in size, checked field by field."""
