"""What a pool's code needs: one predicate per question of the tree, from facts to an answer with its place.

Knows which facts prove a need, which prove its absence, and when neither is proven: an answer is 'no' only where every use of the
pool is known, and an unseen use makes it 'unknown'. Must never know which API follows from an answer (decision.py), and must
never look at anything but the facts.
"""
