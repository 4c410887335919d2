"""`nepforge data`: one module for each of its commands; `group` puts them together."""
