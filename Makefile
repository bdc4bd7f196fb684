# The front door. Everything real is in test/harness/*.py and CMakeLists.txt; this file only names it.
#
# make itself ends with 2 whenever a command fails; the commands' own codes (0 pass, 1 fail, 2 usage, 3 build,
# 4 environment, 124 budget) are printed by make as "Error N" and returned by test/harness/run.py directly.

PYTHON ?= python3
H      := test/harness
export HARTS MEM NET V PROG APPEND TREE QEMU BIOS

.DEFAULT_GOAL := help
.PHONY: help qemu serve qemu-gdb gdb kernel unit nightly lint coverage test bench trace figures count doctor format clean python

qemu: python      ## build, start exos in the emulator, give the terminal to its shell
	@$(PYTHON) $(H)/run.py qemu
serve: python     ## the same without a terminal: one JSON line when it answers, then until SIGTERM
	@exec $(PYTHON) $(H)/run.py serve
qemu-gdb: python  ## like qemu, but stopped at the first instruction, waiting for gdb
	@$(PYTHON) $(H)/run.py qemu-gdb
gdb: python       ## attach gdb to qemu-gdb from another terminal; PROG=NAME stops in the main of that program
	@$(PYTHON) $(H)/run.py gdb
kernel: python    ## only build the system (build/rv64)
	@$(PYTHON) $(H)/build.py $(or $(TREE),rv64)
test: python      ## everything: units, sanitizers, fuzz replay, guest tests, the whole system (T=TEXT selects)
	@$(PYTHON) $(H)/runtests.py $(if $(T),--only $(T))
unit: python      ## the host unit tests alone, in less than a minute
	@$(PYTHON) $(H)/runtests.py unit $(if $(T),--only $(T))
nightly: python   ## the long forms of unit tests: a million random operations; some minutes
	@$(PYTHON) $(H)/runtests.py nightly --seconds 20000
lint: python      ## compile the kernel with the second compiler, clang 14
	@$(PYTHON) $(H)/runtests.py clang
coverage: python  ## which lines and branches of the kernel the unit tests reach; V=1 names the lines that never ran
	@$(PYTHON) $(H)/coverage.py
bench: python     ## measure in instructions: tables, build/bench.json, docs/pictures/revocation.svg
	@$(PYTHON) $(H)/run.py bench
trace: python     ## run a program, PROG=NAME[:ARGUMENT...], with everything traced: build/trace.json for Perfetto, and a summary
	@$(PYTHON) $(H)/run.py trace
figures: python   ## draw the pictures of the book from a trace and from measurements: docs/pictures
	@$(PYTHON) $(H)/figures.py shares docs/pictures/shares.svg
	@$(PYTHON) $(H)/revocation.py docs/pictures/revocation.svg
count: python     ## lines of code per room; the kernel must stay below 8000
	@$(PYTHON) $(H)/count.py
doctor: python    ## each tool: found, wanted, how to get it; and a boot test
	@$(PYTHON) $(H)/doctor.py
format: python    ## lay out the C sources with clang-format
	@$(PYTHON) $(H)/format.py
clean:            ## remove all that was built
	rm -rf build
help:             ## this list
	@echo "make TARGET [HARTS=n] [MEM=MiB] [NET=user|none|dgram:LOCAL:REMOTE|tap:IF] [TREE=rv64|rv64-debug] [V=1]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

python:
	@command -v $(PYTHON) >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq python3; \
		else echo "exos: python3 is needed. Install it with: sudo apt-get install -y python3" >&2; exit 4; fi; }
