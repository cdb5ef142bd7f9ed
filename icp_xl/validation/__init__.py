"""Looking back: would the model of then have worked, and has anything moved since?"""
