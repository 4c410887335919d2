"""Files and folders on disk: compression, text encodings, symbolic links.

`content` opens one file, `folders` walks a tree.
"""
