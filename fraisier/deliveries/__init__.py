"""Webhooks between the provider's words and the ledger: who may call, what a push deploys, and writing it down.

``hooks`` and ``routes`` are made once from a configuration, ``decide`` judges a delivery by them, ``accept`` makes it durable.
"""
