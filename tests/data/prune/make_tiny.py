"""Writes the tiny models of the tests: random weights in the layout of Hugging Face, the inputs, and the outputs by the
forward passes in reference.py. Run in this folder: python make_tiny.py"""
import json
import os
import shutil
import struct

import numpy as np

from reference import Model

D, HEADS, INNER, VOCABULARY, LENGTH, LAYERS = 16, 4, 24, 40, 7, 2
rng = np.random.default_rng(2024)


def rounded(x, dtype):
    """The nearest numbers of a type, as float32; bf16 truncates, which is as good here."""
    if dtype == "F16":
        return x.astype(np.float16).astype(np.float32)
    if dtype == "BF16":
        return (x.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return x.astype(np.float32)


def encoded(x, dtype):
    if dtype == "F16":
        return x.astype("<f2").tobytes()
    if dtype == "BF16":
        return (x.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return x.astype("<f4").tobytes()


def write(path, tensors, dtype):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, x in tensors.items():
        bytes_ = encoded(x, dtype)
        header[name] = {"dtype": dtype, "shape": list(x.shape), "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def weights(shapes, dtype):
    """Random tensors: norms near 1, the others of a size that keeps activations near 1."""
    out = {}
    for name, shape in shapes.items():
        x = rng.standard_normal(shape)
        norm = any(part in name.lower() for part in ("norm", "ln_")) and name.endswith("weight")
        out[name] = rounded(1 + 0.2 * x if norm else 0.5 * x if len(shape) > 1 else 0.2 * x, dtype)
    return out


def linear(name, outputs, inputs, bias=True):
    return {name + ".weight": (outputs, inputs)} | ({name + ".bias": (outputs,)} if bias else {})


def norm(name, bias=True):
    return {name + ".weight": (D,)} | ({name + ".bias": (D,)} if bias else {})


def bert():
    config = dict(model_type="bert", architectures=["BertModel"], hidden_size=D, num_hidden_layers=LAYERS,
                  num_attention_heads=HEADS, intermediate_size=INNER, hidden_act="gelu", layer_norm_eps=1e-12,
                  vocab_size=VOCABULARY, max_position_embeddings=12, type_vocab_size=2)
    shapes = {"embeddings.word_embeddings.weight": (VOCABULARY, D), "embeddings.position_embeddings.weight": (12, D),
              "embeddings.token_type_embeddings.weight": (2, D)} | norm("embeddings.LayerNorm")
    for i in range(LAYERS):
        b = f"encoder.layer.{i}."
        for part in ("query", "key", "value"):
            shapes |= linear(b + "attention.self." + part, D, D)
        shapes |= linear(b + "attention.output.dense", D, D) | norm(b + "attention.output.LayerNorm")
        shapes |= linear(b + "intermediate.dense", INNER, D) | linear(b + "output.dense", D, INNER) | norm(b + "output.LayerNorm")
    return config, shapes | linear("pooler.dense", D, D)


def vit():
    config = dict(model_type="vit", architectures=["ViTForImageClassification"], hidden_size=D, num_hidden_layers=LAYERS,
                  num_attention_heads=HEADS, intermediate_size=INNER, hidden_act="gelu", image_size=6, patch_size=3,
                  num_channels=1, layer_norm_eps=1e-12, qkv_bias=True)
    e = "vit.embeddings."
    shapes = {e + "cls_token": (1, 1, D), e + "patch_embeddings.projection.weight": (D, 1, 3, 3),
              e + "patch_embeddings.projection.bias": (D,), e + "position_embeddings": (1, 5, D)}
    for i in range(LAYERS):
        b = f"vit.encoder.layer.{i}."
        for part in ("query", "key", "value"):
            shapes |= linear(b + "attention.attention." + part, D, D)
        shapes |= linear(b + "attention.output.dense", D, D) | linear(b + "intermediate.dense", INNER, D)
        shapes |= linear(b + "output.dense", D, INNER) | norm(b + "layernorm_before") | norm(b + "layernorm_after")
    return config, shapes | norm("vit.layernorm") | linear("classifier", 3, D)


def gpt2():
    config = dict(model_type="gpt2", architectures=["GPT2LMHeadModel"], n_embd=D, n_layer=LAYERS, n_head=HEADS,
                  n_positions=12, n_inner=INNER, activation_function="gelu_new", layer_norm_epsilon=1e-5,
                  vocab_size=VOCABULARY)
    t = "transformer."
    shapes = {t + "wte.weight": (VOCABULARY, D), t + "wpe.weight": (12, D)}
    for i in range(LAYERS):
        b = f"{t}h.{i}."
        for name, inputs, outputs in (("attn.c_attn", D, 3 * D), ("attn.c_proj", D, D), ("mlp.c_fc", D, INNER),
                                      ("mlp.c_proj", INNER, D)):
            shapes |= {b + name + ".weight": (inputs, outputs), b + name + ".bias": (outputs,)}
        shapes |= norm(b + "ln_1") | norm(b + "ln_2")
    return config, shapes | norm(t + "ln_f")


def opt():
    config = dict(model_type="opt", architectures=["OPTForCausalLM"], hidden_size=D, num_hidden_layers=LAYERS,
                  num_attention_heads=HEADS, ffn_dim=INNER, max_position_embeddings=12, activation_function="relu",
                  vocab_size=VOCABULARY, word_embed_proj_dim=D)
    m = "model.decoder."
    shapes = {m + "embed_tokens.weight": (VOCABULARY, D), m + "embed_positions.weight": (14, D)}
    for i in range(LAYERS):
        b = f"{m}layers.{i}."
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= linear(b + "self_attn." + part, D, D)
        shapes |= norm(b + "self_attn_layer_norm") | linear(b + "fc1", INNER, D) | linear(b + "fc2", D, INNER)
        shapes |= norm(b + "final_layer_norm")
    return config, shapes | norm(m + "final_layer_norm")


def llama(tied):
    config = dict(model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=D, num_hidden_layers=LAYERS,
                  num_attention_heads=HEADS, num_key_value_heads=2, intermediate_size=INNER, hidden_act="silu",
                  rms_norm_eps=1e-5, rope_theta=500.0, tie_word_embeddings=tied, vocab_size=VOCABULARY)
    shapes = {"model.embed_tokens.weight": (VOCABULARY, D)}
    for i in range(LAYERS):
        b = f"model.layers.{i}."
        for part, outputs in (("q", D), ("k", D // 2), ("v", D // 2), ("o", D)):
            shapes |= linear(f"{b}self_attn.{part}_proj", outputs, D, False)
        shapes |= linear(b + "mlp.gate_proj", INNER, D, False) | linear(b + "mlp.up_proj", INNER, D, False)
        shapes |= linear(b + "mlp.down_proj", D, INNER, False)
        shapes |= norm(b + "input_layernorm", False) | norm(b + "post_attention_layernorm", False)
    shapes |= norm("model.norm", False)
    return config, shapes if tied else shapes | {"lm_head.weight": (VOCABULARY, D)}


def save(name, config, shapes, dtype, files=1, prefix=""):
    tensors = weights(shapes, dtype)
    folder = "tiny-" + name
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(folder + "/config.json", "w") as file:
        json.dump(config, file, indent=1)
    stored = {key.removeprefix(prefix): value for key, value in tensors.items()}
    if files == 1:
        write(folder + "/model.safetensors", stored, dtype)
    else:
        names = [f"model-{k + 1:05}-of-{files:05}.safetensors" for k in range(files)]
        keys = list(stored)
        parts = [keys[k::files] for k in range(files)]
        for file, part in zip(names, parts):
            write(f"{folder}/{file}", {key: stored[key] for key in part}, dtype)
        index = {"metadata": {}, "weight_map": {key: file for file, part in zip(names, parts) for key in part}}
        with open(folder + "/model.safetensors.index.json", "w") as file:
            json.dump(index, file, indent=1)
    model = Model(config, {key: value.astype(np.float64) for key, value in tensors.items()})
    extra, mask = {}, None
    if name == "vit":
        inputs = rng.standard_normal((3, 6, 6)).astype(np.float32)
    else:
        inputs = rng.integers(0, VOCABULARY, (3, LENGTH))
    if name == "bert":
        mask = np.arange(LENGTH)[None] < np.array([7, 4, 1])[:, None]
        extra["mask"] = mask
    moments = {}

    def tap(layer, x):
        x = x[mask] if mask is not None else x.reshape(-1, x.shape[-1])
        moments["moment." + layer.removeprefix(prefix)] = x.T @ x / len(x)

    model.tap = tap
    output = model.forward(inputs.astype(np.float64) if name == "vit" else inputs, mask)
    np.savez_compressed(f"{folder}/expected.npz", input=inputs, output=output, **extra, **moments)
    print(folder, sum(x.size for x in tensors.values()), float(np.abs(output).max()))


save("bert", *bert(), "F32", files=2)
save("vit", *vit(), "F16")
save("gpt2", *gpt2(), "F32", prefix="transformer.")
save("opt", *opt(), "F16", files=3)
save("llama", *llama(False), "F32")
save("llama-tied", *llama(True), "BF16")
