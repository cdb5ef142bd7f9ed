"""The search for the weights of the four components, and what it is worth."""
