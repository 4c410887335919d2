"""Text output of electronic structure codes: lines, words, and the steps made of them."""
