# Each target is one command that does all. What lies outside the repository is named by variables:
#
#     make train DATA=/where/the/texts/are RUN=/where/checkpoints/go HOURS=8

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
DATA ?= ../mm-data
AUDIO ?= ../mm-audio
SENSES ?= ../mm-senses
RUN ?= ../mm-run
MODEL ?= models/base
HOURS ?= 2
FUZZTIME ?= 1m

.PHONY: help test ci fuzz venv kernels train tables experts curves words export golden evaluate evaluate-senses learning learning-sets shots bench bench-quick bench-peers gpu-pack gpu-unpack gpu-programs gpu-cublas gpu-check gpu-bench gpu-train

help:  ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

test:  ## the Go tests
	go test ./...

ci:  ## everything that must pass before a change lands
	.ci/run

fuzz:  ## each fuzz target for FUZZTIME
	FUZZTIME=$(FUZZTIME) .ci/run fuzz

venv:  ## .venv with what train/ and bench/ need
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet -r train/requirements.txt

# The CUDA compiler comes as Python packages of about 300 MB; no GPU and no CUDA install is needed.

NVCC ?= build/nvcc

kernels: $(NVCC)/complete  ## compile kernels/cuda/*.cu to kernels/cuda/kernels.fatbin
	$(NVCC)/bin/python kernels/cuda/build.py --work build/cuda

$(NVCC)/complete: kernels/cuda/requirements.txt
	rm -rf $(NVCC)
	python3 -m venv $(NVCC)
	$(NVCC)/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r $<
	touch $@

# Training and what follows from it. train/README.md says what DATA holds.

KINDS ?= text,align,sounds,photos,cells

train:  ## train in RUN for HOURS in all, or go on with it
	$(PYTHON) train/train.py --data $(DATA) --senses $(SENSES) --kinds $(KINDS) --tokenizer $(MODEL) --run $(RUN) \
		--hours $(HOURS) --resume

tables:  ## the paper's tables at a small budget, in RUN.tables; results into bench/TABLES.md
	$(PYTHON) train/tables.py --data $(DATA) --senses $(SENSES) --tokenizer $(MODEL) --out $(RUN).tables
	$(PYTHON) bench/section.py --file bench/TABLES.md --name tables < $(RUN).tables/tables.md

experts: build/bin/mm  ## which experts each task uses, over the lines of JOBS; into bench/TABLES.md and bench/experts.png
	{ echo '```'; build/bin/mm info --experts --jobs "$(JOBS)" --out bench/experts.png; echo '```'; } > build/experts.md
	$(PYTHON) bench/section.py --file bench/TABLES.md --name experts < build/experts.md

curves:  ## draw RUN/log.jsonl to RUN/*.png
	$(PYTHON) train/curves.py --log $(RUN)/log.jsonl --out $(RUN)

words:  ## which word follows which, for transcripts: MODEL/words.safetensors
	$(PYTHON) train/ngram.py --data $(DATA) --senses $(SENSES) --out $(MODEL)/words.safetensors

export:  ## write RUN's averaged weights to MODEL, int8
	$(PYTHON) train/export.py --run $(RUN)/last.pt --tokenizer $(MODEL) --out $(MODEL) --data $(DATA)

golden:  ## expected values of the Go tests, from the PyTorch reference
	$(PYTHON) train/golden.py --tiny mixer/testdata/tiny --senses testdata/senses
	$(PYTHON) train/golden.py --real $(MODEL) --out testdata/golden.safetensors
	$(PYTHON) train/pictures.py --golden internal/media/picture/testdata/golden.safetensors
	$(PYTHON) train/golden_audio.py --out internal/media/audio/testdata
	$(PYTHON) train/repeats.py --golden decoders/sequence/testdata/repeats.json
	$(PYTHON) train/golden_tokens.py --tokenizer $(MODEL) --out internal/token/testdata/golden.json

evaluate: build/bin/mm  ## score MODEL on the test sets; tables into bench/RESULTS.md
	$(PYTHON) train/evaluate.py --mm build/bin/mm --data $(DATA) --model $(MODEL) --agreement 500 \
		--out build/scores.json --markdown build/scores.md
	$(PYTHON) bench/section.py --file bench/RESULTS.md --name scores < build/scores.md

evaluate-senses: build/bin/mm  ## score MODEL on people's voices and on pictures; tables into bench/RESULTS.md
	$(PYTHON) train/senses_eval.py --mm build/bin/mm --audio $(AUDIO) --senses $(SENSES) --model $(MODEL) \
		--out build/senses.json --markdown build/senses.md
	$(PYTHON) bench/section.py --file bench/RESULTS.md --name senses < build/senses.md

# Learning at run time. CLASSIFY, IMAGE and AUDIO are the folders of bench/learning/sets.py; what the model makes of their
# inputs stays in build/features, for the next call with the same checkpoint.

CLASSIFY ?= $(DATA)/classify
IMAGE ?= ../mm-image
LEARN ?= texts sounds photos shots incremental attack time
LEARN_FLAGS ?=
LEARNING = build/bin/learning --model $(MODEL) --sets build/sets --cache build/features $(LEARN_FLAGS)

learning: build/bin/learning learning-sets  ## heads, few-shot and incremental classes, attacks of MODEL; tables into bench/LEARNING.md
	for part in $(LEARN); do \
	  $(LEARNING) --part $$part > build/learning-$$part.md && \
	  $(PYTHON) bench/section.py --file bench/LEARNING.md --name $$part < build/learning-$$part.md || exit 1; done

shots: build/bin/learning learning-sets  ## MODEL/shots, what heads of a few examples begin with; after every export
	$(LEARNING) --part base --out $(MODEL)/shots

learning-sets:  ## the sets of bench/LEARNING.md as mm learn takes them, in build/sets
	$(PYTHON) bench/learning/sets.py --classify $(CLASSIFY) --image $(IMAGE) --audio $(AUDIO) --out build/sets

# Speed, on a machine that does nothing else. BENCH may say what to leave out: make bench BENCH='--skip growth'.

BENCH ?=
PROGRAMS := build/bin/mm build/bin/decode build/bin/kernels build/bin/serve
BENCH_RUN = $(PYTHON) bench/run.py --bin build/bin --peers build/peers --data $(DATA) --model $(MODEL)

bench: $(PROGRAMS) bench-peers  ## speed beside other libraries and engines; tables into bench/RESULTS.md, pictures into bench/plots
	$(BENCH_RUN) --results bench/RESULTS.md --json build/bench.json --plots bench/plots $(BENCH)

bench-quick: $(PROGRAMS) bench-peers  ## a little of all that bench does, to see that it runs; figures that mean nothing
	$(BENCH_RUN) --quick --json build/bench-quick.json --plots build/bench-quick $(BENCH)

bench-peers:  ## what bench races against, into build/peers
	bench/peers/setup.sh build/peers $(PYTHON)

.PHONY: $(PROGRAMS) build/bin/learning
build/bin/mm:
	go build -o $@ ./cmd/mm
build/bin/decode build/bin/kernels build/bin/serve build/bin/learning: build/bin/%:
	go build -o $@ ./bench/$*

# On a machine with a CUDA GPU and PyTorch, which may lack Go, the texts and a network. Results go to OUT; what later calls
# on the same machine need stays in GPU.

GPU ?= build/gpu
OUT ?= $(GPU)/out
GPU_RUN ?= $(GPU)/run
GPU_HOURS ?= 0.12
GPU_MINUTES ?= 9
GPU_ROWS ?= 512
GPU_KINDS ?= $(if $(wildcard $(GPU)/senses/*),text$(,)align$(,)sounds$(,)photos$(,)cells,text)
GPU_WORKERS ?= $(shell n=$$(nproc); echo $$((n > 8 ? n / 4 : 2)))
GPU_SIZES ?= --align-rows 32 --sound-rows 64 --photos 512 --cells 16
GPU_FLAGS ?=
IMAGES ?= ../mm-images
PARCEL_MB ?= 160
, := ,
export TORCHINDUCTOR_CACHE_DIR ?= $(abspath $(GPU))/inductor

gpu-pack:  ## DATA as token ids, SENSES and IMAGES up to PARCEL_MB, in files of at most 20 MB, for gpu-train elsewhere
	$(PYTHON) train/pack.py --data $(DATA) --tokenizer $(MODEL) --out $(GPU) --part 20
	$(if $(wildcard $(SENSES)/*),$(PYTHON) train/parcel.py pack --senses $(SENSES) --images $(IMAGES) --out $(GPU) --budget $(PARCEL_MB))

gpu-unpack:  ## there: what of gpu-pack's sounds and pictures has arrived, into GPU/senses; once a call, or once for all
	$(PYTHON) train/parcel.py unpack $(GPU)/parcel.*.tar --out $(GPU)/senses

gpu-programs:  ## what gpu-check runs, built where Go and DATA are: $(GPU)/check is all that has to be carried
	mkdir -p $(GPU)/check
	go test -c -ldflags '-s -w' -o $(GPU)/check/cuda.test ./kernels/cuda
	go test -c -ldflags '-s -w' -o $(GPU)/check/mm.test .
	for xx in de fr; do awk -F'\t' -v xx=$$xx 'NR % 8 == 1 && n++ < 125 {print xx "\t" $$1; print "en\t" $$2}' \
		$(DATA)/tatoeba/test.en-$$xx.tsv; done > $(GPU)/check/sentences.tsv

gpu-cublas:  ## cuBLAS by gorgonia.org/cu, for gpu-bench, into GPU/check; of packages of 630 MB, without CUDA or a GPU
	bench/cublas/build.sh build/cublas $(PYTHON)
	mkdir -p $(GPU)/check
	cp build/cublas/cublas $(GPU)/check/

gpu-check:  ## all tests that want a GPU, and the CUDA sanitizers, with what gpu-programs built; a missing GPU is a failure
	PYTHON=$(PYTHON) kernels/cuda/check.sh $(GPU)/check $(OUT)

gpu-bench:  ## our kernels and mm beside PyTorch on the GPU, with what gpu-programs built; OUT/gpu-bench.md, into bench/RESULTS.md
	$(PYTHON) train/bench_gpu.py --model $(MODEL) --out $(OUT) --rows $(GPU_ROWS) --programs $(GPU)/check
	$(PYTHON) bench/section.py --file bench/RESULTS.md --name gpu < $(OUT)/gpu-bench.md

gpu-train:  ## train on the GPU for GPU_HOURS in all, GPU_MINUTES a call; OUT/weights.pt.* and log.jsonl
	$(PYTHON) train/train.py --packed $(GPU)/packed.* --tokenizer $(MODEL) --run $(GPU_RUN) --device cuda --resume \
		--kinds $(GPU_KINDS) $(if $(wildcard $(GPU)/senses/*),--senses $(GPU)/senses) $(GPU_SIZES) \
		--hours $(GPU_HOURS) --minutes $(GPU_MINUTES) --rows $(GPU_ROWS) --workers $(GPU_WORKERS) $(GPU_FLAGS)
	mkdir -p $(OUT)
	cp $(GPU_RUN)/log.jsonl $(OUT)/log.jsonl
	$(PYTHON) train/ship.py --run $(GPU_RUN)/last.pt --out $(OUT)
