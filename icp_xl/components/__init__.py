"""Score components as records: what each needs, how it is measured, its formula, and its words.

A :class:`~icp_xl.components.record.Component` is a declaration, by a preset or by a user's settings. Fitted on a
population it becomes a :class:`~icp_xl.components.fitted.FittedComponent`, which the score model holds. Nothing else
knows which components there are, or how many. Only numpy is needed here, so that worksheet functions start quickly.
"""
