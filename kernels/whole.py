"""The whole run, of which a process may hold only a part of the neurons.

The sums of a kernel over the slots of its part mean nothing before those of the other parts are
added. A kernel that is called without a whole has all neurons.
"""

from collections import namedtuple

Whole = namedtuple("Whole", "m add")
"""The number of all neurons, and a function ``add(acc)``: ``acc`` (n_slots, ...) float64 holds a
row for each slot of this part; afterwards ``acc[0]`` is the sum over all slots of all parts, the
same on each of them. All parts have to call the function, the same number of times."""
