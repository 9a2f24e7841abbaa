"""Low-discrepancy points for quiet starts: a scrambled Sobol sequence, in integer arithmetic.

Digit k of the number of a point, from the least significant one on, contributes a column of each of
its coordinates; the point is the exclusive or of the columns of the digits that are 1. Any point is
therefore known without those before it, and n points in a row cost one exclusive or each.

Columns of the first three coordinates: I. M. Sobol, "On the distribution of points in a cube and
the approximate evaluation of integrals", USSR Comput. Math. Math. Phys. 7 (1967), with the
primitive polynomials 1, x + 1 and x^2 + x + 1. Scramble: a random matrix, lower triangular with 1
on the diagonal, is applied to the digits of each coordinate, and a random number is added digit by
digit (J. Matousek, "On the L2-discrepancy for anchored boxes", J. Complexity 14 (1998)). Each point
is then uniformly distributed, all together stay as evenly spread as before, and the variance of a
mean is that of nested uniform scrambling (A. B. Owen, "Variance with alternative scramblings of
digital nets", ACM Trans. Model. Comput. Simul. 13 (2003)).
"""

import numpy as np

_DIGITS = 64
_ONE, _TOP = np.uint64(1), np.uint64(_DIGITS - 1)
_TABLE = 16  # digits of a number that are looked up together
_POLYNOMIALS = ((1, (1,)), (3, (1,)), (7, (1, 3)))
"""Of each coordinate: the polynomial's coefficients as binary digits, and the first numbers m_k."""


def _columns(polynomial: int, first: tuple[int, ...]) -> np.ndarray:
    """The 64 columns of a coordinate, uint64, with the most significant digit in the highest bit.

    They are m_k 2^(63 - k) with m_k the recurrence of the polynomial x^d + ... + 1:
    m_k = 2 c_1 m_(k-1) ^ 4 c_2 m_(k-2) ^ ... ^ 2^d m_(k-d) ^ m_(k-d).
    """
    degree = polynomial.bit_length() - 1
    m = list(first)
    for k in range(len(first), _DIGITS):
        if degree == 0:
            m.append(1)
            continue
        value = m[k - degree]
        for i in range(1, degree + 1):
            if polynomial >> (degree - i) & 1:
                value ^= m[k - i] << i
        m.append(value)
    return np.array([value << (_DIGITS - 1 - k) for k, value in enumerate(m)], np.uint64)


def _parity(words: np.ndarray) -> np.ndarray:
    """Whether the number of digits that are 1 is odd, as 0 or 1."""
    for shift in (32, 16, 8, 4, 2, 1):
        words = words ^ words >> np.uint64(shift)
    return words & _ONE


def _scrambled(columns: np.ndarray, words: np.ndarray) -> np.ndarray:
    """These columns after a random lower triangular matrix, of which row i takes word i."""
    out = np.zeros_like(columns)
    for i in range(_DIGITS):
        place = _TOP - np.uint64(i)
        row = ((words[i] >> place) | _ONE) << place  # what is above the diagonal is 0
        out |= _parity(columns & row) << place
    return out


def _reordered(columns: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Columns of the same points in another order, in which every so-many-th is usually spread too.

    Of a plain sequence every 2^k-th point lies in one of 2^k equal strips, and a frame shows every
    so-many-th neuron. Column k plus a random choice of those before it orders the points within
    each block of 2^k anew, and no other way: the first 2^k points stay the first 2^k points.
    """
    out = columns.copy()
    for k in range(_DIGITS):
        for l in range(k):
            if words[k] >> np.uint64(l) & _ONE:
                out[:, k] ^= columns[:, l]
    return out


class QuietPoints:
    """Points in the unit cube, spread evenly, as fractions of 2^64.

    Parameters
    ----------
    seed : int
        Of the scramble: key of a Philox generator, whose words are far from those that independent
        neurons of this seed take.
    coordinates : int
        At most 3.
    """

    def __init__(self, seed: int, coordinates: int) -> None:
        words = np.random.Philox(key=seed).jumped(1).random_raw((2 * coordinates + 1, _DIGITS))
        columns = [
            _scrambled(_columns(*polynomial), words[d])
            for d, polynomial in enumerate(_POLYNOMIALS[:coordinates])
        ]
        self._columns = _reordered(np.stack(columns), words[-1])
        self._shift = words[coordinates : 2 * coordinates, 0]
        table = np.zeros((1, coordinates), np.uint64)
        for k in range(_TABLE):
            table = np.concatenate([table, table ^ self._columns[:, k]])
        self._table = table

    def __call__(self, first: int, last: int) -> np.ndarray:
        """The points first .. last - 1, (n, coordinates) uint64."""
        out = np.empty((last - first, self._shift.size), np.uint64)
        size = self._table.shape[0]
        for block in range(first // size, -(-last // size)):
            lo, hi = max(first, block * size), min(last, (block + 1) * size)
            base = self._shift.copy()
            for k in range(block.bit_length()):
                if block >> k & 1:
                    base ^= self._columns[:, _TABLE + k]
            rows = self._table[lo - block * size : hi - block * size]
            np.bitwise_xor(rows, base, out=out[lo - first : hi - first])
        return out
