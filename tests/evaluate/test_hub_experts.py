"""dinov2 and clip from folders of tiny random networks, against transformers' own loading."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from evaluate.toys import images
from idvae.errors import UserError
from idvae.evaluate.experts import hub, open_expert, status
from idvae.evaluate.experts.resize import bicubic

transformers = pytest.importorskip("transformers", reason="dinov2 and clip need idvae[experts-hub]")

TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 14}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Whole models as a hub has them: of CLIP the part that reads texts too."""
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("models")
    dinov2 = transformers.Dinov2Model(transformers.Dinov2Config(**TINY, image_size=42))
    seen = TINY | {"image_size": 28, "intermediate_size": 32}
    told = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 50}
    clip = transformers.CLIPModel(
        transformers.CLIPConfig(vision_config=seen, text_config=told, projection_dim=8)
    )
    for name, model in (("dinov2", dinov2), ("clip", clip)):
        model.save_pretrained(place / name)
    return place


def pixels(x, name, size):
    """By hand: PIL's bicubic resize, then the scaling that the models were published with."""
    mean, deviation = {
        "dinov2": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        "clip": ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]),
    }[name]
    resized = [np.asarray(Image.fromarray(i).resize((size, size), Image.BICUBIC)) for i in x]
    scaled = (np.stack(resized) / 255.0 - mean) / deviation
    return torch.from_numpy(scaled.transpose(0, 3, 1, 2)).float()


@pytest.mark.parametrize(("name", "width"), [("dinov2", 16), ("clip", 8)])
def test_features_are_those_of_the_published_model(folders, name, width):
    x = images(5, seed=1, size=28)
    expert = open_expert(f"{name}@28", weights={name: str(folders / name)})
    found = expert(x).features
    assert found.shape == (5, width) == (5, expert.width)
    with torch.no_grad():
        if name == "dinov2":
            theirs = transformers.Dinov2Model.from_pretrained(folders / name)
            expected = theirs(pixel_values=pixels(x, name, 28)).last_hidden_state[:, 0]
        else:
            theirs = transformers.CLIPModel.from_pretrained(folders / name)
            seen = theirs.vision_model(pixel_values=pixels(x, name, 28)).pooler_output
            expected = theirs.visual_projection(seen)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
    assert np.ptp(found, axis=0).min() > 0
    assert len(expert.facts["weights"]) == len(expert.facts["config"]) == 64


def test_resizing_is_pils_up_to_its_rounding():
    x = images(2, seed=3, size=32)
    theirs = np.stack([np.asarray(Image.fromarray(i).resize((20, 20), Image.BICUBIC)) for i in x])
    ours = bicubic(torch.from_numpy(x).permute(0, 3, 1, 2).float(), 20)
    assert np.abs(ours.permute(0, 2, 3, 1).numpy() - theirs).max() <= 1.0
    assert 0 <= ours.min() <= ours.max() <= 255


def test_sizes_that_do_not_fit_are_told(folders):
    of = {name: {name: str(folders / name)} for name in ("dinov2", "clip")}
    assert open_expert("dinov2", weights=of["dinov2"]).size == 224
    assert open_expert("clip", weights=of["clip"]).size == 28
    with pytest.raises(UserError, match="dinov2@32: its patches have 14 px"):
        open_expert("dinov2@32", weights=of["dinov2"])
    with pytest.raises(UserError, match="clip@42: this model sees images of 28 px alone"):
        open_expert("clip@42", weights=of["clip"])


@pytest.mark.parametrize("name", ["dinov2", "clip"])
def test_without_files_it_is_said_how_to_get_them_and_nothing_is_fetched(name, own_cache):
    words = rf"hf download {hub.PUBLISHED[name]} config.json model.safetensors --local-dir "
    with pytest.raises(UserError, match=words):
        open_expert(name)
    with pytest.raises(UserError, match=words):
        open_expert(name, weights={name: "nowhere"})
    assert f"--weights {name}=FOLDER" in status(name)


def test_a_folder_in_the_cache_is_taken(folders, own_cache):
    shutil.copytree(folders / "dinov2", hub.folder_of("dinov2"))
    assert open_expert("dinov2@28").width == 16
    assert "there" in status("dinov2")


def test_pickles_and_what_does_not_fit_are_refused(folders, tmp_path):
    def opened(name="dinov2"):
        return open_expert(f"{name}@28", weights={name: str(tmp_path / "m")})

    shutil.copytree(folders / "dinov2", tmp_path / "m")
    weights, config = tmp_path / "m/model.safetensors", tmp_path / "m/config.json"
    with pytest.raises(UserError, match="is of a model 'dinov2', not clip"):
        opened("clip")
    whole, facts = load_file(weights), json.loads(config.read_text())
    save_file({k: v for k, v in whole.items() if not k.startswith("layernorm")}, weights)
    with pytest.raises(UserError, match=r"does not fit its network: layernorm\.bias"):
        opened()
    save_file(whole, weights)
    for changes, words in (
        ({"hidden_size": 32}, "does not fit its network|cannot be read as weights"),
        ({"hidden_size": 8192}, r"does not fit its network of [\d,]+ numbers"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers 1000000000 is out of range"),
        ({"hidden_size": "many"}, "hidden_size 'many' is out of range"),
        ({"num_hidden_layers": 3}, "does not fit its network: encoder"),
    ):
        config.write_text(json.dumps(facts | changes))
        with pytest.raises(UserError, match=words):
            opened()
    config.write_text("[]")
    with pytest.raises(UserError, match="is no configuration of a model"):
        opened()
    config.write_text(json.dumps(facts))
    weights.write_bytes(b"\x80\x04." + bytes(1 << 17))  # as a pickle begins
    with pytest.raises(UserError, match="cannot be read as weights"):
        opened()
    weights.rename(tmp_path / "m/pytorch_model.bin")
    with pytest.raises(UserError, match=r"dinov2 needs config\.json and model\.safetensors"):
        opened()
