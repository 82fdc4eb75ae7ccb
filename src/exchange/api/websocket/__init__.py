"""What all WebSocket doors share: bounded queues of what a connection still has to be sent."""
