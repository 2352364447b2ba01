# On a Debian machine with rustup, as root, each target installs what it needs: see scripts/need.sh.
# Two targets work with less: demo runs without a container engine, and test reports as skipped what
# needs `scripts/need.sh servers examples`.
.PHONY: help static image demo test check bench fuzz miri sbom scan release arm64 vm reproduce clean

help:
	@echo 'make demo       build the static binary, and show it checking a service that breaks'
	@echo 'make test       run the unit, integration, static binary and Docker tests; print a summary'
	@echo 'make static     build porthole-probe, porthole-probe-tls and porthole in target/static'
	@echo '                (ARCH=aarch64: for arm64, in target/static/aarch64)'
	@echo 'make arm64      build for arm64, and run part of the integration suite under qemu-user'
	@echo 'make vm         boot real kernels in qemu (5.10, 6.12, arm64 with 16K pages), and test in them'
	@echo 'make sbom       write the SBOMs (CycloneDX), licences and checksums of the static binaries'
	@echo 'make scan       run a scanner, syft, on the static binaries and the images'
	@echo 'make release    rehearse a release: version, tag, files, notes; nothing leaves the machine'
	@echo 'make reproduce  build the static binaries again in another directory, and compare the bytes'
	@echo 'make image      build the images porthole:latest, :probe and :probe-tls, for COPY --from'
	@echo 'make check      run rustfmt, clippy, shellcheck, cargo-deny, the oldest supported Rust, and read .github'
	@echo 'make bench      measure what checks and inspections cost, compared with other programs'
	@echo 'make fuzz       run each fuzz target for 60 seconds, or SECONDS=5'
	@echo 'make miri       run the tests of the allocator in Miri, if it is installed'
	@echo 'make clean      remove everything that was built'

static:
	@scripts/need.sh cc auditable $(if $(filter aarch64 arm64,$(ARCH)),arm64)
	@scripts/static.sh probe probe-tls full

vm: static
	@$(MAKE) --no-print-directory static ARCH=aarch64
	@scripts/need.sh vm
	@scripts/vm.sh

arm64:
	@$(MAKE) --no-print-directory static ARCH=aarch64
	@scripts/smoke.sh aarch64

sbom: static
	@scripts/need.sh cyclonedx
	@scripts/sbom.sh

scan: sbom
	@scripts/need.sh scanner engine
	@scripts/scan.sh

release:
	@scripts/need.sh cc auditable cyclonedx arm64 release
	@scripts/release.sh $(VERSION)

reproduce: static
	@scripts/reproduce.sh

image: static
	@scripts/need.sh engine
	@scripts/image.sh

demo:
	@scripts/need.sh cc auditable
	@scripts/static.sh probe full service
	@scripts/demo.sh

test:
	@scripts/need.sh cc auditable engine
	@scripts/test.sh

check:
	@scripts/need.sh cc shellcheck workflows
	@scripts/check.sh

bench: static
	@scripts/bench.sh

fuzz:
	@scripts/need.sh cc fuzz
	@scripts/fuzz.sh $(or $(SECONDS),60)

miri:
	@scripts/miri.sh

clean:
	cargo clean
