"""Who asks: users and passwords, tokens, keys and signatures."""
