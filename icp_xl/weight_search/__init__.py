"""The search for the weights of the components, and what it is worth."""
