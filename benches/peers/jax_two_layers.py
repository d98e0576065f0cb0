#!/usr/bin/env python3
"""The networks of `widelimit run digits` in JAX, as a user of JAX would write them.

    widelimit run digits --study gap --set 'gap.sweep=[]' --set 'variants=[]' --set run.states=all --out RUN
    python benches/peers/jax_two_layers.py RUN --check     # final parameters and risks are those of RUN, to 1e-9
    python benches/peers/jax_two_layers.py RUN             # seconds of every width, their sum, and the compilation

Needs JAX 0.4 or later. Compare the sum with the phase "networks" of the run, in one sitting, several times.
"""
import jax.numpy as jnp
import jax_networks


def predict(parameters, x):
    """(1/N) sum_i a_i tanh(<w_i, x> + b_i), (n, K)."""
    hidden = jnp.tanh(x @ parameters["w"].T + parameters["b"].T)
    return hidden @ parameters["a"] / parameters["w"].shape[0]


def scales(parameters):
    """The neurons N, by which the gradient of the risk is multiplied."""
    width = parameters["w"].shape[0]
    return {"w": width, "b": width, "a": width}


if __name__ == "__main__":
    jax_networks.main(__doc__, "two-layer", predict, scales, ["w", "b", "a"])
