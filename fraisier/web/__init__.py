"""The webhook server: ``intake`` answers deliveries, ``app`` everything else, ``serve`` keeps the processes."""
