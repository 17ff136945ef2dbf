"""State of another module, which programs change."""

import math

V = 1.0


def read():
    return math.sin(V)


class K:
    v = 2.0

    def get(self):
        return math.sin(self.v)

    @property
    def prop(self):
        return math.exp(self.v)


O = K()
