"""The processes' inner lives: what an engine, a standby and a replay do, told in terms of the effects interface alone.

Nothing here knows Redis, files, clocks or event loops: a role is handed its `Log`, `SnapshotStore` and `Clock`, and so
runs unchanged in the fault simulator. What touches the world stands in `effects`, what starts a role in `cli`.
"""
