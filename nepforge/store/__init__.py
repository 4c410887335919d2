"""Results on disk: the content-addressed cache, remote stores, run folders, the workspace.

Begin at `cache`; `workspace` knows where everything lies.
"""
