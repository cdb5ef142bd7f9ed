"""Components, industry weights, the score model, grades and segments."""
