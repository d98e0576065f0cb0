"""NumPy forward passes of BERT, ViT/DeiT, GPT-2, Llama and OPT, block by block, with a tap on the input of every linear
layer: written independently of the crate, from the papers and the names of Hugging Face. Weights are kept as [out, in].
make_tiny.py computes with them what the tests expect."""
import numpy as np
from math import erf as _erf
try:
    from scipy.special import erf
except ImportError:
    erf = np.vectorize(_erf)

def layer_norm(x, w, b, eps):
    c = x - x.mean(-1, keepdims=True)
    return c / np.sqrt((c * c).mean(-1, keepdims=True) + eps) * w + b

def rms_norm(x, w, eps): return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w
ACT = {"gelu": lambda x: 0.5 * x * (1 + erf(x * np.float32(0.7071067811865476))), "gelu_new": lambda x: 0.5 * x * (1 + np.tanh(np.float32(0.7978845608028654) * (x + np.float32(0.044715) * x * x * x))),
       "relu": lambda x: np.maximum(x, 0), "silu": lambda x: x / (1 + np.exp(-x))}

def attention(q, k, v, heads, causal=False, kv=None, mask=None):
    B, T, D = q.shape; d = D // heads; kv = kv or heads
    q = q.reshape(B, T, heads, d).transpose(0, 2, 1, 3)
    k, v = (np.repeat(z.reshape(B, T, kv, d), heads // kv, 2).transpose(0, 2, 1, 3) for z in (k, v))
    s = q @ k.transpose(0, 1, 3, 2) * np.float32(d ** -0.5)
    if causal: s = np.where(np.tril(np.ones((T, T), bool)), s, np.float32(-1e30))
    if mask is not None: s = np.where(mask[:, None, None, :], s, np.float32(-1e30))
    s = np.exp(s - s.max(-1, keepdims=True)); s /= s.sum(-1, keepdims=True)
    return (s @ v).transpose(0, 2, 1, 3).reshape(B, T, D)

class Model:
    """`groups[i]`: the linear layers of block i in the order they run; layers of one inner list share their input."""
    def __init__(self, config, tensors):
        self.c, self.p, self.kind, self.tap = config, dict(tensors), config["model_type"], None
        n = self.c.get("num_hidden_layers", self.c.get("n_layer")); self.layers = n; k = self.kind
        if k == "bert":
            g = lambda i: [[f"encoder.layer.{i}.attention.self.{z}" for z in ("query", "key", "value")], [f"encoder.layer.{i}.attention.output.dense"], [f"encoder.layer.{i}.intermediate.dense"], [f"encoder.layer.{i}.output.dense"]]
        elif k in ("vit", "deit"):
            g = lambda i: [[f"{k}.encoder.layer.{i}.attention.attention.{z}" for z in ("query", "key", "value")], [f"{k}.encoder.layer.{i}.attention.output.dense"], [f"{k}.encoder.layer.{i}.intermediate.dense"], [f"{k}.encoder.layer.{i}.output.dense"]]
        elif k == "gpt2":
            g = lambda i: [[f"transformer.h.{i}.{z}"] for z in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")]
            for i in range(n):
                for (m,) in g(i): self.p[m + ".weight"] = np.ascontiguousarray(self.p[m + ".weight"].T)  # Conv1D stores [in, out]
        elif k == "llama":
            h = "model.layers.{}."; g = lambda i: [[h.format(i) + f"self_attn.{z}_proj" for z in "qkv"], [h.format(i) + "self_attn.o_proj"], [h.format(i) + f"mlp.{z}_proj" for z in ("gate", "up")], [h.format(i) + "mlp.down_proj"]]
        elif k == "opt":
            h = "model.decoder.layers.{}."; g = lambda i: [[h.format(i) + f"self_attn.{z}_proj" for z in "qkv"], [h.format(i) + "self_attn.out_proj"], [h.format(i) + "fc1"], [h.format(i) + "fc2"]]
        else: raise ValueError(k)
        self.groups = [g(i) for i in range(n)]
        self.dense = {m: self.p[m + ".weight"].copy() for gs in self.groups for names in gs for m in names}

    def reset(self):
        for m, w in self.dense.items(): self.p[m + ".weight"] = w.copy()

    def lin(self, m, x):
        if self.tap is not None: self.tap(m, x)
        y = x @ self.p[m + ".weight"].T
        return y + self.p[m + ".bias"] if m + ".bias" in self.p else y

    def embed(self, ids):
        p, c, k = self.p, self.c, self.kind
        if k == "bert":
            x = p["embeddings.word_embeddings.weight"][ids] + p["embeddings.position_embeddings.weight"][:ids.shape[1]] + p["embeddings.token_type_embeddings.weight"][0]
            return layer_norm(x, p["embeddings.LayerNorm.weight"], p["embeddings.LayerNorm.bias"], c["layer_norm_eps"])
        if k in ("vit", "deit"):
            B, S, P, D = len(ids), c["image_size"], c["patch_size"], c["hidden_size"]; g = S // P; e = k + ".embeddings."
            x = ids.reshape(B, g, P, g, P).transpose(0, 1, 3, 2, 4).reshape(B, g * g, P * P) @ p[e + "patch_embeddings.projection.weight"].reshape(D, -1).T + p[e + "patch_embeddings.projection.bias"]
            tok = [p[e + "cls_token"]] + ([p[e + "distillation_token"]] if k == "deit" else [])
            return np.concatenate([np.broadcast_to(t, (B, 1, D)) for t in tokens_(tok)] + [x], 1) + p[e + "position_embeddings"]
        if k == "gpt2": return p["transformer.wte.weight"][ids] + p["transformer.wpe.weight"][:ids.shape[1]]
        if k == "llama": return p["model.embed_tokens.weight"][ids]
        return p["model.decoder.embed_tokens.weight"][ids] + p["model.decoder.embed_positions.weight"][2:2 + ids.shape[1]]

    def block(self, i, x, mask=None):
        p, c, k, lin = self.p, self.c, self.kind, self.lin; g = self.groups[i]
        if k == "bert":
            b = f"encoder.layer.{i}."; eps = c["layer_norm_eps"]; ln = lambda x, m: layer_norm(x, p[b + m + ".weight"], p[b + m + ".bias"], eps)
            x = ln(x + lin(g[1][0], attention(*(lin(m, x) for m in g[0]), c["num_attention_heads"], mask=mask)), "attention.output.LayerNorm")
            return ln(x + lin(g[3][0], ACT[c["hidden_act"]](lin(g[2][0], x))), "output.LayerNorm")
        if k in ("vit", "deit"):
            b = f"{k}.encoder.layer.{i}."; ln = lambda x, m: layer_norm(x, p[b + m + ".weight"], p[b + m + ".bias"], c["layer_norm_eps"]); a = ln(x, "layernorm_before")
            x = x + lin(g[1][0], attention(*(lin(m, a) for m in g[0]), c["num_attention_heads"]))
            return x + lin(g[3][0], ACT[c["hidden_act"]](lin(g[2][0], ln(x, "layernorm_after"))))
        if k == "gpt2":
            b = f"transformer.h.{i}."; ln = lambda x, m: layer_norm(x, p[b + m + ".weight"], p[b + m + ".bias"], c["layer_norm_epsilon"])
            x = x + lin(g[1][0], attention(*np.split(lin(g[0][0], ln(x, "ln_1")), 3, -1), c["n_head"], True))
            return x + lin(g[3][0], ACT[c["activation_function"]](lin(g[2][0], ln(x, "ln_2"))))
        if k == "llama":
            b = f"model.layers.{i}."; H, KV, eps = c["num_attention_heads"], c["num_key_value_heads"], c["rms_norm_eps"]; a = rms_norm(x, p[b + "input_layernorm.weight"], eps)
            q, kk, v = (lin(m, a) for m in g[0]); x = x + lin(g[1][0], attention(self.rotary(q, H), self.rotary(kk, KV), v, H, True, KV))
            a = rms_norm(x, p[b + "post_attention_layernorm.weight"], eps)
            return x + lin(g[3][0], ACT["silu"](lin(g[2][0], a)) * lin(g[2][1], a))
        b = f"model.decoder.layers.{i}."; ln = lambda x, m: layer_norm(x, p[b + m + ".weight"], p[b + m + ".bias"], 1e-5); a = ln(x, "self_attn_layer_norm")
        x = x + lin(g[1][0], attention(*(lin(m, a) for m in g[0]), c["num_attention_heads"], True))
        return x + lin(g[3][0], ACT["relu"](lin(g[2][0], ln(x, "final_layer_norm"))))

    def rotary(self, x, heads):
        B, n, D = x.shape; d = D // heads; inv = self.c["rope_theta"] ** (-np.arange(0, d, 2) / d); a = np.outer(np.arange(n), np.concatenate([inv, inv]))
        x = x.reshape(B, n, heads, d); cos, sin = np.cos(a).astype(np.float32)[None, :, None], np.sin(a).astype(np.float32)[None, :, None]
        return (x * cos + np.concatenate([-x[..., d // 2:], x[..., :d // 2]], -1) * sin).reshape(B, n, D)

    def head(self, x, mask=None):
        p, k = self.p, self.kind
        if k == "bert":
            m = mask[..., None].astype(np.float32); e = (x * m).sum(1) / m.sum(1); return e / np.linalg.norm(e, axis=1, keepdims=True)
        if k in ("vit", "deit"): return layer_norm(x[:, 0], p[k + ".layernorm.weight"], p[k + ".layernorm.bias"], self.c["layer_norm_eps"]) @ p["classifier.weight"].T + p["classifier.bias"]
        if k == "gpt2": return layer_norm(x, p["transformer.ln_f.weight"], p["transformer.ln_f.bias"], self.c["layer_norm_epsilon"]) @ p["transformer.wte.weight"].T
        if k == "llama": return rms_norm(x, p["model.norm.weight"], self.c["rms_norm_eps"]) @ p.get("lm_head.weight", p["model.embed_tokens.weight"]).T
        return layer_norm(x, p["model.decoder.final_layer_norm.weight"], p["model.decoder.final_layer_norm.bias"], 1e-5) @ p["model.decoder.embed_tokens.weight"].T

    def forward(self, ids, mask=None):
        x = self.embed(ids)
        for i in range(self.layers): x = self.block(i, x, mask)
        return self.head(x, mask)

def tokens_(t): return t
