"""What answers at this door, by subject; `table` is the list of all."""
