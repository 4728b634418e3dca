"""What each layer keeps and asks, with its SQL beside it."""
