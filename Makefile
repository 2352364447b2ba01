# Each target does its own set-up on a fresh Debian machine with rustup, as root; see scripts/need.sh. Two do with less: demo,
# without a container engine, and test, which skips aloud what takes `scripts/need.sh servers examples`.
.PHONY: help static image demo test check bench fuzz miri sbom arm64 reproduce clean

help:
	@echo 'make demo    build the static binary, and watch it check a service that breaks'
	@echo 'make test    unit, integration, the static binaries, Docker; ends with a summary'
	@echo 'make static  target/static/porthole-probe and target/static/porthole'
	@echo '             ARCH=aarch64: the same for arm64, in target/static/aarch64'
	@echo 'make arm64   these, and a part of the integration suite on them, under qemu-user'
	@echo 'make sbom    what the static binaries are made of, as CycloneDX, and their checksums'
	@echo 'make reproduce  the static binaries once more in another folder: the same bytes'
	@echo 'make image   porthole:latest and porthole:probe, to COPY --from'
	@echo 'make check   rustfmt, clippy, shellcheck, the oldest Rust, licences and duplicates'
	@echo 'make bench   what a check costs, beside busybox wget and curl'
	@echo 'make fuzz    fuzz targets, each for a minute or FUZZ_SECONDS'
	@echo 'make miri    the tests of the allocator in Miri, if it is installed'
	@echo 'make clean   remove what was built'

static:
	@scripts/need.sh cc auditable $(if $(filter aarch64 arm64,$(ARCH)),arm64)
	@scripts/static.sh probe full

arm64:
	@$(MAKE) --no-print-directory static ARCH=aarch64
	@scripts/smoke.sh aarch64

sbom: static
	@scripts/need.sh cyclonedx
	@scripts/sbom.sh

reproduce: static
	@scripts/reproduce.sh

image: static
	@scripts/need.sh engine
	@scripts/image.sh

demo:
	@scripts/need.sh cc
	@scripts/static.sh probe full service
	@scripts/demo.sh

test:
	@scripts/need.sh cc engine
	@scripts/test.sh

check:
	@scripts/need.sh cc shellcheck
	@scripts/check.sh

bench: static
	@scripts/bench.sh

fuzz:
	@scripts/need.sh cc fuzz
	@scripts/fuzz.sh $(or $(FUZZ_SECONDS),60)

miri:
	@scripts/miri.sh

clean:
	cargo clean
