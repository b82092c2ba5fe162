"""The sender's last touch on an analog transmission: numbers changed so that this picture arrives best."""

from __future__ import annotations

import torch

from channelvq.models.analog import AnalogTransform, Arrival, Plan
from channelvq.models.spectrum import shrinkage

__all__ = ["refined"]

_STEP = 0.3  # of a Newton step, were the receiver linear and the channel clean
_MOMENTUM = 0.8
_CAUTION = 4.0  # curvature, in its mean, that is added to that of each number: gradients are noisy
_OVERSHOOT = 0.2  # how far pixels may be off the range of colours and still count


def refined(
    network: AnalogTransform,
    picture: torch.Tensor,
    numbers: torch.Tensor,
    plan: Plan,
    noise: float,
    snr_db: float,
    steps: int,
) -> torch.Tensor:
    """Lower the squared error that the receiver is expected to make of one picture.

    The sender runs the receiver over noise of its own drawing and follows the gradient, as encoders of
    compression do with no channel between [1]_. Each step sees a draw of noise and its negative, in whose sum
    the error's linear part cancels. Steps have momentum, are scaled by how much the linear estimate makes of
    a number, get shorter, and the later half of them is averaged. The receiver is the same and need not be
    told.

    Parameters
    ----------
    network : AnalogTransform
        Of both sides.
    picture : float tensor [1, 3, H, W]
        In [0, 1], sides multiples of 8.
    numbers : float tensor [1, channels, h, w]
        What the networks would send, of any power.
    plan : Plan
        What is sent.
    noise : float
        Variance on each number, of mean power 1.
    snr_db : float
        Es/N0 that both sides are told.
    steps : int
        How many; each takes as long as receiving the picture six times. Memory grows with the picture, by
        about 25 kB a position of 8×8 pixels.

    Returns
    -------
    float tensor [1, channels, h, w]

    References
    ----------
    .. [1] J. Campos, S. Meierhans, A. Djelouah, C. Schroers, "Content adaptive optimization for neural image
       compression", CVPR Workshops 2019.
    """
    with torch.inference_mode(False), torch.enable_grad():
        plan = Plan(plan.log_variance.clone(), plan.sent.clone(), plan.gain.clone())
        picture, found = picture.clone(), numbers.clone()
        receiver = _Receiver(network, plan, noise, snr_db)
        curvature = receiver.curvature() * (2 / picture.numel())
        draws = torch.Generator().manual_seed(0)
        speed, total = torch.zeros_like(found), torch.zeros_like(found)
        for step in range(steps):
            normals = torch.randn(found.shape, generator=draws)
            slope = receiver.slope(found, picture, normals) + receiver.slope(found, picture, -normals)
            pace = _STEP * (1 - step / steps) / (1 + noise)
            speed = _MOMENTUM * speed - pace * slope / curvature
            found = found + speed
            if step >= steps // 2:
                total += found
    return total / (steps - steps // 2)


class _Receiver:
    """The receiver as the sender imagines it."""

    def __init__(self, network: AnalogTransform, plan: Plan, noise: float, snr_db: float) -> None:
        self.network, self.plan, self.noise = network, plan, noise
        self.told = torch.tensor([snr_db])
        self.variance = torch.where(plan.sent, noise, torch.inf)

    def curvature(self) -> torch.Tensor:
        """Second derivative of the squared error by each number, were there no networks, and some more."""
        h, w = self.plan.log_variance.shape[-2:]
        spectrum = self.network.spectrum.log_variance(h, w, self.network.belief.detach())
        square = shrinkage(spectrum, self.plan.gain, self.variance)[0].square()
        return square + _CAUTION * square[self.plan.sent].mean()

    def show(self, numbers: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
        """Make the picture of numbers that are sent over noise [1, channels, h, w] of variance 1."""
        sent = self.plan.sent
        log_scale = 0.5 * numbers[sent].square().mean().clamp(min=1e-12).log()
        heard = numbers * torch.exp(-log_scale) + normals * self.noise**0.5
        arrival = Arrival(torch.where(sent, heard, 0), self.variance, log_scale[None], self.told)
        latents, doubt = self.network.estimate(arrival, self.plan)
        return self.network.synthesise_whole(latents, doubt, arrival)

    def slope(self, numbers: torch.Tensor, picture: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
        """Gradient of half the mean squared error by the numbers, over this noise."""
        numbers = numbers.detach().requires_grad_()
        shown = self.show(numbers, normals).clamp(-_OVERSHOOT, 1 + _OVERSHOOT)
        error = 0.5 * (shown - picture).square().mean()
        (gradient,) = torch.autograd.grad(error, numbers)
        return torch.where(self.plan.sent, gradient, 0)
