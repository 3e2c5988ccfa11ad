"""The server of a page for the person at this machine."""
