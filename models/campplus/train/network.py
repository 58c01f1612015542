"""CAM++ (arXiv 2303.00332) in inference form for training a few of its parameters: every batch norm is a scale and a shift.

The numbers are those of `vouch embed --vad off` to 1e-4.
"""
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

EPS = 1e-5
BLOCKS = [(12, 1), (24, 2), (16, 2)]  # dense layers and dilation
SEGMENT = 100
LAST = "xvector.dense"  # computed in single precision


def key(name):
    return name.replace(".", "/")  # ParameterDict takes no dots


class CamPlusPlus(nn.Module):
    """All parameters are frozen; `parameter(name)` gives one. Computes in `dtype` but for the last layer."""

    def __init__(self, path, adapter=None, dtype=torch.bfloat16):
        super().__init__()
        self.dtype = dtype
        self.tensors = load_file(path) | ({n: v.float() for n, v in load_file(adapter).items()} if adapter else {})
        folded = dict(self.tensors)
        for norm in [n.removesuffix(".running_mean") for n in folded if n.endswith(".running_mean")]:
            scale, shift = self.folded(norm)
            for part in ("running_mean", "running_var", "weight", "bias"):
                folded.pop(f"{norm}.{part}", None)
            folded |= {f"{norm}.scale": scale, f"{norm}.shift": shift}
        self.free = nn.ParameterDict({key(n): nn.Parameter(v.float().clone(), requires_grad=False) for n, v in folded.items()})

    def folded(self, norm):
        mean, variance = self.tensors[f"{norm}.running_mean"], self.tensors[f"{norm}.running_var"]
        scale = self.tensors.get(f"{norm}.weight", torch.ones_like(mean)) / (variance + EPS).sqrt()
        return scale, self.tensors.get(f"{norm}.bias", torch.zeros_like(mean)) - mean * scale

    def parameter(self, name):
        return self.free[key(name)]

    def weight(self, name):
        value = self.parameter(name)
        return value if name.startswith(LAST) else value.to(self.dtype)

    def norm(self, name, x, relu=True):
        scale, shift = self.parameter(name + ".scale"), self.parameter(name + ".shift")
        zero = torch.zeros_like(scale.detach())
        y = F.batch_norm(x, zero, zero + 1, scale, shift, False, 0.0, 0.0)
        return y.relu_() if relu else y

    def residual(self, name, x, stride):
        y = self.norm(name + ".bn1", F.conv2d(x, self.weight(name + ".conv1.weight"), stride=(stride, 1), padding=1))
        y = self.norm(name + ".bn2", F.conv2d(y, self.weight(name + ".conv2.weight"), padding=1), False)
        if stride > 1:
            around = F.conv2d(x, self.weight(name + ".shortcut.0.weight"), stride=(stride, 1))
            x = self.norm(name + ".shortcut.1", around, False)
        return (y + x).relu()

    def masked(self, name, x, dilation):
        y = F.conv1d(x, self.weight(name + ".linear_local.weight"), padding=dilation, dilation=dilation)
        means = F.avg_pool1d(x, SEGMENT, SEGMENT, ceil_mode=True)
        means = means.unsqueeze(-1).expand(*means.shape, SEGMENT).flatten(2)[..., : x.shape[-1]]
        context = x.mean(2, keepdim=True) + means
        hidden = F.conv1d(context, self.weight(name + ".linear1.weight"), self.weight(name + ".linear1.bias")).relu()
        return y * F.conv1d(hidden, self.weight(name + ".linear2.weight"), self.weight(name + ".linear2.bias")).sigmoid()

    def forward(self, x):
        """Embeddings (batch x 192) of mean-free features (batch x frames x 80)."""
        x = x.transpose(1, 2).unsqueeze(1).to(self.dtype).contiguous(memory_format=torch.channels_last)
        x = self.norm("head.bn1", F.conv2d(x, self.weight("head.conv1.weight"), padding=1))
        for name, stride in (("layer1.0", 2), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)):
            x = self.residual("head." + name, x, stride)
        x = self.norm("head.bn2", F.conv2d(x, self.weight("head.conv2.weight"), stride=(2, 1), padding=1)).flatten(1, 2)
        x = F.conv1d(x, self.weight("xvector.tdnn.linear.weight"), stride=2, padding=2)
        x = self.norm("xvector.tdnn.nonlinear.batchnorm", x)
        for block, (layers, dilation) in enumerate(BLOCKS, 1):
            for layer in range(1, layers + 1):
                name = f"xvector.block{block}.tdnnd{layer}"
                y = self.norm(name + ".nonlinear1.batchnorm", x)
                y = self.norm(name + ".nonlinear2.batchnorm", F.conv1d(y, self.weight(name + ".linear1.weight")))
                x = torch.cat([x, self.masked(name + ".cam_layer", y, dilation)], 1)
            name = f"xvector.transit{block}"
            x = F.conv1d(self.norm(name + ".nonlinear.batchnorm", x), self.weight(name + ".linear.weight"))
        x = self.norm("xvector.out_nonlinear.batchnorm", x.float())
        x = torch.cat([x.mean(2), x.std(2)], 1)
        x = F.linear(x, self.weight(LAST + ".linear.weight")[:, :, 0])
        return self.norm(LAST + ".nonlinear.batchnorm", x, False)

    def changed(self):
        """What differs from the weights that were read, under the names that `vouch` reads."""
        found = {}
        for name, value in ((n.replace("/", "."), v.detach()) for n, v in self.free.items()):
            if name.endswith(".scale"):
                norm = name.removesuffix(".scale")
                shift = self.parameter(norm + ".shift").detach()
                if all(torch.equal(a, b) for a, b in zip((value, shift), self.folded(norm))):
                    continue
                found[norm + ".weight"] = value * (self.tensors[norm + ".running_var"] + EPS).sqrt()
                found[norm + ".bias"] = shift + self.tensors[norm + ".running_mean"] * value
            elif name in self.tensors and not torch.equal(value, self.tensors[name]):
                found[name] = value
        return found
