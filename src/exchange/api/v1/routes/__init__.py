"""The routes of `/api/v1`, by subject; `table` is the list of all."""
