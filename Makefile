# make demo   sets everything up and runs the demo shop on http://localhost:8000
# make test   sets everything up and runs all checks and tests
# make extras the tests of the optional extra (torch), in an environment of its own
# make soak   every fault between shop and hub with 100,000 events each, the network cut for ten minutes
# make anonymity  checks exported tables with pyCANON, in an environment of its own
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
UV     := $(shell command -v uv 2>/dev/null)
PORT   ?= 8000

# uv where it is present, else the environment's own pip; both read the same hashed lock.
ifneq ($(UV),)
  INSTALL := VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet
else
  INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.PHONY: demo test check bench assets lock docs clean chromium extras anonymity soak sbom audit-deps

demo: $(VENV)/.installed
	$(BIN)/aeras demo --port $(PORT)

# One step a line, so that the log says which one failed; pytest last, for its closing line.
test: $(VENV)/.installed-dev chromium
	$(MAKE) check
	$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check src tests tools
	$(BIN)/ruff check src tests tools
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev
	$(BIN)/python tools/bench.py

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "AERAS needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)

# An editable install: the web assets are fetched from npm into the source tree by the build hook.
$(VENV)/.installed: $(BIN)/python requirements.lock pyproject.toml package-lock.json tools/hatch_build.py tools/web_assets.py
	$(INSTALL) -r requirements.lock
	$(INSTALL) --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	$(INSTALL) -r requirements-dev.lock
	@touch $@

# Tests of the optional extra `train`, in an environment of their own: torch is large, and with
# most indexes this fetches a build with CUDA.
extras: $(VENV)-train/.installed
	$(VENV)-train/bin/python -m pytest -m extra

$(VENV)-train/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)-train
	$(subst $(BIN),$(VENV)-train/bin,$(subst VIRTUAL_ENV=$(VENV),VIRTUAL_ENV=$(VENV)-train,$(INSTALL))) -r requirements-dev.lock
	$(VENV)-train/bin/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0" "onnx>=1.17" "stable-baselines3>=2.7,<3"
	$(subst $(BIN),$(VENV)-train/bin,$(subst VIRTUAL_ENV=$(VENV),VIRTUAL_ENV=$(VENV)-train,$(INSTALL))) --no-deps -e .
	@touch $@

# Kills, cuts, full disks and wrong clocks between a shop and its hub, in full; half an hour.
soak: $(VENV)/.installed-dev
	AERAS_SOAK=1 $(BIN)/python -m pytest -q tests/fleet/test_faults.py --durations=0

# The anonymity of exported tables, by pyCANON: it pins old versions of numpy and pandas, and so
# has an environment of its own. Once it is there, `make test` asks it as well.
anonymity: $(VENV)-anonymity/.installed $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q tests/privacy/test_anonymity.py

$(VENV)-anonymity/.installed:
	$(PYTHON) -m venv $(VENV)-anonymity
	$(VENV)-anonymity/bin/python -m pip install --quiet --disable-pip-version-check "pycanon==1.3.6"
	@touch $@

# The browser tests drive a real Chromium.
chromium:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else echo "The browser tests need Chromium: sudo apt-get install chromium" >&2; \
	    [ -z "$$AERAS_REQUIRE_BROWSER" ]; fi; }

# Makes both lock files anew: pins and hashes, no index address.
lock: $(VENV)/.installed-dev
	$(BIN)/python tools/lock.py

# What the product is made of (CycloneDX), from the lock and the model cards.
sbom: $(BIN)/python
	@mkdir -p build
	$(BIN)/python tools/sbom.py build/aeras.cdx.json

# Known holes in the locked packages. Asks an outside service; says so and passes where it cannot.
audit-deps: $(VENV)/.installed-dev
	$(BIN)/python tools/audit_deps.py

docs: $(VENV)/.installed
	$(BIN)/python tools/flowchart.py
	$(BIN)/python tools/data_dictionary.py

clean:
	rm -rf $(VENV) $(VENV)-train build dist var node_modules src/aeras/serve/static/vendor
