"""What a program asks for its account through the layers of its client: sessions, password, links, lost factors."""
