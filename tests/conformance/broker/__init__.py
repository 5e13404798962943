"""
What a broker must do: a raw peer plays the client.
"""
