"""The network `mfcc-tdnn`: causal, so that a call is processed once, as it comes.

Input: B x T x 40 MFCC of speech frames, 10 ms apart. Output: B x 192. Every convolution is a matrix product
over neighboring frames, batch norms are folded into it on export. Pooling: multi-head attentive
statistics (Okabe et al., Interspeech 2018), with bounded logits so that sums can be kept while the call
goes on.
"""
import torch
from torch import nn
from torch.nn import functional as F

COEFFICIENTS = 40
BLOCK = 100  # frames over which the running mean stays: 1 s
PRIOR_FRAMES = 50
KERNEL, STRIDE = 7, 3
WIDTH, NARROW, FINAL = 320, 160, 640
DILATIONS = (1, 2, 3, 1, 2, 3, 4)
ATTENTION, HEADS = 64, 8
EMBEDDING = 192
LEAST_VARIANCE = 1e-5
MOST_LOGIT = 6.0


def unfold(norm, y, bias):
    """Makes a norm that adds `bias` to values distributed like `y`."""
    norm.running_mean.copy_(y.mean(0))
    norm.running_var.copy_(y.var(0))
    norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))
    norm.bias.copy_(norm.running_mean + bias)


class Normed(nn.Module):
    """Linear, then batch norm; the linear's bias is the norm's."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x):
        return self.norm(self.linear(x).flatten(0, -2)).view(*x.shape[:-1], -1)

    def folded(self):
        gain = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        return self.linear.weight * gain[:, None], self.norm.bias - self.norm.running_mean * gain

    def unfold(self, x, weight, bias):
        """Takes folded weights; the norm's statistics are those of `x`. Returns what comes of `x`."""
        self.linear.weight.copy_(weight)
        y = self.linear(x)
        unfold(self.norm, y.flatten(0, -2), bias)
        return y + bias


class Block(nn.Module):
    def __init__(self, dilation):
        super().__init__()
        self.dilation = dilation
        self.reduce = Normed(WIDTH, NARROW)
        self.context = Normed(3 * NARROW, NARROW)
        self.expand = Normed(NARROW, WIDTH)

    def taps(self, a):
        d, frames = self.dilation, a.shape[1]
        padded = F.pad(a, (0, 0, 2 * d, 0))
        return torch.cat([padded[:, i * d : i * d + frames] for i in range(3)], -1)

    def forward(self, x):
        a = F.relu(self.reduce(x))
        return F.relu(x + self.expand(F.relu(self.context(self.taps(a)))))

    def unfold(self, x, reduce, context, expand):
        a = F.relu(self.reduce.unfold(x, *reduce))
        b = F.relu(self.context.unfold(self.taps(a), *context))
        return F.relu(x + self.expand.unfold(b, *expand))


class Tdnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mu", torch.zeros(COEFFICIENTS))
        self.register_buffer("scale", torch.ones(COEFFICIENTS))
        self.layer0 = Normed(KERNEL * COEFFICIENTS, WIDTH)
        self.blocks = nn.ModuleList(Block(d) for d in DILATIONS)
        self.final = Normed(WIDTH, FINAL)
        self.hidden = Normed(FINAL, ATTENTION)
        self.heads = nn.Linear(ATTENTION, HEADS)
        self.pooled = nn.BatchNorm1d(2 * FINAL)
        self.embedding = nn.Linear(2 * FINAL, EMBEDDING)
        nn.init.zeros_(self.heads.weight)
        nn.init.zeros_(self.heads.bias)

    def normalized(self, x):
        """Minus the mean of all frames up to the end of the frame's second, and of a prior."""
        frames = x.shape[1]
        sums = torch.cumsum(x, 1) + PRIOR_FRAMES * self.mu
        ends = torch.arange(frames, device=x.device) // BLOCK * BLOCK + BLOCK
        ends = ends.clamp(max=frames)
        mean = sums[:, ends - 1] / (ends[:, None] + PRIOR_FRAMES)
        return (x - mean) * self.scale

    def frames(self, x):
        x = F.pad(self.normalized(x), (0, 0, KERNEL - STRIDE, 0))
        windows = x.unfold(1, KERNEL, STRIDE).transpose(-1, -2).flatten(-2)
        x = F.relu(self.layer0(windows))
        for block in self.blocks:
            x = block(x)
        return F.relu(self.final(x))

    def statistics(self, h):
        """Weighted mean and deviation of the frames' values, B x 2 FINAL."""
        logits = self.heads(F.relu(self.hidden(h))).float()
        w = torch.exp(MOST_LOGIT * torch.tanh(logits / MOST_LOGIT))
        w = (w / w.sum(1, keepdim=True)).repeat_interleave(FINAL // HEADS, -1)
        h = h.float()
        mean = (w * h).sum(1)
        deviation = torch.sqrt(((w * h * h).sum(1) - mean**2).clamp(min=LEAST_VARIANCE))
        return torch.cat([mean, deviation], -1)

    def forward(self, x):
        return self.embedding(self.pooled(self.statistics(self.frames(x))))

    @torch.no_grad()
    def unfold(self, tensors, x):
        """The opposite of `folded`: training goes on from exported weights. `x` is a batch of input."""
        t = {name: tensor.float() for name, tensor in tensors.items()}
        of = lambda name: (t[f"{name}.weight"], t[f"{name}.bias"])
        self.mu.copy_(t["mu"])
        self.scale.copy_(t["scale"])
        x = F.pad(self.normalized(x), (0, 0, KERNEL - STRIDE, 0))
        x = F.relu(self.layer0.unfold(x.unfold(1, KERNEL, STRIDE).transpose(-1, -2).flatten(-2), *of("layer0")))
        for i, block in enumerate(self.blocks):
            x = block.unfold(x, *(of(f"block{i}.{name}") for name in ("reduce", "context", "expand")))
        h = F.relu(self.final.unfold(x, *of("final")))
        self.hidden.unfold(h, *of("attention.hidden"))
        self.heads.weight.copy_(t["attention.heads.weight"])
        self.heads.bias.copy_(t["attention.heads.bias"])
        self.embedding.weight.copy_(t["embedding.weight"])
        self.embedding.bias.copy_(t["embedding.bias"])
        unfold(self.pooled, self.statistics(h), 0.0)

    def folded(self):
        """The tensors that inference reads, by name; weights are outputs x inputs."""
        tensors = {"mu": self.mu, "scale": self.scale}
        layers = {"layer0": self.layer0, "final": self.final, "attention.hidden": self.hidden}
        for i, block in enumerate(self.blocks):
            for name in ("reduce", "context", "expand"):
                layers[f"block{i}.{name}"] = getattr(block, name)
        for name, layer in layers.items():
            tensors[f"{name}.weight"], tensors[f"{name}.bias"] = layer.folded()
        tensors["attention.heads.weight"], tensors["attention.heads.bias"] = self.heads.weight, self.heads.bias
        norm = self.pooled
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * gain
        tensors["embedding.weight"] = self.embedding.weight * gain
        tensors["embedding.bias"] = self.embedding.bias + self.embedding.weight @ shift
        return {name: tensor.detach().float() for name, tensor in tensors.items()}
