"""`athena-mcp bench latency`: what layers side by side gain and cost, what the cache saves, how long a start takes."""
