import numpy as np
import pytest
import torch

from idvae.errors import UserError
from idvae.evaluate.metrics.inception_score import inception_score

LOGITS = 3 * np.random.default_rng(0).standard_normal((120, 10))


def test_limits():
    sure = np.where(np.eye(10)[np.arange(120) % 10] > 0, 0.0, -np.inf)
    assert inception_score(sure)[0] == pytest.approx(10)
    assert inception_score(np.zeros((120, 10)))[0] == pytest.approx(1)
    assert inception_score(LOGITS + 1e3)[0] == pytest.approx(inception_score(LOGITS)[0])


@pytest.mark.parametrize("splits", [2, 4, 10])
def test_equals_torchmetrics(splits):
    score = pytest.importorskip("torchmetrics.image.inception").InceptionScore
    with pytest.warns(UserWarning, match="will save all extracted features"):
        metric = score(feature=torch.nn.Identity(), splits=splits)
    metric.inception = torch.nn.Identity()
    metric.update(torch.from_numpy(LOGITS))
    torch.manual_seed(7)
    mean, deviation = metric.compute()
    torch.manual_seed(7)
    order = torch.randperm(len(LOGITS)).numpy()
    found = inception_score(LOGITS[order], splits)
    assert found == pytest.approx((mean.item(), deviation.item()), rel=1e-10)


def test_mistakes_are_told():
    assert inception_score(LOGITS)[1] is None
    with pytest.raises(UserError, match="cannot be cut"):
        inception_score(LOGITS[:3], 10)
