"""The ledger: what was asked, what happened, what runs where. ``write`` for commands, ``read`` for queries, ``database`` to embed it."""
