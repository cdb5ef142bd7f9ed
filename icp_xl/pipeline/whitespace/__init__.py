"""From division scores to the list that reps work from."""
