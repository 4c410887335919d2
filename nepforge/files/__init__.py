"""Files and folders on disk: compression, text encodings, links, layouts of folders.

`content` opens one file, `folders` finds the data files in a tree.
"""
