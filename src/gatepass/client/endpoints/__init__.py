"""Auth endpoints that a program calls through the layers of its client: links, lost factors."""
