"""Parts of pages: HTML, blocks, where they may be written."""
