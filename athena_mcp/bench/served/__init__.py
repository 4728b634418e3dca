"""The real server as a process: started, spoken to over stdio, watched."""
