"""The adapter to MiniStack: everything that touches its private names, for the exact version pinned in the
requirements.

MiniStack offers no plug-in interface; tests/contract/test_localcloud_*.py fail when one of these names changes its
meaning. Call ``environment`` before importing the rest: MiniStack reads its settings when it is imported.
"""
