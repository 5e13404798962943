"""
What a client must do: a raw peer plays the server.
"""
