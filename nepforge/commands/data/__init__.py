"""`nepforge data`: one module per command; `group` combines them."""
