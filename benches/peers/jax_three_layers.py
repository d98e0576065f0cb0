#!/usr/bin/env python3
"""The networks of `widelimit run digits3` in JAX, as a user of JAX would write them.

    widelimit run digits3 --study gap --set 'gap.sweep=[]' --set 'variants=[]' --set run.states=all --out RUN
    python benches/peers/jax_three_layers.py RUN --check   # final parameters and risks are those of RUN, to 1e-9
    python benches/peers/jax_three_layers.py RUN           # seconds of every width, their sum, and the compilation

Needs JAX 0.4 or later. Compare the sum with the phase "networks" of the run, in one sitting, several times.
"""
import jax.numpy as jnp
import jax_networks


def predict(parameters, x):
    """(1/N2) sum_j a_j tanh((1/N1) sum_i u_ij tanh(<w_i, x> + b_i) + c_j), (n, K)."""
    first = jnp.tanh(x @ parameters["w"].T + parameters["b"].T)
    second = jnp.tanh(first @ parameters["u"] / first.shape[1] + parameters["c"].T)
    return second @ parameters["a"] / second.shape[1]


def scales(parameters):
    """The factors of the gradient of the risk: N1, N1 N2 and N2."""
    first, second = parameters["u"].shape
    return {"w": first, "b": first, "u": first * second, "c": second, "a": second}


if __name__ == "__main__":
    jax_networks.main(__doc__, "three-layer", predict, scales, ["w", "b", "u", "c", "a"])
