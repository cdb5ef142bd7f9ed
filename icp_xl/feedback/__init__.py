"""The feedback loop: what was predicted, what happened, and what may be learned from it.

Snapshots keep the pipeline as it was scored on a day; outcomes record what became of it; accuracy, loss patterns and
confidence levels compare the two; refinement suggests weights, and a trial of champion against challenger decides.
"""
