"""Git: what is there (remote); who may call comes with the webhook server."""
