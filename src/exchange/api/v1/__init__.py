"""The exchange's own API, `/api/v1`: routes, answers, its WebSocket."""
