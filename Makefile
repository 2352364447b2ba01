# Each target does all of its own set-up on a fresh Debian machine with rustup; see scripts/need.sh.
.PHONY: help static image demo test check bench clean

help:
	@echo 'make demo    build the static binary, and watch it check a service that breaks'
	@echo 'make test    everything: unit, integration, the static binaries, Docker'
	@echo 'make static  target/static/porthole-probe and target/static/porthole'
	@echo 'make image   porthole:latest and porthole:probe, to COPY --from'
	@echo 'make check   rustfmt, clippy, licences and duplicates of dependencies'
	@echo 'make bench   what a check costs, beside busybox wget and curl'
	@echo 'make clean   remove what was built'

static:
	@scripts/need.sh cc
	@scripts/static.sh probe full

image: static
	@scripts/need.sh engine
	@scripts/image.sh

demo:
	@scripts/need.sh cc
	@scripts/static.sh
	@scripts/demo.sh

test:
	@scripts/need.sh cc engine
	@scripts/test.sh

check:
	@scripts/need.sh cc
	@scripts/check.sh

bench: static
	@scripts/bench.sh

clean:
	cargo clean
