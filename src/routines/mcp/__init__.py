"""The MCP server: the client's calls as tools, for agents whose program speaks the Model Context Protocol.

It speaks HTTP to the service, as whoever calls it; nothing of the service is imported but the core's rules.
"""
