"""A real server with a toy in it: llama.cpp on 127.0.0.1, its model half a megabyte of noise or a file that is given.

`python tiny_llama.py FOLDER [MODEL.gguf]` prints the address once it answers, and serves until standard input ends.
"""

import sys
from pathlib import Path

WIDTH, LAYERS, HEADS, FEED = 64, 2, 4, 128
CONTEXT = 4096
"""Of each of the slots."""
SLOTS = 4
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write_model(path: Path) -> None:
    """A llama of random weights with a token for each byte; the same file every time.

    It only says ASCII: a stream of Messages that begins in the middle of a character lacks its first event there.
    """
    import gguf
    import numpy as np

    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    kind = gguf.TokenType
    tokens = [b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(256))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([kind.UNKNOWN, kind.CONTROL, kind.CONTROL, *[kind.BYTE] * 256])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)

    def noise(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.5, shape).astype(np.float32))

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(WIDTH, np.float32))

    noise("token_embd.weight", len(tokens), WIDTH)
    likely = random.normal(0, 0.5, (len(tokens), WIDTH)).astype(np.float32)
    likely[-128:] = 0  # behind half of the others, and only the best 40 are drawn from
    writer.add_tensor("output.weight", likely)
    ones("output_norm.weight")
    for layer in range(LAYERS):
        ones(f"blk.{layer}.attn_norm.weight")
        ones(f"blk.{layer}.ffn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            noise(f"blk.{layer}.{part}.weight", WIDTH, WIDTH)
        noise(f"blk.{layer}.ffn_gate.weight", FEED, WIDTH)
        noise(f"blk.{layer}.ffn_up.weight", FEED, WIDTH)
        noise(f"blk.{layer}.ffn_down.weight", WIDTH, FEED)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """See above."""
    import xllamacpp

    folder = Path(sys.argv[1])
    model = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "tiny.gguf"
    if len(sys.argv) == 2:
        write_model(model)
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {"tiny"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = CONTEXT * SLOTS
    params.n_parallel = SLOTS
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.use_jinja = True
    params.endpoint_metrics = True
    params.api_keys = ["key-of-the-tiny-llama"]
    params.verbosity = 0
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
