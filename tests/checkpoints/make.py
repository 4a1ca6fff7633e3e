"""Writes the checkpoints of the tests: two tiny models with random weights, and a real tokenizer.

    python tests/checkpoints/make.py

The directories beside this file are its output, written by transformers' own `save_pretrained`, and committed: they
are what a published checkpoint looks like. Run it again only to change them.
"""

import json
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM

HERE = Path(__file__).parent
VOCAB_SIZE = 512
END_OF_TEXT = "<|endoftext|>"

COMMON = {
    "vocab_size": VOCAB_SIZE,
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 4096,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    "eos_token_id": 0,
    "pad_token_id": 0,
    "dtype": torch.bfloat16,
}

TEXT = """
A graph is captured once and replayed many times. What the host decides during the capture is decided for good: which
kernels run, how large their grids are, which addresses they read and write. What the device decides is decided again
by every replay. A length that lives in device memory may differ from call to call; a length that was passed as an
argument may not. Most bugs of captured programs are one of these two facts, overlooked.

An allocation made before the capture and freed after it leaves the graph with an address that belongs to nobody. The
replay still reads it. As long as the allocator keeps the page and hands it to no one, the numbers are right, and the
test passes. Then another tensor moves in, and the numbers are wrong; or the page is given back to the driver, and the
process dies with an illegal memory access, far from the line that is to blame.

So: fill static inputs in place, keep the scratch space of the graph alive as long as the graph, warm up every library
before the first capture, never wait for the device inside one, and compare what a replay computes with what the eager
program computes, on more than one request, the short one after the long one. def forward(self, hidden, positions):
return self.norm(hidden + self.attention(hidden, positions)) 0 1 2 3 4 5 6 7 8 9 10 16 32 64 128 256 512 1024 4096
"""


def make_tokenizer(directory: Path) -> None:
    """Train a byte-level BPE on `TEXT`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END_OF_TEXT}, indent=2) + "\n",
        encoding="utf-8",
    )


@torch.no_grad()
def randomize(model: PreTrainedModel, seed: int) -> None:
    """Matrices of variance 2 / fan-in, norms near one: logits that differ clearly from row to row."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.copy_(1 + 0.1 * torch.randn(parameter.shape, generator=generator))
        else:
            std = (2 / parameter.shape[-1]) ** 0.5
            parameter.copy_(std * torch.randn(parameter.shape, generator=generator))


def save(model: PreTrainedModel, name: str, seed: int, **options: str) -> None:
    """Write one checkpoint directory."""
    directory = HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    randomize(model, seed)
    model.to(torch.bfloat16).save_pretrained(directory, **options)
    make_tokenizer(directory)


def main() -> None:
    """Write both."""
    dense = Qwen3Config(**COMMON, tie_word_embeddings=True)
    save(Qwen3ForCausalLM(dense), "qwen3-tiny", seed=1)
    moe = Qwen3MoeConfig(
        **COMMON,
        num_experts=8,
        num_experts_per_tok=2,
        moe_intermediate_size=32,
        norm_topk_prob=True,
        mlp_only_layers=[1],
    )
    save(Qwen3MoeForCausalLM(moe), "qwen3-moe-tiny", seed=2, max_shard_size="200KB")


if __name__ == "__main__":
    main()
