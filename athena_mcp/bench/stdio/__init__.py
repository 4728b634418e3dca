"""What a host waits for: the server's start, its answers over stdio with many memories, and the memory it takes."""
