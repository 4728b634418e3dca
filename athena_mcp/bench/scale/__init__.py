"""`athena-mcp bench scale`: recall, remember, import and size, with ever more memories."""
