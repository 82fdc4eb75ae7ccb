"""What `exchange up` does: one home, its servers and its roles, started in order, watched, stopped in order.

`home` holds the lock and the notes of what runs, `signals` turns signals into ordinary waiting, `children` keeps
processes alive, `start` is the sequence from nothing to `ready`. No role needs any of it: each runs on its own with its
settings.
"""
