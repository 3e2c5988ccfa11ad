"""The value of the users that each campaign acquired."""
