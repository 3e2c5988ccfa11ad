"""What lies behind the name of a source: files and folders, their formats, and the types of text in them."""
