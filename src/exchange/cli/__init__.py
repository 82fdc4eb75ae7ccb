"""One command, `exchange`: each sub-command is one module here with `HELP`, `configure` and `run`."""
