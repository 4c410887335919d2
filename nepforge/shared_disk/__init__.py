"""What several processes need to share a folder, also on network file systems.

`locks` (who may write), `durable` (writes that survive a crash), `work` and `held` (who builds
what).
"""
