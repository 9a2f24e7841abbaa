"""Constants of the physics that depend on the precision in which it is computed.

Device kernels of a float32 state compute in float32; there, constants of these names have these
values, in whichever module they are used.
"""

SINGLE = {
    "MOST_RAPIDITY": 40.0,  # exp(g t)^2 must not overflow
    "_PARALLEL": 2.0**-21,
    "AT_ORIGIN": 2.0**-20,
}
