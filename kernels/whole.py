"""The whole run, of which a process may hold a part of the neurons only.

What a kernel adds up over the slots of a part has to be completed by the other parts before it
means anything. A kernel that is not told of a whole has all neurons.
"""

from collections import namedtuple

Whole = namedtuple("Whole", "m add")
"""The number of all neurons, and a function ``add(acc)``: ``acc`` (n_slots, ...) float64 holds a
row for each slot of this part; afterwards ``acc[0]`` is the sum over all slots of all parts, the
same on each of them. It has to be called by all parts alike."""
