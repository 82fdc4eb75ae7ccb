"""The page to try the API, at `/api/try`: its files, and what serves them.

The page draws itself from the four descriptions of the API (OpenAPI and AsyncAPI) and knows no call of its own, so it
can neither lag behind what is served nor promise more.
"""
